//! Real output against the published schemas in `schemas/output/`.

use serde_json::Value;

/// Asserts that `value` is what `schemas/output/NAME.json` describes, formats included; shows every violation.
#[track_caller]
pub(crate) fn assert_matches(name: &str, value: &Value) {
    let path = super::repository().join("schemas/output").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let violations = violations(&schema, value);
    assert!(violations.is_empty(), "not as `schemas/output/{name}.json` says:\n{}\n{value:#}", violations.join("\n"));
}

/// The same for every line of an NDJSON answer, of which there has to be one.
#[track_caller]
pub(crate) fn assert_lines_match(name: &str, values: &[Value]) {
    assert!(!values.is_empty(), "no line to hold against `schemas/output/{name}.json`");
    for value in values {
        assert_matches(name, value);
    }
}

/// Every violation as `POINTER: what is wrong`.
pub(crate) fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::options().should_validate_formats(true).build(schema).expect("the schema is a schema");
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
