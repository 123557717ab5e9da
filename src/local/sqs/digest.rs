//! The MD5 digests that SDKs verify on every message, and message sizes.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::types::WireAttributes;
use crate::words;

/// The digest of a body, in hex.
pub(crate) fn of_text(text: &str) -> String {
    words::hex(&Md5::digest(text.as_bytes()))
}

/// The SHA-256 of a body, in hex: its deduplication id where nobody gave one.
pub(crate) fn sha256(text: &str) -> String {
    words::hex(&sha2::Sha256::digest(text.as_bytes()))
}

/// The digest of message attributes, in hex; `None` when there are none.
pub(crate) fn of_attributes(attributes: &WireAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    let part = |digest: &mut Md5, bytes: &[u8]| {
        digest.update((bytes.len() as u32).to_be_bytes());
        digest.update(bytes);
    };
    // The map is sorted by name, as the digest wants it.
    for (name, attribute) in attributes {
        part(&mut digest, name.as_bytes());
        part(&mut digest, attribute.data_type.as_deref().unwrap_or_default().as_bytes());
        match (&attribute.string_value, &attribute.binary_value) {
            (None, Some(base64)) => {
                digest.update([2]);
                part(&mut digest, &decoded(base64).unwrap_or_default());
            }
            (text, _) => {
                digest.update([1]);
                part(&mut digest, text.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }
    Some(words::hex(&digest.finalize()))
}

/// Bytes that count towards the size limits: name, type and value of each attribute.
pub(crate) fn size_of_attributes(attributes: &WireAttributes) -> usize {
    attributes
        .iter()
        .map(|(name, attribute)| {
            let value = match (&attribute.string_value, &attribute.binary_value) {
                (Some(text), _) => text.len(),
                (None, Some(base64)) => decoded(base64).map_or(0, |bytes| bytes.len()),
                (None, None) => 0,
            };
            name.len() + attribute.data_type.as_ref().map_or(0, String::len) + value
        })
        .sum()
}

/// The bytes of a binary value; `None` when the base64 is broken.
pub(crate) fn decoded(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok()
}

#[cfg(test)]
mod tests {
    use super::super::types::WireAttribute;
    use super::*;

    fn text(value: &str) -> WireAttribute {
        WireAttribute { data_type: Some("String".into()), string_value: Some(value.into()), ..WireAttribute::default() }
    }

    #[test]
    fn digests_of_the_documentation() {
        // Both from the example of <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
        assert_eq!(of_text("This is a test message"), "fafb00f5732ab283681e124bf8747ed1");
        let attributes = WireAttributes::from([
            ("my_attribute_name_1".into(), text("my_attribute_value_1")),
            ("my_attribute_name_2".into(), text("my_attribute_value_2")),
        ]);
        assert_eq!(of_attributes(&attributes).as_deref(), Some("c48838208d2b4e14e3ca0093a8443f09"));
    }

    #[test]
    fn binary_counts_and_digests_its_bytes() {
        let binary = |data: &str| WireAttribute {
            data_type: Some("Binary".into()),
            binary_value: Some(data.into()),
            ..WireAttribute::default()
        };
        let one = WireAttributes::from([("b".into(), binary("AAEC"))]);
        assert_eq!(size_of_attributes(&one), 1 + 6 + 3);
        let other = WireAttributes::from([("b".into(), text("AAEC"))]);
        assert_ne!(of_attributes(&one), of_attributes(&other));
        assert_eq!(of_attributes(&WireAttributes::new()), None);
    }
}
