//! What changes between two versions of a payload schema, and whom it breaks.
//!
//! Two questions decide: does every payload of the old schema pass the new one (*backward*: events that are stored, or come
//! from producers that still have the old schema, stay good), and does every payload of the new one pass the old (*forward*:
//! consumers that still have the old schema understand what comes). Both are proofs, keyword by keyword: see `prove`.
//!
//! *Strict* takes schemas at their word. *Pragmatic* takes payloads to hold only what their schema describes, and consumers to
//! ignore properties that theirs does not know: so an optional property can be added, to an open or a closed model, without
//! breaking anybody, and what cannot be decided is told but not counted.

mod containers;
mod forms;
mod notes;
mod prove;
mod same;
mod scalar;

pub(in crate::schema) use self::scalar::FORMATS;

use std::cell::Cell;
use std::collections::BTreeMap;

use self::prove::{About, Finding, Prover, Waiver};
use super::Schema;

/// Steps of a comparison: beyond any schema that people write, and short of a second.
const FUEL: u32 = 20_000;

/// Whom a change must not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Payloads of the old schema pass the new one.
    Backward,
    /// Payloads of the new schema pass the old one.
    Forward,
    /// Both.
    Full,
}

impl Mode {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Full => "full",
        }
    }
}

/// What a change does in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Breaks, for the reason.
    Breaks(String),
    /// Breaks by the letter alone: not for those who send only what is described and ignore what they do not know.
    ByTheLetter(String),
    /// Nobody can tell.
    Undecided(String),
}

impl Effect {
    /// Whether it counts as breaking.
    pub const fn is_breaking(&self, strict: bool) -> bool {
        match self {
            Self::None => false,
            Self::Breaks(_) => true,
            Self::ByTheLetter(_) | Self::Undecided(_) => strict,
        }
    }

    /// The reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Breaks(why) | Self::ByTheLetter(why) | Self::Undecided(why) => Some(why),
        }
    }

    /// Its name in records.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Breaks(_) => "breaks",
            Self::ByTheLetter(_) => "by_the_letter",
            Self::Undecided(_) => "undecided",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// JSON pointer to the keyword, as if what is referred to stood in place.
    pub pointer: String,
    /// The keyword.
    pub keyword: String,
    /// The change in words.
    pub what: String,
    /// What stood there, as JSON cut to size.
    pub old: Option<String>,
    /// What stands there now.
    pub new: Option<String>,
    /// File and pointer of what decides.
    pub place: String,
    /// For payloads of the old schema: producers that still send them, and events that are stored.
    pub backward: Effect,
    /// For consumers that still have the old schema.
    pub forward: Effect,
}

impl Change {
    /// Whether it breaks in `mode`.
    pub const fn is_breaking(&self, mode: Mode, strict: bool) -> bool {
        match mode {
            Mode::Backward => self.backward.is_breaking(strict),
            Mode::Forward => self.forward.is_breaking(strict),
            Mode::Full => self.backward.is_breaking(strict) || self.forward.is_breaking(strict),
        }
    }

    /// Whether nobody can tell what it does in `mode`.
    pub const fn is_undecided(&self, mode: Mode) -> bool {
        let (backward, forward) =
            (matches!(self.backward, Effect::Undecided(_)), matches!(self.forward, Effect::Undecided(_)));
        match mode {
            Mode::Backward => backward,
            Mode::Forward => forward,
            Mode::Full => backward || forward,
        }
    }
}

/// Every difference between two versions of a schema, breaking ones among them, in the order of their pointers.
pub fn compare(old: &Schema, new: &Schema) -> Vec<Change> {
    let (before, after) = (old.documents(), new.documents());
    let fuel = Cell::new(FUEL);
    let narrows = Prover::new(before, after, &fuel).findings();
    fuel.set(FUEL);
    let widens = Prover::new(after, before, &fuel).findings();
    let mut changes: BTreeMap<(String, String), Change> = BTreeMap::new();
    let directions = narrows.into_iter().map(|f| (f, true)).chain(widens.into_iter().map(|f| (f, false)));
    for (finding, backward) in directions {
        merge(&mut changes, finding, backward);
    }
    if before.root().doc.four != after.root().doc.four {
        let effect = || Effect::Undecided("draft 4 reads `1.0` and exclusive bounds differently".into());
        let (pointer, what) = ("/$schema".to_owned(), "the dialect changed".to_owned());
        let keyword = "$schema".to_owned();
        let place = format!("{}#/$schema", after.root().doc.name);
        let change =
            Change { pointer, keyword, what, old: None, new: None, place, backward: effect(), forward: effect() };
        changes.insert(("/$schema".into(), String::new()), change);
    }
    for change in notes::between(before, after) {
        if !changes.keys().any(|(pointer, _)| *pointer == change.pointer) {
            changes.insert((change.pointer.clone(), String::new()), change);
        }
    }
    changes.into_values().collect()
}

fn merge(changes: &mut BTreeMap<(String, String), Change>, finding: Finding, backward: bool) {
    let (writer, reader) = if backward { ("old", "new") } else { ("new", "old") };
    let reason = format!("payloads of the {writer} schema {}; the {reader} one refuses that", finding.why);
    let effect = match finding {
        Finding { certain: false, .. } => Effect::Undecided(format!("payloads of the {writer} schema {}", finding.why)),
        Finding { waiver: Some(Waiver::Undescribed), .. } => Effect::ByTheLetter(reason),
        // Producers are held to a closed schema; consumers ignore what they do not know.
        Finding { waiver: Some(Waiver::Closed), .. } if !backward => Effect::ByTheLetter(reason),
        _ => Effect::Breaks(reason),
    };
    let brief = |value: &Option<serde_json::Value>| value.as_ref().map(prove::brief);
    let (wants, has) = (brief(&finding.wants), brief(&finding.has));
    let (old, new) = if backward { (has, wants) } else { (wants, has) };
    let what = words(&finding, backward, old.as_deref(), new.as_deref());
    let key = (finding.path.clone(), finding.subject.clone());
    let change = changes.entry(key).or_insert_with(|| Change {
        pointer: finding.path.clone(),
        keyword: finding.keyword.clone(),
        what,
        old,
        new,
        place: finding.place.clone(),
        backward: Effect::None,
        forward: Effect::None,
    });
    let slot = if backward { &mut change.backward } else { &mut change.forward };
    let weight = |effect: &Effect| match effect {
        Effect::None => 0,
        Effect::ByTheLetter(_) => 1,
        Effect::Undecided(_) => 2,
        Effect::Breaks(_) => 3,
    };
    if weight(&effect) > weight(slot) {
        *slot = effect;
    }
}

/// The change in words. `backward`: the new schema demands what the old one does not guarantee.
fn words(finding: &Finding, backward: bool, old: Option<&str>, new: Option<&str>) -> String {
    let keyword = &finding.keyword;
    let subject = crate::event::json::shorten(&finding.subject, 60);
    match (finding.about, keyword.as_str()) {
        (About::Described, _) if subject.is_empty() => {
            if backward { "further properties are described now" } else { "further properties are no longer described" }
                .into()
        }
        (About::Described, _) => {
            format!("property `{subject}` {}", if backward { "added" } else { "removed" })
        }
        (About::Unknown, "anyOf" | "oneOf") => format!("{subject} {}", if backward { "removed" } else { "added" }),
        (About::Unknown, _) => format!("property `{subject}` {}", if backward { "removed" } else { "added" }),
        (About::Keyword, "required") => {
            format!("`{subject}` is {}", if backward { "now required" } else { "no longer required" })
        }
        (About::Keyword, "schema") => "another schema".into(),
        (About::Keyword, "additionalProperties") if finding.wants == Some(false.into()) => {
            if backward { "further properties are refused now" } else { "further properties are let pass now" }.into()
        }
        _ => match (old, new) {
            (Some(old), Some(new)) if old == new => format!("`{keyword}`: what goes with {old} changed"),
            (Some(old), Some(new)) => format!("`{keyword}` {old} became {new}"),
            (None, Some(new)) => format!("`{keyword}` {new} added"),
            (Some(old), None) => format!("`{keyword}` {old} removed"),
            (None, None) => format!("`{keyword}` changed"),
        },
    }
}

#[cfg(test)]
mod tests;
