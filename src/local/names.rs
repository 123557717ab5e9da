//! Accounts, regions, ARNs, queue URLs and what names may look like.
//!
//! Pure. Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html> and the service models.

use percent_encoding::percent_decode_str;

use super::error::{ApiError, ApiResult};

/// The account of a request whose access key id names none.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region of a request that names none.
pub(crate) const REGION: &str = "us-east-1";

/// Who asks, where, and under which address.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The account of the caller.
    pub(crate) account: String,
    /// The region of the credential scope.
    pub(crate) region: String,
    /// Whether the request itself tells the region. A topic of another region is out of its reach then; who tells none, such as
    /// a link in a notification, reaches all of them.
    pub(crate) region_told: bool,
    /// Scheme and authority the request was sent to, no slash at the end: what queue URLs begin with.
    pub(crate) base: String,
    /// The trace header that came along: `X-Amzn-Trace-Id`.
    pub(crate) trace: Option<String>,
}

impl Caller {
    /// Whether what `arn` names is in the region of this caller.
    pub(crate) fn reaches(&self, arn: &Arn<'_>) -> bool {
        !self.region_told || arn.region == self.region
    }

    /// The ARN of the topic `name` of this caller.
    pub(crate) fn topic_arn(&self, name: &str) -> String {
        format!("arn:{}:sns:{}:{}:{name}", partition(&self.region), self.region, self.account)
    }

    /// The URL of a queue as this caller sees it.
    pub(crate) fn queue_url(&self, account: &str, name: &str) -> String {
        format!("{}/{account}/{name}", self.base)
    }

    /// The queue that `url` names: account and name are the last two segments of its path. The region is the one that the URL
    /// tells, in its host (`sqs.REGION.…`, `REGION.queue.…`) or its path (`/queue/REGION/…`), else the caller's.
    pub(crate) fn queue_at(&self, url: &str) -> ApiResult<QueueName> {
        let bad = || {
            ApiError::coded(
                "InvalidAddress",
                "InvalidAddress",
                format!("The address {url} is not valid for this endpoint."),
            )
            .status(404)
        };
        let (host, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", url),
        };
        let mut segments = path.trim_matches('/').rsplit('/');
        let name = segments.next().unwrap_or_default();
        let account = segments.next().unwrap_or_default();
        let before = (segments.next(), segments.next());
        if !valid_account(account) || name.is_empty() {
            return Err(bad());
        }
        let region = match before {
            (Some(region), Some("queue")) if valid_region(region) => region,
            _ => region_of_host(host).unwrap_or(&self.region),
        };
        let name = percent_decode_str(name).decode_utf8().map_err(|_| bad())?.into_owned();
        Ok(QueueName { region: region.to_owned(), account: account.to_owned(), name })
    }
}

/// The partition of a region, as the second part of an ARN names it
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
pub(crate) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// Whether `text` is an account: twelve digits.
pub(crate) fn valid_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `text` looks like a region: `eu-west-1`, `us-gov-east-1`.
pub(crate) fn valid_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.next_back().is_some_and(number) && parts.clone().count() >= 2 && parts.all(letters)
}

/// The region that a host names, as AWS builds them: `sqs.REGION.…`, `sns.REGION.…`, `sts.REGION.…`, `REGION.queue.…`.
pub(crate) fn region_of_host(host: &str) -> Option<&str> {
    let mut labels = host.split(['.', ':']);
    let region = match (labels.next()?, labels.next()?) {
        ("sqs" | "sns" | "sts", region) | (region, "queue") => region,
        _ => return None,
    };
    valid_region(region).then_some(region)
}

/// What tells one queue from every other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueueName {
    /// The region.
    pub(crate) region: String,
    /// The owner's account.
    pub(crate) account: String,
    /// The name.
    pub(crate) name: String,
}

impl QueueName {
    /// Its ARN.
    pub(crate) fn arn(&self) -> String {
        format!("arn:{}:sqs:{}:{}:{}", partition(&self.region), self.region, self.account, self.name)
    }

    /// Whether it names a FIFO queue.
    pub(crate) fn fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }

    /// Reads the ARN of a queue; `None` when it is anything else.
    pub(crate) fn from_arn(arn: &str) -> Option<Self> {
        let parts = split_arn(arn)?;
        (parts.service == "sqs" && valid_queue_name(parts.resource)).then(|| Self {
            region: parts.region.to_owned(),
            account: parts.account.to_owned(),
            name: parts.resource.to_owned(),
        })
    }
}

/// The six parts of an ARN that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    /// `sns`, `sqs`.
    pub(crate) service: &'a str,
    /// The region.
    pub(crate) region: &'a str,
    /// The account.
    pub(crate) account: &'a str,
    /// Everything after the fifth colon.
    pub(crate) resource: &'a str,
}

/// Splits an ARN; `None` when it is not one.
pub(crate) fn split_arn(arn: &str) -> Option<Arn<'_>> {
    let mut parts = arn.splitn(6, ':');
    let (head, partition) = (parts.next()?, parts.next()?);
    let found = Arn { service: parts.next()?, region: parts.next()?, account: parts.next()?, resource: parts.next()? };
    (head == "arn" && partition.starts_with("aws") && !found.resource.is_empty()).then_some(found)
}

fn word(name: &str, longest: usize) -> bool {
    let base = name.strip_suffix(".fifo").unwrap_or(name);
    !base.is_empty()
        && name.len() <= longest
        && base.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A queue's name: 1 to 80 of `A-Za-z0-9_-`, `.fifo` at the end allowed.
pub(crate) fn valid_queue_name(name: &str) -> bool {
    word(name, 80)
}

/// A topic's name: 1 to 256 of `A-Za-z0-9_-`, `.fifo` at the end allowed.
pub(crate) fn valid_topic_name(name: &str) -> bool {
    word(name, 256)
}

/// The id of a batch entry: 1 to 80 of `A-Za-z0-9_-`.
pub(crate) fn valid_entry_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 80 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Whether every character may travel in a message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
pub(crate) fn valid_text(text: &str) -> bool {
    odd_char(text).is_none()
}

/// The first character of a text that no message takes along.
pub(crate) fn odd_char(text: &str) -> Option<char> {
    // Nearly every body is all printable: look at bytes first, at characters only when something is unusual.
    if text.bytes().all(|b| (0x20..0xEF).contains(&b) || matches!(b, b'\t' | b'\n' | b'\r')) {
        return None;
    }
    text.chars().find(|c| !valid_char(*c))
}

/// The characters of XML 1.0 (<https://www.w3.org/TR/xml/#charsets>).
pub(crate) fn valid_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            account: ACCOUNT.into(),
            region: "eu-west-1".into(),
            region_told: true,
            base: "http://127.0.0.1:4100".into(),
            trace: None,
        }
    }

    #[test]
    fn a_queue_url_goes_there_and_back() {
        let found = caller().queue_at(&caller().queue_url(ACCOUNT, "orders-1")).unwrap();
        assert_eq!(found.arn(), "arn:aws:sqs:eu-west-1:000000000000:orders-1");
        assert_eq!(QueueName::from_arn(&found.arn()), Some(found));
    }

    #[test]
    fn a_queue_url_may_name_its_region() {
        for (url, region) in [
            ("https://sqs.us-west-2.amazonaws.com/123456789012/q", "us-west-2"),
            ("http://sqs.us-gov-east-1.localhost.localstack.cloud:4566/123456789012/q", "us-gov-east-1"),
            ("http://ap-south-1.queue.amazonaws.com/123456789012/q", "ap-south-1"),
            ("http://127.0.0.1:4566/queue/us-west-2/123456789012/q", "us-west-2"),
            ("http://127.0.0.1:4566/123456789012/q", "eu-west-1"),
            ("http://sqs.internal:4566/123456789012/q", "eu-west-1"),
            ("123456789012/q", "eu-west-1"),
        ] {
            let found = caller().queue_at(url).unwrap();
            assert_eq!(found.arn(), format!("arn:{}:sqs:{region}:123456789012:q", partition(region)), "{url}");
        }
    }

    #[test]
    fn arns_name_the_partition_of_their_region() {
        for (region, arn) in [
            ("cn-north-1", "arn:aws-cn:sqs:cn-north-1:000000000000:q"),
            ("us-gov-west-1", "arn:aws-us-gov:sqs:us-gov-west-1:000000000000:q"),
            ("us-west-1", "arn:aws:sqs:us-west-1:000000000000:q"),
        ] {
            let there = Caller { region: region.into(), ..caller() };
            let found = there.queue_at(&there.queue_url(ACCOUNT, "q")).unwrap();
            assert_eq!(found.arn(), arn);
            assert_eq!(QueueName::from_arn(arn), Some(found));
            assert_eq!(there.topic_arn("q"), arn.replace("sqs", "sns"));
        }
    }

    #[test]
    fn regions_and_accounts_look_like_them() {
        for good in ["eu-west-1", "us-gov-east-1", "ap-southeast-12"] {
            assert!(valid_region(good), "{good}");
        }
        for bad in ["", "1", "eu-1", "localhost", "eu-west-", "-west-1", "eu-west-one", "EU-WEST-1"] {
            assert!(!valid_region(bad), "{bad}");
        }
        assert!(valid_account("123456789012") && !valid_account("12345678901") && !valid_account("AKIA56789012"));
    }

    #[test]
    fn what_is_no_queue_url_is_said_so() {
        for bad in ["orders", "http://h/orders", "http://h/", "http://h/12/orders", ""] {
            assert_eq!(caller().queue_at(bad).unwrap_err().code, "InvalidAddress", "{bad}");
        }
    }

    #[test]
    fn arns_are_split_and_refused() {
        assert_eq!(split_arn("arn:aws:sns:r:a:t:uuid").unwrap().resource, "t:uuid");
        for bad in ["", "arn:aws:sqs:r:a", "arn:aws:sqs:r:a:", "x:aws:sqs:r:a:q", "http://h/q"] {
            assert_eq!(split_arn(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_and_text() {
        assert!(valid_queue_name(&"a".repeat(80)) && !valid_queue_name(&"a".repeat(81)));
        assert!(valid_queue_name("a.fifo") && !valid_queue_name("a.b") && !valid_queue_name(".fifo"));
        assert!(valid_text("a\tb\n\r ü 😀 \u{FFFD}"));
        assert!(!valid_text("\u{0}") && !valid_text("a\u{1F}b") && !valid_text("\u{FFFE}") && !valid_text("ü\u{B}"));
        assert!(valid_text("\u{7F}"));
    }
}
