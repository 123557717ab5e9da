//! `schema new`.

use clap::Args;

use super::{Place, write_file};
use crate::commands::Cx;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::quoted;
use crate::schema::failure::{FAILURE_FILE, failure_base, is_failure_name, starter};

/// Write the schema of a new event to start from
#[derive(Debug, Args)]
#[command(
    after_help = "With a schema already there, the next version is begun as a copy of the highest: `UserRegistered.v2.json`.\n\
    A name that ends in `Failed` begins with the base of failure events (`code`, `data`, `detail`, `origin`).\n\n\
    Example: eventbus schema new OrderPlaced"
)]
pub struct NewArgs {
    /// The event
    #[arg(value_name = "EVENT")]
    event: String,
    /// Begin with the base of failure events [default: when the name ends in `Failed`]
    #[arg(long)]
    failure: bool,
}

pub(super) fn new(cx: &Cx, place: &Place, args: &NewArgs) -> Result<Outcome, CliError> {
    let event = args.event.as_str();
    let bad = |c: char| c == '/' || c == '\\' || c.is_control();
    if event.is_empty() || event.starts_with(['.', '_']) || event.contains(bad) || event.len() > 200 {
        return Err(CliError::usage(format!("`{event}` cannot be the name of an event's file"))
            .hint("an event is called like `UserRegistered`"));
    }
    let catalogue = crate::schema::Catalogue::open(&place.folder).map_err(|error| super::unusable(&error))?;
    let highest = catalogue.versions(event).last();
    let (file, schema) = match highest {
        Some(version) => {
            let schema = catalogue.schema(event, None).map_err(|error| super::unusable(&error))?;
            let before = catalogue.file(event, version).unwrap_or(&place.folder);
            let in_folder = before.parent().and_then(|parent| parent.file_name()).is_some_and(|name| name == event)
                && before.file_stem().is_some_and(|stem| stem.to_string_lossy() == format!("v{version}"));
            let name = format!("v{}.json", u64::from(version) + 1);
            let file = if in_folder {
                place.folder.join(event).join(name)
            } else {
                place.folder.join(format!("{event}.{name}"))
            };
            (file, schema.map(|schema| schema.source().clone()).unwrap_or_default())
        }
        None => {
            let failure = args.failure || is_failure_name(event);
            if failure && !place.folder.join(FAILURE_FILE).exists() {
                write_file(cx, &place.folder.join(FAILURE_FILE), &format!("{:#}\n", failure_base()))?;
            }
            (place.folder.join(format!("{event}.json")), starter(event, failure))
        }
    };
    write_file(cx, &file, &format!("{schema:#}\n"))?;
    let event = quoted(event);
    cx.ui.status(format!("Next: `eventbus schema lint {event}`, then `eventbus schema example {event}`"));
    Ok(Outcome::Done)
}
