//! The environment of a handler: what the event adds to, or takes out of, the one it inherits from us.

use tokio::process::Command;

/// A value longer than this many bytes is left out.
///
/// Linux refuses to start a process whose single variable exceeds 128 KiB (`MAX_ARG_STRLEN`, `man 2 execve`): an event must not be
/// able to do that.
pub const VALUE_LIMIT: usize = 4096;

/// The variables of one run. Every name in it is either set or removed, so that a value of an outer `eventbus` (a handler may well
/// call `eventbus` itself) never passes for this event's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandlerEnv(Vec<(&'static str, Option<String>)>);

impl HandlerEnv {
    /// Sets `name`, or removes it when there is no value, or one that holds a NUL or is longer than [`VALUE_LIMIT`].
    pub fn set(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        let usable = value.filter(|value| value.len() <= VALUE_LIMIT && !value.contains('\0'));
        self.0.push((name, usable.map(str::to_owned)));
        self
    }

    /// The value that a handler will see for `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_deref())
    }

    pub(in crate::engine) fn apply(&self, command: &mut Command) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_stop_the_process_from_starting_is_left_out() {
        let mut env = HandlerEnv::default();
        env.set("A", Some("a\0b"))
            .set("B", Some(&"x".repeat(VALUE_LIMIT + 1)))
            .set("C", Some(&"x".repeat(VALUE_LIMIT)))
            .set("D", None);
        assert_eq!((env.get("A"), env.get("B"), env.get("D")), (None, None, None));
        assert_eq!(env.get("C").map(str::len), Some(VALUE_LIMIT));
    }
}
