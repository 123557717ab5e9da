//! YAML, written: just enough for a topology file, with comments wherever they belong and short things on one line.
//!
//! The reader's library writes YAML as well, but leaves comments out beside mappings and lists, which is where ours stand. What
//! is written here is kept simple instead: a text is plain when nothing could take it for anything else, and otherwise stands in
//! double quotes with everything escaped that is not printable. A property test reads all of it back.

use serde_json::Value;

/// Where a line gets too long for what could also stand on several.
const WIDTH: usize = 100;

/// A value to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Yaml {
    /// A number, a flag, a duration: as it is.
    Plain(String),
    /// A text of any kind.
    Text(String),
    /// A list; on one line when it fits.
    List(Vec<Yaml>),
    /// A mapping over several lines, unless it is empty or has one short entry.
    Map(Vec<(String, Yaml)>),
    /// A mapping on one line when it fits.
    Flow(Vec<(String, Yaml)>),
}

impl Yaml {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    pub(crate) fn map<const N: usize>(entries: [(&str, Self); N]) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// JSON as YAML, in its own order.
    pub(crate) fn json(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::list(items.iter().map(Self::json)),
            Value::Object(entries) => {
                Self::Flow(entries.iter().map(|(key, value)| (key.clone(), Self::json(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Plain(value.to_string()),
        }
    }

    /// The entries of a mapping, each on lines of its own, `indent` blanks in.
    pub(crate) fn block(&self, indent: usize) -> String {
        let (Self::Map(entries) | Self::Flow(entries)) = self else { return self.inline() };
        let mut out = String::new();
        for (key, value) in entries {
            out.push_str(&" ".repeat(indent));
            out.push_str(&scalar(key));
            out.push(':');
            value.after_key(indent, indent + key.len() + 2, &mut out);
        }
        out
    }

    /// A mapping as an item of a list, `indent` blanks in.
    pub(crate) fn item(&self, indent: usize) -> String {
        let flow = self.inline();
        if !matches!(self, Self::Map(_) | Self::Flow(_)) || flow.len() + indent + 2 <= WIDTH {
            return format!("{}- {flow}\n", " ".repeat(indent));
        }
        let block = self.block(indent + 2);
        format!("{}- {}", " ".repeat(indent), block.trim_start_matches(' '))
    }

    /// What follows `key:`, to the end of its last line. `column` is where a value on the key's line would begin.
    fn after_key(&self, indent: usize, column: usize, out: &mut String) {
        let flow = self.inline();
        let short = match self {
            Self::Plain(_) | Self::Text(_) => true,
            Self::Map(entries) => {
                entries.is_empty() || (entries.len() == 1 && !flow.contains('[') && column + flow.len() <= WIDTH)
            }
            Self::List(items) if items.is_empty() => true,
            Self::Flow(entries) if entries.is_empty() => true,
            Self::List(_) | Self::Flow(_) => column + flow.len() <= WIDTH,
        };
        if short {
            out.push_str(&format!(" {flow}\n"));
            return;
        }
        out.push('\n');
        match self {
            Self::List(items) => items.iter().for_each(|item| out.push_str(&item.item(indent + 2))),
            _ => out.push_str(&self.block(indent + 2)),
        }
    }

    /// The value on one line.
    fn inline(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Text(text) => scalar(&literal(text)),
            Self::List(items) => format!("[{}]", items.iter().map(Self::inline).collect::<Vec<_>>().join(", ")),
            Self::Map(entries) | Self::Flow(entries) if entries.is_empty() => "{}".into(),
            Self::Map(entries) | Self::Flow(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", scalar(key), value.inline()));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A comment's line, its end included. Whatever could end the line early is taken out.
pub(crate) fn comment(text: &str) -> String {
    let text: String = text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect();
    format!("# {}\n", text.trim())
}

/// `text` such that the language's variables leave it as it is: `$$` is a `$`, and `${` begins a variable.
fn literal(text: &str) -> String {
    if text.contains("${") || text.contains("$$") { text.replace('$', "$$") } else { text.to_owned() }
}

/// Words that YAML 1.1 or 1.2 takes for something else than text.
const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let simple = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    if begins && simple && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_unprintable(c) => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What YAML wants escaped (<https://yaml.org/spec/1.2.2/#51-character-set>), or reads as a line's end; none of it is beyond
/// the first plane.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::topology::problem::Problems;
    use crate::topology::yaml;

    fn read(text: &str) -> Value {
        let mut problems = Problems::new(vec!["t.yaml".into()]);
        let node =
            yaml::parse(text, 0, &mut problems).unwrap_or_else(|| panic!("{:?}\n{text}", problems.into_sorted()));
        node.to_json()
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[-?:,\\[\\]{}#&*!|>'\"%@` \n\t\\\\.0-9eExX_~+]{0,12}",
            prop::sample::select(vec![
                "",
                " ",
                "no",
                "NULL",
                "True",
                "~",
                "1",
                "1.0",
                "0x1f",
                "1e5",
                "- a",
                "a: b",
                "a #b",
                "---",
                "...",
                "%YAML",
                "\u{2028}",
                "\u{85}",
                "\u{feff}x",
                "😀",
                "<<",
                "=",
                "2026-11-23",
                "12:30",
                "*a",
                "&a",
                "!t",
                "'",
                "\"",
                "\\",
            ])
            .prop_map(str::to_owned),
        ]
        .prop_map(|text| text.replace('$', "S"))
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            hostile().prop_map(Value::String),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::btree_map(hostile(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn what_is_written_is_read_back(value in values(), key in hostile(), note in any::<String>()) {
            let body = Yaml::Map(vec![
                (key.clone(), Yaml::json(&value)),
                ("zz-list".into(), Yaml::list([Yaml::json(&value), Yaml::Map(vec![("zz".into(), Yaml::json(&value))])])),
            ]);
            let text = format!("{}{}", comment(&note), body.block(0));
            prop_assert_eq!(read(&text), json!({ key: value, "zz-list": [value, { "zz": value }] }), "{}", text);
        }
    }

    #[test]
    fn what_is_short_stands_on_one_line() {
        let entry = Yaml::Map(vec![
            ("users".into(), Yaml::Map(vec![])),
            ("q".into(), Yaml::map([("retention", Yaml::Plain("14d".into()))])),
            ("f".into(), Yaml::json(&json!({"eventName": ["A", "B"], "m": [{"numeric": [">", 1]}]}))),
        ]);
        assert_eq!(
            entry.block(2),
            "  users: {}\n  q: { retention: 14d }\n  f: { eventName: [A, B], m: [{ numeric: [\">\", 1] }] }\n"
        );
    }

    #[test]
    fn a_dollar_is_doubled_only_where_it_could_begin_a_variable() {
        for (text, written) in [("$5", "\"$5\""), ("${a}", "\"$${a}\""), ("a$$b", "\"a$$$$b\""), ("$", "\"$\"")] {
            assert_eq!(Yaml::text(text).inline(), written);
        }
    }

    #[test]
    fn a_comment_is_one_line() {
        assert_eq!(comment("a\nb: c\u{2028}\u{1b}[2J"), "# a\u{fffd}b: c\u{fffd}\u{fffd}[2J\n");
    }
}
