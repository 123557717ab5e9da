//! Placeholder of the branch that builds the room.
use serde::{Deserialize, Serialize};
/// How an envelope spells its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvelopeStyle {
    /// `EventName`: what existing publishers write and existing subscribers read.
    #[default]
    Pascal,
    /// `eventName`. The Python library neither writes nor reads it.
    Camel,
    /// `event_name`.
    Snake,
}

impl EnvelopeStyle {
    /// All of them, as the configuration spells them.
    pub const ALL: [(&'static str, Self); 3] =
        [("pascal", Self::Pascal), ("camel", Self::Camel), ("snake", Self::Snake)];
}

impl std::fmt::Display for EnvelopeStyle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, style)| style == self).map_or("pascal", |(name, _)| name))
    }
}

impl std::str::FromStr for EnvelopeStyle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|&(_, style)| style)
            .ok_or_else(|| format!("`{text}` is no envelope, expected `pascal`, `camel` or `snake`"))
    }
}
