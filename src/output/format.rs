//! The formats that `-o` names: one list, of which each verb declares the ones it has.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// Many lines an item, for people.
    Pretty,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// One YAML document.
    Yaml,
    /// A tree for terminals.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// A graph for Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// A page for a forge or a wiki.
    Markdown,
}

impl Format {
    const ALL: [Self; 10] = [
        Self::Table,
        Self::Pretty,
        Self::Json,
        Self::Ndjson,
        Self::Yaml,
        Self::Text,
        Self::Mermaid,
        Self::Dot,
        Self::Svg,
        Self::Markdown,
    ];

    /// Its spelling on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Pretty => "pretty",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Yaml => "yaml",
            Self::Text => "text",
            Self::Mermaid => "mermaid",
            Self::Dot => "dot",
            Self::Svg => "svg",
            Self::Markdown => "markdown",
        }
    }

    /// The parser of a verb's `-o` that takes just `formats`:
    /// `#[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = Format::one_of(&[Format::Table, Format::Json]))]`.
    pub fn one_of(formats: &'static [Self]) -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(formats.iter().map(|format| format.name())).map(|name| {
            Self::ALL.into_iter().find(|format| format.name() == name).expect("clap only lets the listed names through")
        })
    }
}
