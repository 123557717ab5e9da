//! A schema from samples: what is in all of them is required, what differs is let differ, and what looks like a format is one.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::diff::FORMATS;
use super::flat::{type_of, types};

/// Different texts at most that make an `enum`, and how often each must come on average.
const FEW: usize = 8;
const OFTEN: usize = 4;
/// Texts that are remembered to tell an `enum`.
const REMEMBERED: usize = FEW + 1;

/// What has been seen at one place.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    seen: u64,
    types: u8,
    /// Formats that every text so far has had; none before the first text.
    formats: Option<Vec<&'static str>>,
    texts: BTreeMap<String, usize>,
    strings: u64,
    negative: bool,
    objects: u64,
    properties: Vec<(String, Samples)>,
    at: BTreeMap<String, usize>,
    elements: Option<Box<Samples>>,
}

/// Formats that are recognised, the narrow ones first.
const RECOGNISED: [&str; 7] = ["uuid", "date-time", "date", "email", "ipv4", "ipv6", "uri"];

impl Samples {
    /// How many were added.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// Adds one.
    pub fn add(&mut self, value: &Value) {
        self.seen += 1;
        self.types |= type_of(value);
        match value {
            Value::String(text) => {
                self.strings += 1;
                let formats = self.formats.get_or_insert_with(|| RECOGNISED.to_vec());
                formats.retain(|format| is(format, text));
                if self.texts.len() < REMEMBERED && text.len() <= 60 || self.texts.contains_key(text) {
                    *self.texts.entry(text.clone()).or_default() += 1;
                } else {
                    // One more than there may be.
                    self.texts.entry(String::from("\u{0}")).or_default();
                }
            }
            Value::Number(number) => self.negative |= number.as_f64().is_some_and(|n| n < 0.0),
            Value::Object(map) => {
                self.objects += 1;
                for (name, value) in map {
                    let next = self.properties.len();
                    let at = *self.at.entry(name.clone()).or_insert(next);
                    if at == next {
                        self.properties.push((name.clone(), Self::default()));
                    }
                    self.properties[at].1.add(value);
                }
            }
            Value::Array(list) => {
                let elements = self.elements.get_or_insert_default();
                list.iter().for_each(|value| elements.add(value));
            }
            _ => {}
        }
    }

    /// The schema of an event called `event`.
    pub fn schema(&self, event: &str) -> Value {
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": event,
            "description": format!("Inferred from {}.", crate::words::count(self.seen, "sample")),
        });
        if let (Value::Object(schema), Value::Object(own)) = (&mut schema, self.own()) {
            schema.extend(own);
        }
        schema
    }

    fn own(&self) -> Value {
        let mut schema = Map::new();
        let mut names = Vec::new();
        for (bit, name) in [
            (types::OBJECT, "object"),
            (types::ARRAY, "array"),
            (types::STRING, "string"),
            (types::FRACTION, "number"),
            (types::INTEGER, "integer"),
            (types::BOOL, "boolean"),
            (types::NULL, "null"),
        ] {
            let covered = bit == types::INTEGER && self.types & types::FRACTION != 0;
            if self.types & bit != 0 && !covered {
                names.push(Value::from(name));
            }
        }
        match names.len() {
            0 => {}
            1 => drop(schema.insert("type".into(), names.remove(0))),
            _ => drop(schema.insert("type".into(), Value::Array(names))),
        }
        if self.types & types::STRING != 0 {
            let format = self.formats.as_ref().and_then(|formats| formats.first());
            let few = self.texts.len() <= FEW && self.strings as usize >= self.texts.len() * OFTEN && self.strings >= 8;
            if let Some(format) = format {
                schema.insert("format".into(), (*format).into());
            } else if few {
                let mut values: Vec<Value> = self.texts.keys().map(|text| text.clone().into()).collect();
                if self.types == types::STRING {
                    schema.shift_remove("type");
                } else if self.types == types::STRING | types::NULL {
                    schema.shift_remove("type");
                    values.push(Value::Null);
                } else {
                    values.clear();
                }
                if !values.is_empty() {
                    schema.insert("enum".into(), Value::Array(values));
                }
            }
        }
        if self.types & types::OBJECT != 0 {
            let properties = self.properties.iter().map(|(name, samples)| (name.clone(), samples.own())).collect();
            schema.insert("properties".into(), Value::Object(properties));
            let always = self.properties.iter().filter(|(_, samples)| samples.seen == self.objects);
            let required: Vec<Value> = always.map(|(name, _)| name.clone().into()).collect();
            if !required.is_empty() {
                schema.insert("required".into(), Value::Array(required));
            }
        }
        if let Some(elements) = self.elements.as_ref().filter(|elements| elements.seen > 0) {
            schema.insert("items".into(), elements.own());
        }
        Value::Object(schema)
    }
}

/// Whether the text has the format, in the eyes of the very validator that will be asked.
fn is(format: &str, text: &str) -> bool {
    debug_assert!(FORMATS.contains(&format));
    let plausible = match format {
        "uuid" => text.len() == 36,
        "date" => text.len() == 10 && text.as_bytes()[4] == b'-',
        "date-time" => text.len() >= 20 && text.as_bytes()[4] == b'-',
        "email" => text.contains('@'),
        "ipv4" => text.len() <= 15 && text.starts_with(|c: char| c.is_ascii_digit()),
        "ipv6" => text.contains(':') && text.len() <= 45,
        // `a:b` is a URI by the letter.
        "uri" => text.contains("://"),
        _ => false,
    };
    static VALIDATORS: OnceLock<Vec<(&str, jsonschema::Validator)>> = OnceLock::new();
    let all = VALIDATORS.get_or_init(|| {
        let compiled = |format: &'static str| {
            let schema = json!({ "format": format });
            Some((format, jsonschema::options().should_validate_formats(true).build(&schema).ok()?))
        };
        RECOGNISED.into_iter().filter_map(compiled).collect()
    });
    plausible && all.iter().any(|(known, validator)| *known == format && validator.is_valid(&text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(samples: &[Value]) -> Value {
        let mut all = Samples::default();
        samples.iter().for_each(|sample| all.add(sample));
        all.schema("E")
    }

    #[test]
    fn types_are_merged_and_what_is_always_there_is_required() {
        let schema = inferred(&[
            json!({"id": "44f33071-e444-494f-bcff-b5e3594f7628", "n": 1, "tags": ["a"], "at": "2026-11-23T08:04:22Z"}),
            json!({"id": "44f33071-e444-494f-bcff-b5e3594f7629", "n": 1.5, "tags": [2], "at": null, "o": {"x": true}}),
        ]);
        assert_eq!(schema["required"], json!(["id", "n", "tags", "at"]));
        let p = &schema["properties"];
        assert_eq!(p["id"], json!({"type": "string", "format": "uuid"}));
        assert_eq!(p["n"], json!({"type": "number"}));
        assert_eq!(p["tags"]["items"]["type"], json!(["string", "integer"]));
        assert_eq!(p["at"], json!({"type": ["string", "null"], "format": "date-time"}));
        assert_eq!(p["o"]["properties"]["x"], json!({"type": "boolean"}));
    }

    #[test]
    fn few_texts_that_come_often_are_an_enum() {
        let plans = |many: usize| {
            (0..many).map(|n| json!({"p": (if n % 2 == 0 { "free" } else { "team" }), "n": format!("w{n}")}))
        };
        let schema = inferred(&plans(10).collect::<Vec<_>>());
        assert_eq!(schema["properties"]["p"], json!({"enum": ["free", "team"]}));
        assert_eq!(schema["properties"]["n"], json!({"type": "string"}));
        let schema = inferred(&plans(4).collect::<Vec<_>>());
        assert_eq!(schema["properties"]["p"], json!({"type": "string"}));
    }

    #[test]
    fn every_sample_passes_what_was_inferred_from_it() {
        let samples = [json!({"a": null, "b": [[], {}]}), json!({"a": {"c": 1e300}, "b": -1}), json!({})];
        let schema = crate::schema::tests::compiled(&inferred(&samples).to_string());
        for sample in &samples {
            assert!(schema.is_valid(sample), "{sample}");
        }
    }
}
