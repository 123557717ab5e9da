//! What a schema says about its event beside the payload's form.

use serde_json::Value;

/// The keywords: a schema may carry any that begin with `x-`, and validators let them be.
pub(super) const OWNER: &str = "x-owner";
/// The topic, for exports where no topology says it.
pub(super) const TOPIC: &str = "x-topic";
/// Whether payloads hold personal data.
pub(super) const PERSONAL: &str = "x-contains-personal-data";
/// Other names under which the event is known.
pub(super) const ALIASES: &str = "x-aliases";

/// The metadata of an event, as far as its schema says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// `description`.
    pub description: Option<String>,
    /// `x-owner`, or `owner`.
    pub owner: Option<String>,
    /// `x-topic`.
    pub topic: Option<String>,
    /// `x-contains-personal-data`.
    pub personal_data: bool,
    /// `x-aliases`.
    pub aliases: Vec<String>,
}

impl Meta {
    /// Reads it off a schema; what is of the wrong type counts as not there.
    pub fn of(schema: &Value) -> Self {
        let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str).map(str::to_owned);
        let aliases = schema.get(ALIASES).and_then(Value::as_array).into_iter().flatten();
        Self {
            description: text("description"),
            owner: text(OWNER).or_else(|| text("owner")),
            topic: text(TOPIC),
            personal_data: schema.get(PERSONAL) == Some(&Value::Bool(true)),
            aliases: aliases.filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }
}
