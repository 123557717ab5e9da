//! The cases drawn from AWS's documentation and from recorded answers of AWS. Those on which AWS's sources disagree are printed
//! (`cargo test filter::tests::fixtures -- --nocapture`), the others decide.

use super::*;
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    name: String,
    scope: String,
    policy: serde_json::Value,
    attributes: Option<BTreeMap<String, Value>>,
    body: Option<String>,
    expect: String,
    source: String,
    disputed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Value {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl Case {
    fn attributes(&self) -> Attributes {
        let convert = |value: &Value| Attribute {
            data_type: value.data_type.clone(),
            value: match (&value.string_value, &value.binary_value) {
                (Some(text), _) => AttributeValue::Text(text.clone()),
                (None, Some(encoded)) => AttributeValue::Binary(
                    base64::engine::general_purpose::STANDARD.decode(encoded).expect("the fixture is base64"),
                ),
                (None, None) => panic!("{}: a value without a value", self.name),
            },
        };
        self.attributes.iter().flatten().map(|(name, value)| (name.clone(), convert(value))).collect()
    }

    fn verdict(&self) -> &'static str {
        let scope = Scope::from_aws(&self.scope).expect("the fixture has a scope");
        let text = match &self.policy {
            serde_json::Value::String(verbatim) => verbatim.clone(),
            other => other.to_string(),
        };
        let Ok(policy) = FilterPolicy::parse(&text, scope) else { return "invalid" };
        let (attributes, body) = (self.attributes(), self.body.clone().unwrap_or_default());
        let matched = policy.matches(&attributes, &body);
        let explained = policy.explain(&attributes, &body);
        assert_eq!(explained.matched, matched, "{}: explain and matches disagree", self.name);
        assert_eq!(explained.failure.is_none(), matched, "{}", self.name);
        if matched { "match" } else { "nomatch" }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the report on disputed cases is for whoever reads the test's output")]
fn aws_cases() {
    let cases: Vec<Case> = include_str!("../../../tests/fixtures/filter_cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("the fixture is one JSON object a line"))
        .collect();
    assert!(cases.len() >= 160, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let found = case.verdict();
        let line = format!("{}: expected {}, found {found} ({})", case.name, case.expect, case.source);
        match (found == case.expect, case.disputed) {
            (agrees, true) => eprintln!("disputed, {}: {line}", if agrees { "agrees" } else { "differs" }),
            (false, false) => wrong.push(line),
            (true, false) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
