//! Small words: plurals, names in a list, digits, and the nearest name to a wrong one.
//!
//! Pure; any room may use it.

/// `1 event`, `2 events`.
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {}", thousands(n), plural(noun)) }
}

/// The plural of a noun of this tool's vocabulary.
fn plural(noun: &str) -> String {
    match noun {
        "policy" => "policies".into(),
        "queue policy" => "queue policies".into(),
        other => format!("{other}s"),
    }
}

/// `12,345`: digits grouped by three.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes as hexadecimal digits, two each, in small letters.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

/// `` `a`, `b` and `c` ``.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Up to three of `known` that `wrong` may have meant, nearest first.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// `` did you mean `x`? ``, when there is anything near.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean_any(&nearest(wrong, known))
}

/// The same for names that are known to be near; `None` when there are none.
pub fn did_you_mean_any<S: AsRef<str>>(near: &[S]) -> Option<String> {
    (!near.is_empty()).then(|| format!("did you mean {}?", list(near).replace(" and ", " or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_and_groups() {
        assert_eq!(count(0, "event"), "0 events");
        assert_eq!(count(1, "event"), "1 event");
        assert_eq!(count(1_234_567, "policy"), "1,234,567 policies");
        assert_eq!(thousands(100), "100");
        assert_eq!(hex(&[0, 0x1f, 0xa0, 0xff]), "001fa0ff");
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn the_nearest_name_comes_first_and_strangers_do_not_come() {
        assert_eq!(nearest("UserRegistred", ["UserRegistered", "OrderPlaced"]), ["UserRegistered"]);
        assert_eq!(did_you_mean("zzz", ["UserRegistered"]), None);
    }
}
