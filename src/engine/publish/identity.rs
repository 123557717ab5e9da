//! What an event is about, and which messages it is in order with: the entity's id and the message group, read off its payload.

use crate::event::json::{Document, Kind, member, members};

type Members<'a> = [(std::borrow::Cow<'a, str>, &'a str)];

/// [`entity_id`] of a payload's JSON text.
pub(in crate::engine) fn entity_id_of(payload: &str) -> Option<String> {
    entity_id(&members(payload))
}

/// The payload's `id` as text, as the Python library takes it; of a failure event, which has the four fields of one, the `id`
/// in its `data`.
pub(super) fn entity_id(payload: &Members<'_>) -> Option<String> {
    let either = |members: &Members<'_>, lower: &str, upper: &str| -> Option<String> {
        [lower, upper].into_iter().find_map(|name| {
            let text = member(members, name)?;
            scalar(text)
        })
    };
    either(payload, "id", "Id").or_else(|| {
        let has = |lower, upper| member(payload, lower).or_else(|| member(payload, upper));
        has("code", "Code").and(has("detail", "Detail")).and(has("origin", "Origin"))?;
        either(&members(has("data", "Data")?), "id", "Id")
    })
}

/// A scalar's text; none for null, an empty string and containers.
fn scalar(text: &str) -> Option<String> {
    let found = match Kind::of(text) {
        Kind::String => serde_json::from_str::<String>(text).ok()?,
        Kind::Number | Kind::Bool => text.trim().to_owned(),
        Kind::Null | Kind::Array | Kind::Object => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// The value of the topology's `group_by`: a field's name or a JSON pointer.
pub(super) fn group_value(document: &Document<'_>, field: &str) -> Option<String> {
    let value = document.to_value().ok()?;
    let found = if field.starts_with('/') { value.pointer(field) } else { value.get(field) };
    scalar(&found?.to_string())
}
