//! `schema`: the catalogue, checks, examples, comparisons, inference, import and export.

use serde_json::{Value, json};

use crate::support::{TestEnv, assert_matches};

const V1: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "description": "An order was placed.",
  "x-owner": "Team Orders",
  "x-topic": "orders",
  "x-contains-personal-data": true,
  "x-aliases": ["Orderplacedpayload"],
  "type": "object",
  "properties": {
    "id": { "type": "string", "format": "uuid" },
    "email": { "$ref": "parts/common.yaml#/$defs/email" },
    "amount": { "type": "number", "minimum": 0, "description": "In euros." },
    "kind": { "enum": ["gift", "self"] }
  },
  "required": ["id", "email"],
  "additionalProperties": false
}
"#;

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.write("schemas/OrderPlaced.json", V1);
    env.write("schemas/parts/common.yaml", "$defs:\n  email: { type: string, format: email, maxLength: 60 }\n");
    env
}

/// The same with a second version that asks for more.
fn two_versions() -> TestEnv {
    let env = project();
    let v2 = V1.replace("[\"id\", \"email\"]", "[\"id\", \"email\", \"amount\"]").replace(
        "\"kind\": { \"enum\": [\"gift\", \"self\"] }",
        "\"kind\": { \"enum\": [\"gift\", \"self\", \"loan\"] }, \"note\": { \"type\": \"string\" }",
    );
    env.write("schemas/OrderPlaced.v2.json", v2);
    env
}

#[test]
fn list_and_show_say_what_there_is() {
    let env = two_versions();
    env.write("schemas/Broken.json", "{\"type\": \"strnig\"}");
    let listed = env.run(&["schema", "list", "-o", "json"]).success().json();
    assert_matches("schema-list.schema", &listed);
    assert_eq!(listed["events"][1]["versions"], json!([1, 2]));
    assert_eq!(listed["events"][1]["owner"], "Team Orders");
    assert!(listed["events"][0]["problem"].as_str().unwrap().contains("strnig"), "{listed}");
    let shown = env.run(&["schema", "show", "OrderPlaced"]).success();
    insta::assert_snapshot!(shown.snapshot());
    let alias = env.run(&["schema", "show", "Orderplacedpayload"]).success();
    assert!(alias.stdout().starts_with("OrderPlaced version 2"), "{}", alias.snapshot());
    let whole = env.run(&["schema", "show", "OrderPlaced.v1", "-o", "json"]).success().json();
    assert_eq!(whole["properties"]["email"]["$ref"], "#/$defs/common/$defs/email");
    assert!(jsonschema::validator_for(&whole).is_ok());
    let yaml = env.run(&["schema", "show", "OrderPlaced", "-o", "yaml"]).success();
    env.write("schemas/Copy.yaml", yaml.stdout());
    let same = env.run(&["schema", "diff", "OrderPlaced", "Copy", "--strict"]).success();
    assert!(same.stdout().contains("Nothing changed"), "{}", same.snapshot());
    let unknown = env.run(&["schema", "show", "OrderPlacd"]).expect_code(4);
    assert!(unknown.stderr().contains("did you mean `OrderPlaced`?"), "{}", unknown.snapshot());
}

#[test]
fn a_folder_of_versions_is_an_event() {
    let env = TestEnv::new();
    env.write("schemas/A/v1.json", r#"{"properties":{"x":{"$ref":"../parts.json"}}}"#);
    env.write("schemas/A/v3.yaml", "properties:\n  x: { $ref: ../parts.json }\n");
    env.write("schemas/parts.json", r#"{"type":"integer"}"#);
    let listed = env.run(&["schema", "list", "-o", "json"]).success().json();
    assert_eq!(listed["events"][0]["versions"], json!([1, 3]));
    env.write("bad.json", r#"{"x": "no"}"#);
    let shown = env.run(&["schema", "check", "A.v1", "bad.json"]).expect_code(4);
    assert!(shown.stdout().contains("says schemas/parts.json#/type"), "{}", shown.snapshot());
}

#[test]
fn check_tells_every_violation_with_its_places() {
    let env = project();
    env.write("good.json", r#"{"id": "44f33071-e444-494f-bcff-b5e3594f7628", "email": "a@b.c"}"#);
    env.write("bad.json", "{\n  \"id\": \"no\",\n  \"emial\": \"a@b.c\",\n  \"email\": 5,\n  \"amount\": -1\n}\n");
    let _valid = env.run(&["schema", "check", "OrderPlaced", "good.json"]).success();
    let shown = env.run(&["schema", "check", "OrderPlaced", "good.json", "bad.json"]).expect_code(4);
    insta::assert_snapshot!(shown.snapshot());
    let record = env.run(&["schema", "check", "OrderPlaced", "bad.json", "-o", "json"]).expect_code(4).json();
    assert_matches("schema-check.schema", &record);
    let broken = &record["found"][0]["violations"];
    assert_eq!(broken[1]["meant"], "email");
    assert_eq!(broken[2]["schema"], "schemas/parts/common.yaml");
    assert_eq!(broken[2]["schema_pointer"], "/$defs/email/type");
    assert_eq!((&broken[2]["line"], &broken[2]["column"]), (&json!(4), &json!(3)));
    let few = env.run(&["schema", "check", "OrderPlaced", "bad.json", "--max-errors", "1"]).expect_code(4);
    assert!(few.stdout().contains("and 3 more"), "{}", few.snapshot());
}

#[test]
fn check_knows_events_by_envelope_and_by_name_and_reads_streams() {
    let env = project();
    let id = "44f33071-e444-494f-bcff-b5e3594f7628";
    env.write("in/OrderPlaced-1.json", format!(r#"{{"id": "{id}", "email": "a@b.c"}}"#));
    env.write("in/event.json", format!(r#"{{"Metadata": {{"EventName": "OrderPlaced", "EntityName": "O", "PublisherName": "P"}}, "Payload": {{"id": "{id}", "email": 1}}}}"#));
    env.write("in/strange.json", "{}");
    env.write("in/torn.json", "{\n \"a\": }");
    let record = env.run(&["schema", "check", "in", "-o", "json"]).expect_code(4).json();
    assert_matches("schema-check.schema", &record);
    assert_eq!((&record["payloads"], &record["invalid"]), (&json!(4), &json!(3)));
    assert_eq!(record["found"][0]["violations"][0]["pointer"], "/email");
    assert!(record["found"][1]["error"].as_str().unwrap().contains("of no event that is known"), "{record}");
    assert_eq!((&record["found"][2]["line"], &record["found"][2]["column"]), (&json!(2), &json!(7)));
    let lines = format!("{{\"id\": \"{id}\", \"email\": \"a@b.c\"}}\n\n{{\"id\": 1}}\n");
    let args = ["schema", "check", "OrderPlaced", "-", "--ndjson"];
    let shown = env.command(&args).stdin(&lines).run().expect_code(4);
    assert!(shown.stdout().contains("-:3:2: `/id` is the number 1"), "{}", shown.snapshot());
    let nothing = env.run(&["schema", "check"]).expect_code(2);
    assert!(nothing.stderr().contains("nothing to check"), "{}", nothing.snapshot());
}

#[test]
fn a_huge_value_is_never_echoed() {
    let env = project();
    let huge = format!("{{\"id\": \"{}\", \"email\": \"a@b.c\"}}", "x".repeat(3 << 20));
    env.write("huge.json", huge);
    let shown = env.run(&["schema", "check", "OrderPlaced", "huge.json"]).expect_code(4);
    assert!(shown.stdout().len() < 600, "{}", shown.stdout().len());
    let record = env.run(&["schema", "check", "OrderPlaced", "huge.json", "-o", "json"]).expect_code(4);
    assert!(record.stdout().len() < 2_000, "{}", record.stdout().len());
}

#[test]
fn examples_are_valid_and_repeat_with_their_seed() {
    let env = project();
    let args = ["schema", "example", "OrderPlaced", "--count", "50", "--seed", "7"];
    let first = env.run(&args).success();
    assert_eq!(first.stdout().lines().count(), 50);
    assert_eq!(first.stdout(), env.run(&args).success().stdout());
    let check = env.command(&["schema", "check", "OrderPlaced", "-", "--ndjson"]).stdin(first.stdout()).run().success();
    assert!(check.stdout().contains("50 payloads are valid"), "{}", check.snapshot());
    env.write("schemas/Never.json", r#"{"properties":{"a":false},"required":["a"]}"#);
    let never = env.run(&["schema", "example", "Never"]).expect_code(4);
    assert!(never.stderr().contains("`/properties/a`"), "{}", never.snapshot());
}

#[test]
fn new_starts_events_failures_and_versions_that_lint_and_example_take() {
    let env = TestEnv::new();
    let _ = env.run(&["schema", "new", "UserRegistered"]).success();
    let _ = env.run(&["schema", "new", "UserRegistrationFailed"]).success();
    let _ = env.run(&["schema", "new", "UserRegistered"]).success();
    let listed = env.run(&["schema", "list", "-o", "json"]).success().json();
    assert_eq!(listed["events"][0]["versions"], json!([1, 2]));
    let lint = env.run(&["schema", "lint", "--deny-warnings"]).success();
    assert!(lint.stdout().contains("Nothing to mend in 3 schemas"), "{}", lint.snapshot());
    let failure = env.run(&["schema", "example", "UserRegistrationFailed"]).success().json();
    for field in ["code", "data", "detail", "origin"] {
        assert!(failure.get(field).is_some(), "{failure}");
    }
    let bad = env.run(&["schema", "new", "../x"]).expect_code(2);
    assert!(bad.stderr().contains("cannot be the name"), "{}", bad.snapshot());
}

#[test]
fn lint_finds_what_validators_pass_over() {
    let env = TestEnv::new();
    env.write(
        "schemas/PaymentFailed.json",
        r#"{"type":"object","propertys":{},"properties":{"mail":{"type":"string","format":"emial"}},"required":["mial"],
            "additionalProperties":false,"x-contains-personal-data":"yes"}"#,
    );
    env.write("schemas/List.json", r#"{"type":"array"}"#);
    let found = env.run(&["schema", "lint", "-o", "json"]).expect_code(4).json();
    assert_matches("schema-lint.schema", &found);
    let rules: Vec<&str> =
        found["found"].as_array().unwrap().iter().map(|lint| lint["rule"].as_str().unwrap()).collect();
    for rule in ["payload", "metadata", "required", "keyword", "format", "failure", "description", "dialect"] {
        assert!(rules.contains(&rule), "{rule}: {found}");
    }
    let text = env.run(&["schema", "lint", "PaymentFailed"]).expect_code(4);
    assert!(text.stdout().contains("did you mean `email`?"), "{}", text.snapshot());
    assert!(text.stdout().contains("did you mean `properties`?"), "{}", text.snapshot());
}

#[test]
fn diff_says_what_breaks_whom() {
    let env = two_versions();
    let shown = env.run(&["schema", "diff", "OrderPlaced.v1", "OrderPlaced.v2"]).expect_code(6);
    insta::assert_snapshot!(shown.snapshot());
    let record = env.run(&["schema", "diff", "OrderPlaced", "-o", "json", "--mode", "backward"]).expect_code(6).json();
    assert_matches("schema-diff.schema", &record);
    let find = |pointer: &str| {
        let changes = record["comparisons"][0]["changes"].as_array().unwrap();
        changes
            .iter()
            .find(|change| change["pointer"] == pointer)
            .unwrap_or_else(|| panic!("{pointer}: {record}"))
            .clone()
    };
    assert_eq!(find("/required")["breaks"], json!(["producers"]));
    assert_eq!(find("/properties/kind/enum")["verdict"], "fine");
    assert_eq!(find("/properties/kind/enum")["forward"]["effect"], "breaks");
    assert_eq!(find("/properties/note")["forward"]["effect"], "by_the_letter");
    let review = env.run(&["schema", "diff", "OrderPlaced", "-o", "markdown"]).expect_code(6);
    assert!(review.stdout().starts_with("### Breaking schema changes"), "{}", review.snapshot());
    assert!(review.stdout().contains("| **breaking** | producers |"), "{}", review.snapshot());
    let same = env.run(&["schema", "diff", "OrderPlaced.v1", "schemas/OrderPlaced.json", "--strict"]).success();
    assert!(same.stdout().contains("Nothing changed"), "{}", same.snapshot());
    let missing = env.run(&["schema", "diff", "OrderPlaced", "nowhere.json"]).expect_code(1);
    assert!(missing.stderr().contains("no such file"), "{}", missing.snapshot());
}

#[test]
fn folders_and_commits_are_compared_event_by_event() {
    let env = project();
    let git = "git -c user.name=a -c user.email=a@b.c -c init.defaultBranch=main";
    let commit = format!("{git} init -q . && {git} add -A && {git} commit -q -m one");
    let _ = env.script(&commit).run().success();
    let nothing = env.run(&["schema", "check", "--against", "HEAD", "--strict"]).success();
    assert!(nothing.stdout().contains("Nothing changed"), "{}", nothing.snapshot());
    let _ = env.script("cp -r schemas old && cp schemas/OrderPlaced.json schemas/New.json").run().success();
    env.write("schemas/parts/common.yaml", "$defs:\n  email: { type: string, format: email, maxLength: 30 }\n");
    for old in ["HEAD", "old"] {
        let record = env.run(&["schema", "check", "--against", old, "-o", "json"]).expect_code(6).json();
        assert_matches("schema-diff.schema", &record);
        assert_eq!(record["comparisons"][0]["old"], Value::Null, "a new event");
        let change = &record["comparisons"][1]["changes"][0];
        assert_eq!(
            (&change["pointer"], &change["breaks"]),
            (&json!("/properties/email/maxLength"), &json!(["producers"]))
        );
        assert_eq!(change["place"], "parts/common.yaml#/$defs/email/maxLength");
    }
    let forward = env.run(&["schema", "check", "--against", "HEAD", "--mode", "forward"]).success();
    assert!(forward.stdout().contains("0 breaking"), "{}", forward.snapshot());
    let _ = env.script("rm schemas/OrderPlaced.json").run().success();
    let gone = env.run(&["schema", "check", "--against", "HEAD", "--mode", "forward"]).expect_code(6);
    assert!(gone.stdout().contains("is gone"), "{}", gone.snapshot());
    for wrong in ["nosuchref", "--output=x"] {
        let against = format!("--against={wrong}");
        let shown = env.run(&["schema", "check", &against]).expect_code(2);
        assert!(shown.stderr().contains("is no folder, nor a commit"), "{}", shown.snapshot());
    }
}

#[test]
fn a_version_that_is_out_is_held_against_itself_too() {
    let env = project();
    let _ = env.run(&["schema", "new", "OrderPlaced"]).success();
    let git = "git -c user.name=a -c user.email=a@b.c -c init.defaultBranch=main";
    let _ = env.script(&format!("{git} init -q . && {git} add -A && {git} commit -q -m one")).run().success();
    let mut first: Value = serde_json::from_str(&env.read("schemas/OrderPlaced.json")).unwrap();
    first["required"] = json!(["id", "email", "plan"]);
    env.write("schemas/OrderPlaced.json", first.to_string());
    let shown = env.run(&["schema", "check", "--against", "HEAD"]).expect_code(6);
    assert!(shown.stdout().contains("/required"), "{}", shown.snapshot());
    // Named as git names it, also from a folder below.
    let program = env!("CARGO_BIN_EXE_eventbus");
    env.write("eventbus.yaml", "schemas: schemas/\n");
    let script = format!("mkdir -p sub && cd sub && {program} schema check --against HEAD -o json");
    let below = env.script(&script).run().expect_code(6);
    let record: Value = serde_json::from_str(below.stdout()).unwrap();
    assert_eq!(record["comparisons"][1]["old"]["version"], 1);
    assert_eq!(record["comparisons"][1]["old"]["file"], "HEAD:schemas/OrderPlaced.json");
}

#[test]
fn infer_fits_its_samples() {
    let env = project();
    let samples = env.run(&["schema", "example", "OrderPlaced", "--count", "40"]).success();
    env.write("OrderSeen.ndjson", samples.stdout());
    let _ = env.run(&["schema", "infer", "OrderSeen.ndjson", "--out", "schemas/OrderSeen.json"]).success();
    let schema: Value = serde_json::from_str(&env.read("schemas/OrderSeen.json")).unwrap();
    assert_eq!(schema["title"], "OrderSeen");
    assert_eq!(schema["properties"]["id"]["format"], "uuid");
    assert_eq!(schema["properties"]["kind"]["enum"], json!(["gift", "self"]));
    assert_eq!(schema["required"], json!(["id", "email"]));
    let _valid = env.run(&["schema", "check", "OrderSeen", "OrderSeen.ndjson"]).success();
    let none = env.command(&["schema", "infer", "-"]).stdin("").run().expect_code(4);
    assert!(none.stderr().contains("there are no samples"), "{}", none.snapshot());
}

#[test]
fn the_python_registry_becomes_schemas() {
    let env = TestEnv::new();
    env.write(
        "registry.json",
        r##"{"$schema":"http://json-schema.org/draft-04/schema#","definitions":{
            "UserRegisteredPayload":{"title":"UserRegisteredPayload","type":"object",
                "properties":{"Id":{"type":"string","format":"uuid"},"Age":{"type":"integer","exclusiveMinimum":0}},"required":["Id"]},
            "Userregisteredpayload":{"type":"object","properties":{"Metadata":{},"Payload":{"$ref":"#/definitions/UserRegisteredPayload"}},
                "z-event-name":"Userregisteredpayload","z-publisher":"p"}}}"##,
    );
    let _ = env.run(&["schema", "import", "registry.json"]).success();
    let made = env.run(&["schema", "example", "UserRegistered"]).success().json();
    assert!(made["Age"].as_i64().unwrap() > 0, "{made}");
    let alias = env.run(&["schema", "show", "Userregisteredpayload"]).success();
    assert!(alias.stdout().contains("also known as: Userregisteredpayload"), "{}", alias.snapshot());
    let again = env.run(&["schema", "import", "registry.json"]).success();
    assert!(again.stderr().contains("wrote 0 files"), "{}", again.snapshot());
    env.write("other.json", "{}");
    let no = env.run(&["schema", "import", "other.json"]).expect_code(4);
    assert!(no.stderr().contains("no registry"), "{}", no.snapshot());
}

#[test]
fn exports_are_what_they_say() {
    let env = two_versions();
    let bundle = env.run(&["schema", "export", "--bundle"]).success().json();
    let old: Value = json!({"$ref": "#/$defs/OrderPlaced.v1", "$defs": bundle["$defs"]});
    let validator = jsonschema::options().should_validate_formats(true).build(&old).unwrap();
    let id = "44f33071-e444-494f-bcff-b5e3594f7628";
    assert!(validator.is_valid(&json!({"id": id, "email": "a@b.c"})));
    assert!(!validator.is_valid(&json!({"id": id, "email": "no"})), "the parts of other files are taken in");
    let api = env.run(&["schema", "export", "--asyncapi"]).success().json();
    assert_eq!(api["channels"]["topic-orders"]["address"], "orders");
    let page = env.run(&["schema", "export", "--markdown"]).success();
    for text in [
        "## `OrderPlaced`",
        "versions 1, 2",
        "owned by Team Orders",
        "**contains personal data**",
        "| `amount` | required |",
    ] {
        assert!(page.stdout().contains(text), "{text}: {}", page.snapshot());
    }
    let _ = env.run(&["schema", "export"]).expect_code(2);
}

#[test]
fn publish_takes_the_version_that_is_asked_for() {
    let env = TestEnv::provisioned();
    let strict =
        env.read("schemas/UserRegistered.json").replace("[\"id\", \"email\"]", "[\"id\", \"email\", \"name\"]");
    env.write("schemas/UserRegistered.v2.json", strict);
    let refused = env.run(&["publish", "UserRegistered", "payload.json", "--schema-version", "2"]);
    let lacks = !env.read("payload.json").contains("\"name\"");
    assert_eq!(refused.code(), Some(if lacks { 4 } else { 0 }), "{}", refused.snapshot());
    let _ = env.run(&["publish", "UserRegistered", "payload.json", "--schema-version", "1"]).success();
}
