//! Which handler an event goes to: patterns over event names, the most exact first.

use crate::event::Metadata;
use crate::topology::glob;

/// Event-name patterns and the number of the handler that each leads to.
///
/// A pattern is an event's name, or `Publisher.Event`; `*` stands for any text. Names beat patterns with a `*`, and of those the
/// longest wins; of equals the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(Vec<(String, usize)>);

impl Table {
    /// A table of these entries.
    pub fn new(entries: Vec<(String, usize)>) -> Self {
        Self(entries)
    }

    /// The handler of an event.
    pub fn handler_of(&self, metadata: &Metadata) -> Option<usize> {
        let event = metadata.event_name.as_str();
        let whole = format!("{}.{event}", metadata.publisher_name.as_deref().unwrap_or_default());
        let literal = |name: &str| self.0.iter().find(|(pattern, _)| !pattern.contains('*') && pattern == name);
        let found = literal(&whole).or_else(|| literal(event)).or_else(|| {
            // A pattern with a dot is about the publisher, too; `User*` must not take what a publisher `Users` says.
            let fits = |pattern: &str| {
                pattern.contains('*') && glob(pattern, if pattern.contains('.') { &whole } else { event })
            };
            // `max_by_key` gives the last of equals; the first is wanted.
            self.0.iter().filter(|(pattern, _)| fits(pattern)).rev().max_by_key(|(pattern, _)| pattern.chars().count())
        });
        found.map(|(_, handler)| *handler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_pattern_wins() {
        let table = Table::new(
            [
                ("*", 0),
                ("User*", 1),
                ("UserRegistered", 2),
                ("Billing.UserRegistered", 3),
                ("Billing.*", 4),
                ("Use*d", 5),
            ]
            .map(|(pattern, handler)| (pattern.to_owned(), handler))
            .into(),
        );
        let of = |publisher: Option<&str>, event: &str| {
            table.handler_of(&Metadata {
                event_name: event.into(),
                publisher_name: publisher.map(str::to_owned),
                ..Metadata::default()
            })
        };
        assert_eq!(of(None, "UserRegistered"), Some(2));
        assert_eq!(of(Some("Billing"), "UserRegistered"), Some(3));
        assert_eq!(of(Some("Users"), "UserDeleted"), Some(1), "of equals the first");
        assert_eq!(of(Some("Billing"), "UserLeft"), Some(4));
        assert_eq!(of(Some("Users"), "OrderPlaced"), Some(0));
        assert_eq!(
            Table::new(vec![("User*".into(), 0)])
                .handler_of(&Metadata { event_name: "Order".into(), ..Metadata::default() }),
            None
        );
    }
}
