//! Event → topic, with the precedence of the Python library's router.

use super::model::{Route, Topology};

impl Topology {
    /// The entry of `events:` that decides where `event` of `publisher` goes.
    ///
    /// Precedence: `Publisher.Event` literally, then `Event` literally, then patterns (entries with `*`), which are
    /// compared with the whole of `Publisher.Event`; among patterns that fit the longest wins, and of equally long ones
    /// the first in the file. Names are case-sensitive; `*` stands for any text, dots included.
    pub fn route(&self, publisher: &str, event: &str) -> Option<&Route> {
        let whole = format!("{publisher}.{event}");
        let literal = |name: &str| self.events.iter().find(|route| !route.is_pattern() && route.pattern == name);
        literal(&whole).or_else(|| literal(event)).or_else(|| {
            self.events
                .iter()
                .filter(|route| route.is_pattern() && glob(&route.pattern, &whole))
                // `max_by_key` gives the last of equals; the first is wanted.
                .rev()
                .max_by_key(|route| route.pattern.chars().count())
        })
    }
}

impl Route {
    /// Whether the entry holds a `*`; one without is literal.
    pub fn is_pattern(&self) -> bool {
        self.pattern.contains('*')
    }

    /// The event's own name, for a literal entry: what follows the last dot.
    pub fn event_name(&self) -> Option<&str> {
        (!self.is_pattern()).then(|| self.pattern.rsplit('.').next().unwrap_or(&self.pattern))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text and everything else for itself.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut middle: Vec<&str> = parts.collect();
    let Some(last) = middle.pop() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_nothing_else_is_special() {
        for (pattern, text, fits) in [
            ("*", "A.B", true),
            ("A.*", "A.B", true),
            ("A.*", "AB", false),
            ("*.B", "A.B", true),
            ("*.B", "A.BC", false),
            ("A*A", "A", false),
            ("A*B*C", "A-B-B-C", true),
            ("A.[B]*", "A.B", false),
            ("A.?*", "A.B", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} against {text}");
        }
    }
}
