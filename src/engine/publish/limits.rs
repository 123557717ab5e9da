//! What SNS refuses or drops in silence, looked for before anything leaves.

use super::Problem;
use super::attributes::{check_attribute, refused_character};
use crate::bus::Outgoing;

/// With more attributes a message is discarded by every subscription with raw delivery:
/// <https://docs.aws.amazon.com/sns/latest/dg/SNSMessageAttributes.html>.
pub(super) const MAX_RAW_ATTRIBUTES: usize = 10;

/// Ids, subject, attributes and characters of a message.
///
/// # Errors
/// The first that SNS would not take.
pub(super) fn check(outgoing: &Outgoing) -> Result<(), Problem> {
    for (what, id) in [("message group", &outgoing.group_id), ("deduplication", &outgoing.dedup_id)] {
        if let Some(id) = id.as_deref().filter(|id| !is_fifo_id(id)) {
            let shown: String = id.chars().take(40).collect();
            return Err(Problem::Fifo(format!(
                "`{shown}` is no {what} id: SNS takes 1 to 128 ASCII letters, digits and punctuation marks"
            )));
        }
    }
    if let Some(subject) = &outgoing.subject {
        check_subject(subject)?;
    }
    for (name, attribute) in &outgoing.attributes {
        check_attribute(name, attribute).map_err(Problem::Attribute)?;
    }
    match refused_character(&outgoing.body) {
        Some(code) => Err(Problem::Character(code)),
        None => Ok(()),
    }
}

/// What SNS counts: the body, and name, type and value of each attribute.
pub(super) fn size(outgoing: &Outgoing) -> usize {
    outgoing.body.len()
        + outgoing.attributes.iter().map(|(name, attribute)| name.len() + attribute.size()).sum::<usize>()
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>: up to 128 alphanumeric characters and punctuation.
fn is_fifo_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

/// The same page: at most 100 characters, no line breaks and no control characters.
fn check_subject(subject: &str) -> Result<(), Problem> {
    let length = subject.chars().count();
    let wrong = match length {
        0 => "is empty",
        101.. => "is longer than 100 characters",
        _ if subject.chars().any(char::is_control) => "holds a line break or another control character",
        _ => return Ok(()),
    };
    Err(Problem::Subject(format!("the subject {wrong}, which SNS refuses")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_short_and_on_one_line() {
        let check = |subject: &str| {
            check(&Outgoing { body: "x".into(), subject: Some(subject.into()), ..Outgoing::default() })
                .map_err(|problem| problem.to_string())
        };
        assert_eq!(check(&"é".repeat(100)), Ok(()));
        for (subject, told) in [("", "empty"), (&"x".repeat(101), "longer"), ("a\nb", "line break")] {
            assert!(check(subject).is_err_and(|why| why.contains(told)), "{subject}");
        }
    }
}
