//! `eventbus.yaml`: found from the working directory upwards, read strictly.
//!
//! The file's language is written down once more in `schemas/config.schema.json`; a test holds the two together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::CliError;
use crate::event::EnvelopeStyle;
use crate::words;

/// The name that is searched for.
pub const FILE_NAME: &str = "eventbus.yaml";

/// The file as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// `metadata.publisherName`, written as given.
    pub(super) publisher: Option<String>,
    /// Path of the topology.
    pub(super) topology: Option<String>,
    /// Path of the folder of payload schemas.
    pub(super) schemas: Option<String>,
    /// How the envelope is written: `pascal`, `camel` or `snake`.
    pub(super) envelope: Option<EnvelopeStyle>,
    /// Refuse events without a schema.
    pub(super) require_schema: Option<bool>,
    /// Defaults of `consume`.
    #[serde(default)]
    pub(super) consume: ConsumeFile,
    /// What `consume` runs over which events: event-name patterns and their handlers.
    #[serde(default)]
    pub(super) handlers: BTreeMap<String, HandlerFile>,
    /// The commands around `publish`.
    #[serde(default)]
    pub(super) publish: PublishFile,
    /// The context to use where neither flag nor environment says.
    pub(super) context: Option<String>,
    /// The buses by name.
    #[serde(default)]
    pub(super) contexts: BTreeMap<String, ContextFile>,
}

/// `consume:`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsumeFile {
    /// The queue to consume where none is named.
    pub(super) queue: Option<String>,
    /// How long a handler may take where `--timeout` does not say.
    pub(super) timeout: Option<String>,
}

/// One of `handlers:`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct HandlerFile {
    /// A shell line.
    pub exec: Option<String>,
    /// A program and its arguments, without a shell.
    pub command: Option<Vec<String>>,
    /// A web service's URL.
    pub forward: Option<String>,
    /// `spawn`, `batch` or `stream`.
    pub protocol: Option<String>,
    /// Events of one batch.
    pub batch: Option<usize>,
    /// How long a batch is filled.
    pub batch_wait: Option<String>,
    /// Events in the hands of one process.
    pub inflight: Option<usize>,
    /// Processes or requests at once.
    pub workers: Option<usize>,
    /// How long one may take.
    pub timeout: Option<String>,
    /// The waits between attempts.
    pub retry: Option<RetryFile>,
}

/// `retry:` of a handler.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RetryFile {
    /// The wait after the first attempt; doubles with each further one.
    pub first: Option<String>,
    /// The longest wait.
    pub longest: Option<String>,
}

/// `publish:`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishFile {
    /// A command that sees each event before it is sent, and may change or refuse it.
    pub(super) before: Option<String>,
    /// A command that is told what became of each.
    pub(super) after: Option<String>,
}

/// One of `contexts:`. One struct for both kinds, because an unknown key is an error with its line, which a tagged enum loses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContextFile {
    /// `local` or `aws`.
    pub(super) kind: ContextKind,
    /// Local: the bus file.
    pub(super) path: Option<String>,
    /// AWS: the profile.
    pub(super) profile: Option<String>,
    /// AWS: the region.
    pub(super) region: Option<String>,
    /// AWS: the account, twelve digits in quotes.
    pub(super) account: Option<String>,
    /// AWS: another endpoint.
    pub(super) endpoint_url: Option<String>,
    /// Ask for the resource's typed name before anything destructive.
    #[serde(default)]
    pub(super) protected: bool,
}

/// The kinds of bus.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ContextKind {
    /// The embedded bus.
    Local,
    /// SNS and SQS, or an endpoint that answers as they do.
    Aws,
}

/// The nearest `eventbus.yaml` at or above `from`.
pub(super) fn find(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.is_file())
}

/// Reads and checks `path`.
///
/// # Errors
/// Unreadable (exit 1) or invalid (exit 2: the settings of the run are wrong), naming line and column.
pub(super) fn load(path: &Path) -> Result<ConfigFile, CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("{} cannot be read", path.display())).because(&error))?;
    parse(&text, &path.display().to_string())
}

/// Reads `text`, naming it `name` in errors.
fn parse(text: &str, name: &str) -> Result<ConfigFile, CliError> {
    if text.trim().is_empty() {
        return Ok(ConfigFile::default());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        use serde_saphyr::Error;
        let at = error.location().map_or(String::new(), |at| format!(":{}:{}", at.line(), at.column()));
        match error.without_snippet() {
            Error::SerdeUnknownField { field, expected, .. } => {
                let wrong = CliError::usage(format!(
                    "{name}{at}: unknown key `{field}`; expected one of {}",
                    words::list(expected)
                ));
                match words::did_you_mean(field, expected.iter().copied()) {
                    Some(meant) => wrong.hint(meant),
                    None => wrong,
                }
            }
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                let wrong = CliError::usage(format!(
                    "{name}{at}: unknown value `{variant}`; expected one of {}",
                    words::list(expected)
                ));
                match words::did_you_mean(variant, expected.iter().copied()) {
                    Some(meant) => wrong.hint(meant),
                    None => wrong,
                }
            }
            Error::DuplicateMappingKey { key, .. } => {
                let key = key.as_deref().unwrap_or("a key");
                CliError::usage(format!("{name}{at}: `{key}` is there twice")).hint("remove one of the two")
            }
            other => {
                let text = other.to_string();
                let line = text.lines().next().unwrap_or_default();
                // The place is said in front already.
                let says = line.split(" at line ").next().unwrap_or(line);
                CliError::usage(format!("{name}{at}: the file does not read as settings: {says}"))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_likely_one() {
        let error = parse("publisher: A\ntopolgy: t.yaml\n", "eventbus.yaml").unwrap_err();
        assert!(error.message.starts_with("eventbus.yaml:2:1: unknown key `topolgy`"), "{}", error.message);
        assert_eq!(error.hints, ["did you mean `topology`?"]);
    }

    #[test]
    fn an_unknown_key_inside_a_context_is_named_too() {
        let error = parse("contexts:\n  prod:\n    kind: aws\n    regoin: eu-west-1\n", "e.yaml").unwrap_err();
        assert!(error.message.starts_with("e.yaml:4:5: unknown key `regoin`"), "{}", error.message);
    }

    #[test]
    fn a_wrong_kind_and_broken_yaml_are_told_with_their_place() {
        let error = parse("contexts:\n  prod: { kind: azure }\n", "e.yaml").unwrap_err();
        assert!(error.message.contains("e.yaml:2:") && error.message.contains("`azure`"), "{}", error.message);
        let error = parse("publisher: [\n", "e.yaml").unwrap_err();
        assert!(error.message.starts_with("e.yaml:"), "{}", error.message);
    }

    #[test]
    fn a_key_that_is_there_twice_is_told_in_our_words() {
        let error = parse("topology: a\ntopology: b\n", "e.yaml").unwrap_err();
        assert_eq!(error.message, "e.yaml:2:1: `topology` is there twice");
    }

    #[test]
    fn the_documented_file_reads() {
        let text = r#"
publisher: UserService
topology: topology.yaml
schemas: schemas/
envelope: pascal
consume: { queue: user_events }
contexts:
  local: { kind: local, path: .eventbus/bus.db }
  prod:  { kind: aws, profile: prod, region: eu-west-1, account: "123456789012", protected: true }
"#;
        let file = parse(text, "e.yaml").unwrap();
        assert_eq!(file.consume.queue.as_deref(), Some("user_events"));
        assert!(file.contexts["prod"].protected);
    }

    mod schema {
        //! The published schema and the structs say the same.

        use std::collections::BTreeSet;

        use serde_json::Value;

        use super::*;

        fn schema() -> Value {
            serde_json::from_str(include_str!("../../schemas/config.schema.json")).unwrap()
        }

        fn valid(yaml: &str) -> bool {
            let value: Value = serde_saphyr::from_str(yaml).unwrap();
            jsonschema::validator_for(&schema()).unwrap().is_valid(&value)
        }

        /// The keys that the reader knows in the place where `yaml` has the unknown key `zzz`.
        fn known(yaml: &str) -> BTreeSet<String> {
            let error = parse(yaml, "e.yaml").unwrap_err();
            let (_, list) =
                error.message.split_once("expected one of ").or_else(|| error.message.split_once("expected ")).unwrap();
            list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        }

        #[test]
        fn every_key_of_the_reader_is_in_the_schema_and_the_other_way_round() {
            let schema = schema();
            for (pointer, yaml) in [
                ("/properties", "zzz: 1\n"),
                ("/$defs/consume/properties", "consume: { zzz: 1 }\n"),
                ("/$defs/handler/properties", "handlers: { A: { zzz: 1 } }\n"),
                ("/$defs/retry/properties", "handlers: { A: { exec: x, retry: { zzz: 1 } } }\n"),
                ("/$defs/publish/properties", "publish: { zzz: 1 }\n"),
                ("/$defs/context/properties", "contexts: { a: { kind: aws, zzz: 1 } }\n"),
            ] {
                let described = schema.pointer(pointer).and_then(Value::as_object).unwrap();
                assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), known(yaml), "{pointer}");
                assert!(!valid(yaml), "{yaml}");
            }
        }

        #[test]
        fn the_documented_file_is_valid_and_reads() {
            let readme = include_str!("../../README.md");
            let block = readme.split("```yaml\n").find(|block| block.starts_with("# eventbus.yaml")).unwrap();
            let (block, _) = block.split_once("```").unwrap();
            assert!(valid(block));
            assert!(parse(block, "e.yaml").unwrap().contexts["prod"].protected);
        }

        #[test]
        fn values_are_judged_alike() {
            for (yaml, sound) in [
                ("envelope: snake\n", true),
                ("envelope: xml\n", false),
                ("require_schema: true\n", true),
                ("require_schema: often\n", false),
                ("publisher:\n", true),
                ("handlers: { 'User*': { exec: ./h.sh, workers: 4, timeout: 1m, retry: { first: 5s } } }\n", true),
                ("handlers: { A: { command: [python, h.py], protocol: batch, batch: 10, batch_wait: 1s } }\n", true),
                ("handlers: { A: { forward: 'http://localhost:1/' } }\n", true),
                ("handlers: { A: { workers: many } }\n", false),
                ("contexts: { a: { kind: local, path: b.db } }\n", true),
                ("contexts: { a: { kind: gcp } }\n", false),
                ("contexts: { a: { path: b.db } }\n", false),
                ("contexts: { a: { kind: aws, protected: maybe } }\n", false),
            ] {
                assert_eq!((valid(yaml), parse(yaml, "e.yaml").is_ok()), (sound, sound), "{yaml}");
            }
            // What the settings refuse when the context is chosen.
            assert!(!valid("contexts: { a: { kind: local, region: eu-west-1 } }\n"));
            assert!(!valid("contexts: { a: { kind: aws, path: b.db } }\n"));
            assert!(!valid("contexts: { a: { kind: aws, account: \"12\" } }\n"));
        }
    }
}
