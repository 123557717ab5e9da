//! The event room against the Python library: its samples, its read matrix, and its reader restated.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;

fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/interop")
}

fn samples(prefix: &str) -> Vec<(String, String)> {
    let mut found: Vec<_> = std::fs::read_dir(interop().join("samples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn matrix() -> Vec<(String, String, &'static str, Value)> {
    let text = std::fs::read_to_string(interop().join("samples/read_matrix_subscriber.json")).unwrap();
    // Python's own JSON: it writes NaN, and halves of surrogate pairs.
    let text = text.replace(": NaN", ": null").replace(": \"\\ud800\"", ": null");
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 169);
    cases
        .into_iter()
        .map(|case| {
            let direct = &case["direct"];
            let outcome = match (direct["exception"].is_null(), direct["hook_called"] == true) {
                (false, _) => "raise",
                (true, true) => "deliver",
                (true, false) => "drop",
            };
            (case["case"].as_str().unwrap().into(), case["body"].as_str().unwrap().into(), outcome, direct.clone())
        })
        .collect()
}

fn word(verdict: &WhatPythonWouldDo) -> &'static str {
    match verdict {
        WhatPythonWouldDo::Deliver => "deliver",
        WhatPythonWouldDo::Drop(_) => "drop",
        WhatPythonWouldDo::Raise(_) => "raise",
    }
}

#[test]
fn every_body_sample_has_the_fate_that_its_name_says() {
    for (name, body) in samples("body_") {
        let expected = match name.split('_').nth(1) {
            Some("accept") => "deliver",
            Some(other) => other,
            None => unreachable!(),
        };
        assert_eq!(word(&what_python_would_do(&body)), expected, "{name}");
    }
}

#[test]
fn the_verdict_agrees_with_the_read_matrix_of_the_library() {
    let wrong: Vec<_> = matrix()
        .into_iter()
        .filter_map(|(case, body, expected, _)| {
            let found = what_python_would_do(&body);
            (word(&found) != expected).then(|| format!("{case}: {found:?}, expected {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_python_delivers_is_read_with_the_same_names_and_payload() {
    for (case, body, expected, direct) in matrix() {
        // A payload with NaN is not JSON; an empty name is no name.
        if expected != "deliver" || case == "body.Message_NaN_payload" || case == "min.empty_strings" {
            continue;
        }
        let reading = read_body(&body, &Attributes::new());
        let event = reading.event.unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(event.metadata.event_name, direct["event_name"].as_str().unwrap(), "{case}");
        let metadata = &direct["metadata"];
        assert_eq!(event.metadata.publisher_name.as_deref(), metadata["publisher_name"].as_str(), "{case}");
        assert_eq!(event.metadata.entity_name.as_deref(), metadata["entity_name"].as_str(), "{case}");
        assert_eq!(event.metadata.contains_personal_data, metadata["contains_personal_data"] == true, "{case}");
        // The oracle's own JSON cannot hold what these two do.
        if !["body.lone_surrogate_escape", "body.Message_bigint_payload"].contains(&case.as_str()) {
            let payload: Value = serde_json::from_str(event.payload.get()).unwrap();
            assert_eq!(payload, direct["payload"], "{case}");
        }
    }
}

#[test]
fn camel_and_raw_which_python_loses_are_events_to_us() {
    for (name, body) in samples("body_drop_") {
        let reading = read_body(&body, &Attributes::new());
        let event = reading.event.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(["UserRegistered", "doGood"].contains(&event.metadata.event_name.as_str()), "{name}");
    }
    for (name, body) in samples("body_raise_") {
        assert!(read_body(&body, &Attributes::new()).event.is_err(), "{name}");
    }
}

#[test]
fn the_zero_traceparent_is_absent_and_its_own_default_on_the_way_out() {
    let (_, body) = samples("body_accept_pascal_full").remove(0);
    let event = read_body(&body, &Attributes::new()).event.unwrap();
    assert_eq!(event.metadata.traceparent, None);
    assert_eq!(event.metadata.trace(), None);
    assert!(!event.normalised_json().contains("traceparent"));
    assert!(event.to_message(EnvelopeStyle::Pascal).contains(ZERO_TRACEPARENT));
}

#[test]
fn a_received_trace_is_continued_with_another_span() {
    let parent: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let child = parent.continued([0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(child.to_string(), "00-0af7651916cd43dd8448eb211c80319c-0001020304050607-01");
    assert_eq!(parent.continued([0; 8]).to_string(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01");
    for wrong in [
        "",
        ZERO_TRACEPARENT,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    ] {
        assert_eq!(TraceParent::read(Some(wrong)), None, "{wrong}");
    }
    assert!("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more".parse::<TraceParent>().is_ok());
}

fn event(payload: &str) -> Event {
    Event {
        metadata: Metadata {
            event_name: "UserRegistered".into(),
            entity_name: Some("UserRegistered".into()),
            entity_id: Some("44f33071-e444-494f-bcff-b5e3594f7628".into()),
            publisher_name: Some("User\"Service".into()),
            publish_date: Some("2026-11-23T08:04:22+00:00".into()),
            ..Metadata::default()
        },
        payload: serde_json::value::RawValue::from_string(payload.into()).unwrap(),
    }
}

fn wrapped(message: &str) -> String {
    serde_json::json!({"Type": "Notification", "MessageId": "m1", "TopicArn": "arn:t", "Message": message}).to_string()
}

#[test]
fn pascal_writes_what_the_library_writes() {
    let sample = std::fs::read_to_string(interop().join("samples/pub_user_registered.json")).unwrap();
    let sample: Value = serde_json::from_str(&sample).unwrap();
    let message = sample["Message"].as_str().unwrap();
    let read = read_message(message, &Attributes::new()).unwrap();
    // But for the blanks behind colons and commas.
    assert_eq!(read.to_message(EnvelopeStyle::Pascal), json::compact(message));
    let attributes: Vec<_> = read.routing_attributes().into_iter().collect();
    for (name, attribute) in &attributes {
        assert_eq!(sample["MessageAttributes"][name]["StringValue"].as_str(), attribute.text());
        assert_eq!(attribute.data_type, "String");
    }
    assert_eq!(attributes.len(), 3);
}

#[test]
fn every_casing_is_read_back_whole_wrapped_and_raw_and_python_reads_pascal_and_snake() {
    let payload =
        r#"{"id":1,"big":12345678901234567890123,"exp":1E+2,"esc":"\u00e9\/é","B":{"a":[1.50,null]},"A":true}"#;
    let event = event(payload);
    for (name, style) in EnvelopeStyle::ALL {
        assert_eq!(name.parse::<EnvelopeStyle>().unwrap(), style);
        let message = event.to_message(style);
        assert!(message.ends_with(&format!(":{payload}}}")), "{message}");
        let raw = read_body(&message, &Attributes::new());
        assert_eq!(raw.event.unwrap(), event);
        assert!(matches!(what_python_would_do(&message), WhatPythonWouldDo::Drop(_)));
        let body = wrapped(&message);
        let reading = read_body(&body, &Attributes::new());
        assert_eq!(reading.event.unwrap(), event);
        assert_eq!(word(&what_python_would_do(&body)), if style == EnvelopeStyle::Camel { "drop" } else { "deliver" });
    }
    assert!("Pascal".parse::<EnvelopeStyle>().is_err());
}

#[test]
fn pascal_wins_over_snake_and_that_over_camel_field_by_field() {
    let message = r#"{"metadata": {"event_name": "snake", "eventName": "camel", "EventName": "pascal",
        "entityName": "camel", "entity_name": "snake", "publisherName": "camel"}, "Payload": 1, "payload": 2}"#;
    let event = read_message(message, &Attributes::new()).unwrap();
    assert_eq!(event.metadata.event_name, "pascal");
    assert_eq!(event.metadata.entity_name.as_deref(), Some("snake"));
    assert_eq!(event.metadata.publisher_name.as_deref(), Some("camel"));
    assert_eq!(event.payload.get(), "1");
}

#[test]
fn a_bare_payload_is_named_by_its_attributes_and_a_cloud_event_by_its_type() {
    let named = Attributes::from([
        ("eventName".to_owned(), Attribute::string("UserRegistered")),
        ("publisherName".to_owned(), Attribute::string("P")),
    ]);
    let event = read_body(r#"{"email": "a@b.c"}"#, &named).event.unwrap();
    assert_eq!(event.metadata.event_name, "UserRegistered");
    assert_eq!(event.metadata.publisher_name.as_deref(), Some("P"));
    assert_eq!(event.payload.get(), r#"{"email": "a@b.c"}"#);
    let cloud = r#"{"specversion":"1.0","id":"7","type":"UserRegistered","source":"P","subject":"44","data":{"a":1}}"#;
    let event = read_body(cloud, &Attributes::new()).event.unwrap();
    assert_eq!(
        (event.metadata.event_name.as_str(), event.metadata.entity_id.as_deref()),
        ("UserRegistered", Some("44"))
    );
    assert_eq!(event.payload.get(), r#"{"a":1}"#);
    for (body, reason) in [
        (r#"{"email":"a@b.c"}"#, "no `metadata`"),
        ("5", "a number, expected an envelope"),
        (r#"{"metadata":[1]}"#, "the metadata is an array"),
        (r#"{"metadata":{}}"#, "no `eventName`"),
        (r#"{"metadata":{"eventName":{}}}"#, "`eventName` is an object"),
        ("hello", "line 1, column 1: expected a value"),
    ] {
        let found = read_body(body, &Attributes::new()).event.unwrap_err().to_string();
        assert!(found.contains(reason), "{body}: {found}");
    }
}

fn awkward() -> Vec<(String, Attributes)> {
    let attributes = Attributes::from([
        ("blob".to_owned(), Attribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 255, 10]) }),
        (
            "png".to_owned(),
            Attribute { data_type: "Binary.png".into(), value: AttributeValue::Binary((0..=255).collect()) },
        ),
        ("n".to_owned(), Attribute { data_type: "Number.int".into(), value: AttributeValue::Text("007".into()) }),
        ("tags".to_owned(), Attribute::string_array(r#"["a", 1, true, null]"#)),
    ]);
    let mut bodies = vec![
        String::new(),
        "hello\r\n\t\u{1b}[31m \u{2028} \u{1F600} \u{0}".to_owned(),
        "{\"metadata\":{\"eventName\":\"E\"},\n\"payload\":{\"a\" : 1.50,\n\n\"b\":\"\\ud83d\\ude00\"}}".to_owned(),
        wrapped("not an event"),
        wrapped(&event("{ \"a\" :\n 1 }").to_message(EnvelopeStyle::Snake)),
    ];
    bodies.extend(samples("body_").into_iter().map(|(_, body)| body));
    bodies.extend(samples("sqs_body_").into_iter().map(|(_, body)| body));
    bodies.extend(matrix().into_iter().map(|(_, body, _, _)| body));
    bodies.into_iter().flat_map(|body| [(body.clone(), attributes.clone()), (body, Attributes::new())]).collect()
}

#[test]
fn a_record_loses_nothing() {
    for (body, attributes) in awkward() {
        let system =
            SystemRecord { id: "i".into(), receive_count: Some(3), group_id: Some("g".into()), ..Default::default() };
        let record = Record::new(body.clone(), attributes.clone(), system);
        let line = record.to_line();
        assert!(!line.contains('\n'), "{line}");
        let back = Record::parse(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(back.body.as_bytes(), body.as_bytes());
        assert_eq!(back.queue_attributes(), &attributes, "{body}");
        assert_eq!(back.message, record.message);
        assert_eq!(back.unreadable, record.unreadable);
        assert_eq!(back.event.is_some(), record.event.is_some());
        assert_ne!(back.event.is_some(), back.unreadable.is_some());
        assert_eq!(back.to_line(), line, "a second trip changes nothing");
    }
}

#[test]
fn a_record_of_a_wrapped_message_shows_what_sns_knew() {
    let (_, body) = samples("sqs_body_moto_1").remove(0);
    let record = Record::new(body, Attributes::new(), SystemRecord::default());
    assert_eq!(record.message.topic.as_deref(), Some("arn:aws:sns:us-east-1:123456789012:users"));
    assert!(record.message.sns_message_id.is_some());
    assert_eq!(record.attributes["priority"], Attribute::number("5"));
    assert!(record.queue_attributes().is_empty());
    assert!(record.message_text().starts_with("{\"Metadata\""));
    assert_eq!(record.event.unwrap().metadata.event_name, "UserRegistered");
}

#[test]
fn a_newer_or_broken_record_is_refused_and_unknown_keys_are_not() {
    assert_eq!(Record::parse(r#"{"version":2}"#), Err(RecordError::Newer(2)));
    for line in ["", "x", "[]", "{}", r#"{"version":1}"#, r#"{"version":1,"body":1}"#] {
        assert!(matches!(Record::parse(line), Err(RecordError::Malformed(_))), "{line}");
    }
    let record = Record::parse(r#"{"version":1,"body":"b","later":true}"#).unwrap();
    assert_eq!(record.body, "b");
    let broken = r#"{"version":1,"body":"b","attributes":{"a":{"type":"Binary","value":"*"}}}"#;
    assert!(Record::parse(broken).unwrap_err().to_string().contains("attribute `a` is not base64"));
}

/// Runs the restated reader of the library over every body of the fixtures and over what we write.
#[test]
#[ignore = "needs python3"]
fn the_oracle_says_the_same() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut bodies: Vec<String> =
        awkward().into_iter().map(|(body, _)| body).filter(|body| !body.contains('\0')).collect();
    for (_, style) in EnvelopeStyle::ALL {
        bodies.push(wrapped(&event(r#"{"id": 1.0}"#).to_message(style)));
    }
    // Values that only a conversion decides.
    for (field, values) in [
        (
            "publish_date",
            &[
                "\" 1_0.5 \"",
                "\"1__0\"",
                "\"+inf\"",
                "\"nan\"",
                "\"-Infinity\"",
                "\"0x10\"",
                "\"1e\"",
                "\".5\"",
                "\"2024-2-29T1:2\"",
                "\"2023-2-29T1:2\"",
                "\"2024-02-29T01:02:03.Z\"",
                "\"2024-02-29T01:02:03.1234567890123Z\"",
                "\"2024-02-29T01:02+24\"",
                "\"2024-02-29T01:02+2359\"",
                "\"2024-02-29T01:02+23:5\"",
                "\"0000-01-01T00:00\"",
                "\"2024-02-29T01:02Z\\n\"",
                "NaN",
                "Infinity",
                "-1e300",
                "\"\\ud800\"",
            ][..],
        ),
        ("contains_personal_data", &["\"TRUE\"", "\"oN\"", "-0.0", "1e0", "\"\"", "\" 1\"", "NaN"][..]),
        ("entity_name", &["1e5", "-0", "{}", "[[]]", "true", "\"\\ud800\""][..]),
        ("x", &["[1,2", "{\"a\":1}", "01", "\"\\x\"", "'a'"][..]),
    ] {
        for value in values {
            let rest = r#""entity_name":"e","publisher_name":"p","event_name":"n""#;
            bodies.push(wrapped(&format!("{{\"metadata\":{{{rest},\"{field}\":{value}}}}}")));
        }
    }
    for message in [
        r#"[["metadata",[["entity_name","a"],["publisher_name","b"],["event_name","c"],"xy",[1,2]]]]"#,
        r#"[["metadata",[["entity_name","a"],["publisher_name","b"],{"event_name":1,"x":2}]]]"#,
        r#"[["metadata",[[[],1]]]]"#,
        r#"["ab"]"#,
        r#"["abc"]"#,
        "\"\"",
        r#"{"metadata":""}"#,
    ] {
        bodies.push(wrapped(message));
    }
    let mut oracle = Command::new("python3")
        .arg(interop().join("python_reader.py"))
        .arg("--lines")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut input = oracle.stdin.take().unwrap();
    let lines: String = bodies.iter().map(|body| format!("{}\n", Value::from(body.as_str()))).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = oracle.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    // Only the outcome: the rest of its lines may hold NaN and halves of surrogate pairs, which are not JSON.
    let verdicts: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(verdicts.len(), bodies.len());
    let wrong: Vec<_> = bodies
        .iter()
        .zip(&verdicts)
        .filter_map(|(body, verdict)| {
            let found = what_python_would_do(body);
            (!verdict.starts_with(&format!("{{\"outcome\": \"{}\"", word(&found))))
                .then(|| format!("{body}\n  {found:?}\n  {verdict}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
