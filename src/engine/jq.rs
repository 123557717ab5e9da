//! jq programs: `--where`, `--edit`, `--map`. jaq reads and runs them; what stands here is how they are refused, and that a
//! program sees its input and nothing else: no environment, no other input, no files.
//!
//! Knows nothing of events. Numbers that a program only hands through keep the digits they were written with.

use std::fmt;

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data};
use jaq_json::{Val, read, write};

type Kind = data::JustLut<Val>;

/// A jq program, compiled once for all the documents it is run over.
pub struct Program {
    text: String,
    filter: Filter<Kind>,
}

/// Why a text is no jq program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("jq program `{text}` cannot be read: column {column}: {message}")]
pub struct BadProgram {
    /// The program as it was given.
    pub text: String,
    /// Where, in characters from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

/// Why a program gave nothing for one document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("jq program `{text}` fails: {message}")]
pub struct Failed {
    /// The program as it was given.
    pub text: String,
    /// What jq says about it.
    pub message: String,
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// It is no jq, or it names a function that is not there; with the column.
    pub fn compile(text: &str) -> Result<Self, BadProgram> {
        let bad = |part: &str, message: String| {
            let before = load::span(text, part).start.min(text.len());
            let column = text.get(..before).unwrap_or_default().chars().count() + 1;
            BadProgram { text: text.to_owned(), column, message }
        };
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        // The environment holds secrets, and an expression travels in scripts.
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let functions = functions.filter(|(name, ..)| *name != "env");
        let arena = Arena::default();
        let modules = Loader::new(definitions).load(&arena, File { code: text, path: () }).map_err(|errors| {
            let first = errors.into_iter().next().map(|(_, error)| error);
            match first {
                Some(load::Error::Lex(errors)) => errors.first().map(|(expected, found)| {
                    bad(found, format!("{} is expected, not {}", expected.as_str(), found_in(found)))
                }),
                Some(load::Error::Parse(errors)) => errors.first().map(|(expected, found)| {
                    let expected = if expected.as_str() == "nothing" { "nothing more" } else { expected.as_str() };
                    bad(found, format!("{expected} is expected, not {}", found_in(found)))
                }),
                Some(load::Error::Io(errors)) => {
                    errors.first().map(|(part, _)| bad(part, "a program cannot load modules".into()))
                }
                None => None,
            }
            .unwrap_or_else(|| bad(text, "it is no jq".into()))
        })?;
        let filter = Compiler::default().with_funs(functions).compile(modules).map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
            first.map_or_else(
                || bad(text, "it is no jq".into()),
                |(name, kind)| bad(name, format!("there is no {} `{name}`", kind.as_str())),
            )
        })?;
        Ok(Self { text: text.to_owned(), filter })
    }

    /// The program as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the program's first output for a JSON document is anything but `false` and `null`. No output is no.
    ///
    /// # Errors
    /// The document is no JSON, or the program fails on it.
    pub fn selects(&self, json: &str) -> Result<bool, Failed> {
        self.over(json, |outputs| match outputs.next() {
            None => Ok(false),
            Some(value) => Ok(!matches!(value?, Val::Null | Val::Bool(false))),
        })
    }

    /// Every output of the program for a JSON document, each as JSON on one line.
    ///
    /// # Errors
    /// The document is no JSON, the program fails on it, or an output cannot be said in JSON (`nan`, `infinite`, a byte
    /// string).
    pub fn outputs(&self, json: &str) -> Result<Vec<String>, Failed> {
        self.over(json, |outputs| {
            let mut lines = Vec::new();
            for value in outputs {
                let mut line = Vec::new();
                write::write(&mut line, &write::Pp::default(), 0, &value?).map_err(|error| self.failed(error))?;
                let line = String::from_utf8(line).map_err(|_| self.failed("an output is no text"))?;
                // jaq writes `NaN` and `Infinity` where JSON has nothing.
                if serde_json::from_str::<serde::de::IgnoredAny>(&line).is_err() {
                    return Err(self.failed(format!("`{line}` is no JSON")));
                }
                lines.push(line);
            }
            Ok(lines)
        })
    }

    fn over<T>(
        &self,
        json: &str,
        take: impl FnOnce(&mut dyn Iterator<Item = Result<Val, Failed>>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let input = read::parse_single(json.as_bytes())
            .map_err(|error| self.failed(format!("its input is no JSON: {error}")))?;
        let context = Ctx::<Kind>::new(&self.filter.lut, Vars::new([]));
        let mut outputs = self.filter.id.run((context, input)).map(|output| {
            // jaq's own way to unwrap would end the process at `halt`.
            output.map_err(|exception| match exception.get_err() {
                Ok(error) => self.failed(error),
                Err(_) => self.failed("`halt` has no meaning here"),
            })
        });
        take(&mut outputs)
    }

    fn failed(&self, message: impl fmt::Display) -> Failed {
        Failed { text: self.text.clone(), message: message.to_string() }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.text).finish()
    }
}

fn found_in(part: &str) -> String {
    match part.chars().next() {
        None => "the end".into(),
        Some(first) if first.is_alphanumeric() => {
            let word: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(30).collect();
            format!("`{word}`")
        }
        Some(first) => format!("`{first}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(program: &str, json: &str) -> Vec<String> {
        Program::compile(program).unwrap().outputs(json).unwrap()
    }

    #[test]
    fn programs_select_and_change() {
        let program = Program::compile(".payload.plan == \"pro\"").unwrap();
        assert!(program.selects(r#"{"payload":{"plan":"pro"}}"#).unwrap());
        assert!(!program.selects(r#"{"payload":{}}"#).unwrap());
        assert!(!Program::compile("empty").unwrap().selects("1").unwrap());
        assert!(Program::compile("range(infinite)").unwrap().selects("1").unwrap(), "one output is enough");
        assert_eq!(outputs(".a += 1 | del(.b)", r#"{"a":1,"b":2}"#), [r#"{"a":2}"#]);
        assert_eq!(outputs(".[]", "[1,\"a\"]"), ["1", "\"a\""]);
        assert_eq!(outputs("test(\"^a\")", "\"abc\""), ["true"]);
    }

    #[test]
    fn numbers_that_pass_through_keep_their_digits() {
        let json = r#"{"price":1.10,"id":123456789012345678901234567890,"e":1e2}"#;
        assert_eq!(outputs(".", json), [json]);
    }

    #[test]
    fn a_bad_program_is_told_with_its_column() {
        let bad = |program: &str| Program::compile(program).map(|_| ()).unwrap_err().to_string();
        let all: Vec<String> =
            [".a | nonesuch(1)", ".a ||", "{\"a: 1", "env.HOME", "import \"a\" as a; 1", ""].map(bad).into();
        let told = [
            "jq program `.a | nonesuch(1)` cannot be read: column 6: there is no filter `nonesuch`",
            "jq program `.a ||` cannot be read: column 4: nothing more is expected, not `|`",
            "jq program `{\"a: 1` cannot be read: column 7: closing quote is expected, not the end",
            "jq program `env.HOME` cannot be read: column 1: there is no filter `env`",
            "jq program `import \"a\" as a; 1` cannot be read: column 9: a program cannot load modules",
            "jq program `` cannot be read: column 1: term is expected, not the end",
        ];
        assert_eq!(all, told);
    }

    #[test]
    fn what_fails_says_what_jq_says() {
        let failed =
            |program: &str, json: &str| Program::compile(program).unwrap().outputs(json).unwrap_err().to_string();
        let all = [failed(".a.b", r#"{"a":1}"#), failed("nan", "1"), failed("halt", "1"), failed(".", "{")];
        let told = [
            "jq program `.a.b` fails: cannot index 1 with \"b\"",
            "jq program `nan` fails: `NaN` is no JSON",
            "jq program `halt` fails: `halt` has no meaning here",
            "jq program `.` fails: its input is no JSON: byte offset 1: value or end of sequence expected",
        ];
        assert_eq!(all, told);
    }
}
