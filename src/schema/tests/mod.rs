//! The catalogue over folders on disk, and the words for every kind of violation.

pub(super) mod arbitrary;

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// The schema in `text`, compiled.
pub(super) fn compiled(text: &str) -> std::sync::Arc<Schema> {
    let dir = folder(&[("E.json", text)]);
    let schema = Catalogue::open(dir.path()).unwrap().schema("E", None).unwrap().unwrap();
    // What it refers to is read while the folder is there.
    let _ = schema.documents();
    schema
}

fn check(schema: &str, payload: &str) -> Vec<Violation> {
    let dir = folder(&[("E.json", schema)]);
    let catalogue = Catalogue::open(dir.path()).unwrap();
    let schema = catalogue.schema("E", None).unwrap().unwrap();
    schema.check(&serde_json::from_str(payload).unwrap(), payload)
}

fn refused(files: &[(&str, &str)], event: &str) -> String {
    let dir = folder(files);
    let error = Catalogue::open(dir.path()).and_then(|c| c.schema(event, None)).unwrap_err().to_string();
    error.replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn all_violations_are_told_at_once_in_the_order_of_the_text() {
    let schema = include_str!("../../../schemas/events/UserRegistered.json");
    let payload = "{\n  \"emial\": \"a@b.c\",\n  \"id\": \"no\",\n  \"plan\": \"gold\",\n  \"name\": \"\"\n}";
    let found = check(schema, payload);
    let told: Vec<_> =
        found.iter().map(|v| format!("{} {} {} ({})", v.at.unwrap(), v.pointer, v.message, v.schema_pointer)).collect();
    assert_eq!(
        told,
        [
            "line 1, column 1  lacks the property `email` (/required)",
            "line 2, column 3 /emial is not a property that the schema allows (/additionalProperties)",
            "line 3, column 3 /id is \"no\", expected a UUID (/properties/id/format)",
            "line 4, column 3 /plan is \"gold\", expected one of \"free\", \"team\", \"enterprise\" (/properties/plan/enum)",
            "line 5, column 3 /name has 0 characters, expected at least 1 (/properties/name/minLength)",
        ]
    );
    assert_eq!(found[0].meant.as_deref(), Some("emial"));
    assert_eq!(found[1].meant.as_deref(), Some("email"));
    assert_eq!(found[1].value.as_deref(), Some("\"a@b.c\""));
    assert!(check(schema, r#"{"id":"44f33071-e444-494f-bcff-b5e3594f7628","email":"a@b.c"}"#).is_empty());
}

#[test]
fn every_kind_of_violation_has_words() {
    for (schema, payload, words) in [
        (r#"{"type":"string"}"#, "5", "is the number 5, expected a string"),
        (r#"{"type":["integer","null"]}"#, "\"5\"", "is the string \"5\", expected null or a whole number"),
        (r#"{"type":"object"}"#, "[1]", "is an array, expected an object"),
        (r#"{"const":1}"#, "2", "is 2, expected 1"),
        (r#"{"pattern":"^a"}"#, "\"b\"", "is \"b\", expected text that fits the pattern `^a`"),
        (r#"{"minimum":1}"#, "0", "is 0, expected at least 1"),
        (r#"{"maximum":1}"#, "2", "is 2, expected at most 1"),
        (r#"{"exclusiveMinimum":1}"#, "1", "is 1, expected more than 1"),
        (r#"{"exclusiveMaximum":1}"#, "1", "is 1, expected less than 1"),
        (r#"{"maxLength":1}"#, "\"éé\"", "has 2 characters, expected at most 1"),
        (r#"{"minItems":2}"#, "[1]", "has 1 element, expected at least 2"),
        (r#"{"maxItems":0}"#, "[1,2]", "has 2 elements, expected at most 0"),
        (r#"{"minProperties":1}"#, "{}", "has 0 properties, expected at least 1"),
        (r#"{"maxProperties":0}"#, "{\"a\":1}", "has 1 property, expected at most 0"),
        (r#"{"uniqueItems":true}"#, "[1,1]", "has an element twice, expected each once"),
        (r#"{"contains":{"const":1}}"#, "[2]", "has no element of the kind that the schema asks for"),
        (r#"{"not":{"const":1}}"#, "1", "is 1, which the schema rules out"),
        (
            r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
            "1",
            "fits none of 2 forms; closest: it is the number 1, expected a string",
        ),
        (r#"{"oneOf":[{"minimum":0},{"minimum":1}]}"#, "1", "fits several of the forms of which it must fit one"),
        (r#"{"format":"date-time"}"#, "\"x\"", "is \"x\", expected a date and time as in `2026-11-23T08:04:22Z`"),
        (r#"{"properties":{"a":false}}"#, "{\"a\":1}", "is not allowed here"),
    ] {
        let told: Vec<_> = check(schema, payload).into_iter().map(|v| v.message).collect();
        assert_eq!(told, [words], "{schema} {payload}");
    }
    let long = format!("\"{}\"", "x".repeat(10_000));
    assert!(check(r#"{"const":"y"}"#, &long)[0].message.len() < 130);
}

#[test]
fn formats_are_asserted_in_every_draft() {
    for draft in [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        let schema = format!(r#"{{"$schema":"{draft}","properties":{{"e":{{"format":"email"}}}}}}"#);
        assert_eq!(check(&schema, r#"{"e":"no"}"#).len(), 1, "{draft}");
    }
}

#[test]
fn versions_default_to_the_highest_and_yaml_counts() {
    let dir = folder(&[
        ("E.json", r#"{"required":["one"]}"#),
        ("E.v2.yaml", "required: [two]\n"),
        ("E.v10.json", r#"{"required":["ten"]}"#),
        ("_shared.json", "{}"),
        ("notes.txt", ""),
        ("folder.json/x", ""),
    ]);
    let catalogue = Catalogue::open(dir.path()).unwrap();
    assert_eq!(catalogue.events().collect::<Vec<_>>(), ["E"]);
    assert_eq!(catalogue.versions("E").collect::<Vec<_>>(), [1, 2, 10]);
    let lacks = |version| {
        let schema = catalogue.schema("E", version).unwrap().unwrap();
        schema.check(&Value::Object(serde_json::Map::new()), "{}").remove(0).message
    };
    assert!(lacks(None).contains("`ten`") && lacks(Some(1)).contains("`one`") && lacks(Some(2)).contains("`two`"));
    let missing = catalogue.schema("E", Some(3)).unwrap_err().to_string();
    assert_eq!(missing, "event `E` has no schema of version 3, only of 1, 2, 10");
    assert!(catalogue.schema("F", None).unwrap().is_none());
    let (a, b) = (catalogue.schema("E", None).unwrap().unwrap(), catalogue.schema("E", Some(10)).unwrap().unwrap());
    assert!(std::sync::Arc::ptr_eq(&a, &b), "compiled once");
}

#[test]
fn references_stay_in_the_folder() {
    let dir = folder(&[
        (
            "E.json",
            r#"{"properties":{"a":{"$ref":"parts/email.yaml#/definitions/email"},"b":{"$ref":"https://x.y/b.json"}}}"#,
        ),
        ("parts/email.yaml", "definitions:\n  email: { type: string, format: email }\n"),
        ("_b.json", r#"{"$id":"https://x.y/b.json","type":"integer"}"#),
    ]);
    let catalogue = Catalogue::open(dir.path()).unwrap();
    let schema = catalogue.schema("E", None).unwrap().unwrap();
    let text = r#"{"a":"no","b":"no"}"#;
    assert_eq!(schema.check(&serde_json::from_str(text).unwrap(), text).len(), 2);
    for outside in [
        "https://example.com/x.json",
        "../secret.json",
        "%2e%2e/secret.json",
        "/etc/passwd",
        "file:///etc/passwd",
        "missing.json",
    ] {
        let inner = tempfile::tempdir().unwrap();
        fs::write(inner.path().join("secret.json"), "{}").unwrap();
        let folder = inner.path().join("schemas");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("E.json"), format!(r#"{{"$ref":"{outside}"}}"#)).unwrap();
        let error = Catalogue::open(&folder).unwrap().schema("E", None).unwrap_err().to_string();
        assert!(error.contains("not a file in") || error.contains("nothing is fetched"), "{outside}: {error}");
    }
}

#[test]
fn what_is_no_schema_is_named_with_its_place() {
    assert_eq!(
        refused(&[("E.json", "{\n\"a\":1,\"a\":2}")], "E"),
        "DIR/E.json:2:7: key `a` stands twice in one object (`/a`, first at line 2, column 1)"
    );
    assert!(refused(&[("E.json", r#"{"type":"strnig"}"#)], "E").starts_with("DIR/E.json: `/type`: "));
    assert!(refused(&[("E.json", "[]")], "E").contains("found an array"));
    assert!(refused(&[("E.yaml", "a: [")], "E").starts_with("DIR/E.yaml:1:"));
    assert_eq!(
        refused(&[("E.json", "{}"), ("E.v1.json", "{}")], "E"),
        "version 1 of event `E` has two schemas, DIR/E.json and DIR/E.v1.json"
    );
    assert_eq!(Catalogue::open(Path::new("/nowhere/at/all")).unwrap().events().count(), 0);
}

/// Everything that is done with a schema, on schemas and payloads that nobody means.
fn exercise(seed: u64) {
    let mut dice = arbitrary::Dice(seed);
    let (a, b, payload) = (arbitrary::junk(&mut dice, 4), arbitrary::junk(&mut dice, 4), arbitrary::junk(&mut dice, 4));
    let dir = folder(&[
        ("E.json", &a.to_string()),
        ("E.v2.json", &arbitrary::changed(&a, &mut dice).to_string()),
        ("F.json", &b.to_string()),
    ]);
    let catalogue = Catalogue::open(dir.path()).unwrap();
    let schemas: Vec<_> = [("E", 1), ("E", 2), ("F", 1)]
        .into_iter()
        .filter_map(|(event, version)| catalogue.schema(event, Some(version)).ok().flatten())
        .collect();
    let text = payload.to_string();
    for schema in &schemas {
        let (told, count) = schema.check_at_most(&payload, &text, 3);
        assert!(told.len() <= 3 && told.len() <= count && schema.is_valid(&payload) == (count == 0));
        let _ = (lint::lint(schema), fields::fields(schema), schema.self_contained(), Meta::of(schema.source()));
        for other in &schemas {
            let _ = diff::compare(schema, other);
        }
    }
    let _ = export::bundle(schemas.iter().map(|schema| (schema.event().to_owned(), schema.as_ref())));
    let _ = import::import(&a);
    let mut samples = infer::Samples::default();
    samples.add(&payload);
    let inferred = compiled(&samples.schema("E").to_string());
    assert!(inferred.is_valid(&payload), "{payload} {}", inferred.source());
}

proptest::proptest! {
    #![proptest_config(arbitrary::cases(200))]

    #[test]
    fn nothing_panics_on_what_nobody_means(seed in proptest::prelude::any::<u64>()) {
        exercise(seed);
    }
}

#[test]
fn references_in_a_circle_are_refused_or_end() {
    for circle in [
        r##"{"$ref":"#"}"##,
        r##"{"allOf":[{"$ref":"#"}]}"##,
        r##"{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#"}}}}"##,
    ] {
        let dir = folder(&[("E.json", circle)]);
        let catalogue = Catalogue::open(dir.path()).unwrap();
        let Ok(Some(schema)) = catalogue.schema("E", None) else { continue };
        let _ = schema.is_valid(&Value::Null);
        let _ = (lint::lint(&schema), diff::compare(&schema, &schema));
    }
}
