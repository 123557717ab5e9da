//! What topics and queues have in common: what a row does about a thing that somebody else made.

use super::owner::{self, Maker};
use super::scene::Scene;
use super::{Action, FieldChange, Kind};

/// What is to be done about something that stands and differs in `fields`. A thing of another topology is never changed: two
/// files that say different things about it would undo each other for ever.
pub(super) fn action_of(
    scene: &Scene<'_>,
    (kind, name): (Kind, &str),
    maker: Maker<'_>,
    fields: &[FieldChange],
    faults: &mut Vec<String>,
) -> Action {
    let noun = kind.noun();
    match maker {
        Maker::Other(other) if scene.options.adopt => {
            faults.push(format!(
                "the {noun} `{name}` belongs to the topology `{other}`: `--adopt` takes over only what belongs to none"
            ));
            Action::Foreign
        }
        Maker::Other(_) if fields.is_empty() => Action::Foreign,
        Maker::Other(other) => {
            let differing: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
            faults.push(format!(
                "the {noun} `{name}` belongs to the topology `{other}`, and this file says something else about its {}: change it there, or refer to it here with `external: true`",
                crate::words::list(&differing)
            ));
            Action::Foreign
        }
        Maker::Unknown if scene.options.adopt => {
            faults.push(format!(
                "the {noun} `{name}` cannot be adopted: its tags cannot be read, so it may be another's"
            ));
            Action::Foreign
        }
        _ if fields.is_empty() => Action::Unchanged,
        _ => Action::Change,
    }
}

/// What is said about a thing that stands; `ours`: it will be.
pub(super) fn note(maker: Maker<'_>, ours: bool) -> Option<String> {
    match maker {
        Maker::Nobody if ours => Some("adopted: from now on everything about it is as the file says".into()),
        maker => owner::note_of(maker),
    }
}
