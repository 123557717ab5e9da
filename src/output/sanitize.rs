//! Bodies are hostile on a terminal and sacred on a pipe: control characters are escaped before they reach a screen.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes every control character, line ends and tabs included: for text that must stay on one line.
pub fn escape_control(text: &str) -> Cow<'_, str> {
    escape(text, dangerous)
}

/// Escapes control characters but keeps `\n` and `\t`: for text of several lines.
pub fn escape_control_keeping_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| dangerous(c) && c != '\n' && c != '\t')
}

/// Controls (C0, DEL, C1) and the characters that reorder or hide what is written around them.
pub(super) fn dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn escape(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !bad(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_teeth() {
        assert_eq!(escape_control("\u{1b}[2Jhello\r\n"), "\\u{1b}[2Jhello\\r\\n");
        assert_eq!(escape_control_keeping_lines("a\n\tb\u{9b}31m"), "a\n\tb\\u{9b}31m");
        assert_eq!(escape_control("\u{202e}txt.exe"), "\\u{202e}txt.exe");
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape_control("grüße 🚌"), Cow::Borrowed(_)));
    }
}
