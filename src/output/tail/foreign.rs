//! Messages of AWS's own services, which are no events of ours: what a person wants to see of them first.
//!
//! EventBridge: <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>. S3:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.

use serde_json::Value;

use crate::event::json;
use crate::words::count;

/// A message of another service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) time: Option<String>,
    /// What happened.
    pub(super) name: String,
    /// To what.
    pub(super) subject: String,
    /// Who says so.
    pub(super) from: String,
    /// The rest, as JSON text.
    pub(super) detail: String,
}

/// Reads the text of a message; none when it is neither of the two.
pub(super) fn read(text: &str) -> Option<Foreign> {
    let value: Value = serde_json::from_str(text).ok()?;
    event_bridge(&value, text).or_else(|| s3(&value, text))
}

fn event_bridge(value: &Value, text: &str) -> Option<Foreign> {
    let word = |name: &str| value.get(name).and_then(Value::as_str);
    let (name, source) = (word("detail-type")?, word("source")?);
    value.get("detail")?;
    let members = json::members(text);
    let resources: Vec<&str> =
        value.get("resources").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let subject = if resources.is_empty() { word("id").unwrap_or("-").to_owned() } else { resources.join(" ") };
    Some(Foreign {
        time: word("time").map(str::to_owned),
        name: name.to_owned(),
        subject,
        from: format!("{source} through EventBridge"),
        detail: json::member(&members, "detail").unwrap_or("{}").to_owned(),
    })
}

fn s3(value: &Value, text: &str) -> Option<Foreign> {
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Some(Foreign {
            time: value.get("Time").and_then(Value::as_str).map(str::to_owned),
            name: "s3:TestEvent".to_owned(),
            subject: format!("s3://{}", value.get("Bucket").and_then(Value::as_str).unwrap_or("-")),
            from: "S3".to_owned(),
            detail: "{}".to_owned(),
        });
    }
    let records = value.get("Records")?.as_array()?;
    let first = records.first()?;
    if !records.iter().all(|record| record.get("eventSource").and_then(Value::as_str) == Some("aws:s3")) {
        return None;
    }
    let word = |pointer: &str| first.pointer(pointer).and_then(Value::as_str);
    // Keys come as in a URL's query: a blank is a plus sign.
    let key = word("/s3/object/key").unwrap_or("-").replace('+', " ");
    let key = percent_encoding::percent_decode_str(&key).decode_utf8_lossy().into_owned();
    let mut subject = format!("s3://{}/{key}", word("/s3/bucket/name").unwrap_or("-"));
    if let Some(size) = first.pointer("/s3/object/size").and_then(Value::as_u64) {
        subject.push_str(&format!(" ({})", count(size, "byte")));
    }
    if records.len() > 1 {
        subject.push_str(&format!(" and {} more", records.len() - 1));
    }
    let members = json::members(text);
    Some(Foreign {
        time: word("/eventTime").map(str::to_owned),
        name: word("/eventName").unwrap_or("-").to_owned(),
        subject,
        from: "S3".to_owned(),
        detail: json::member(&members, "Records").unwrap_or("[]").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_event_bridge() {
        let text = r#"{"version":"0","id":"6a7e","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2",
            "account":"111122223333","time":"2017-12-22T18:43:48Z","region":"us-west-1",
            "resources":["arn:aws:ec2:us-west-1:123456789012:instance/i-1"],"detail":{"state":"terminated","n":1.50}}"#;
        let found = read(text).unwrap();
        assert_eq!(found.name, "EC2 Instance State-change Notification");
        assert_eq!(found.subject, "arn:aws:ec2:us-west-1:123456789012:instance/i-1");
        assert_eq!(found.from, "aws.ec2 through EventBridge");
        assert_eq!(found.detail, r#"{"state":"terminated","n":1.50}"#);
    }

    #[test]
    fn notifications_of_s3() {
        let text = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"1970-01-01T00:00:00.000Z",
            "eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"photos"},"object":{"key":"red+flower%2B.jpg","size":1024}}}]}"#;
        let found = read(text).unwrap();
        assert_eq!(
            (found.name.as_str(), found.subject.as_str()),
            ("ObjectCreated:Put", "s3://photos/red flower+.jpg (1,024 bytes)")
        );
        let test =
            r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"photos"}"#;
        assert_eq!(read(test).unwrap().subject, "s3://photos");
    }

    #[test]
    fn other_texts_are_neither() {
        for text in
            ["", "1", "{}", r#"{"Records":[]}"#, r#"{"Records":[{"eventSource":"aws:kinesis"}]}"#, r#"{"source":"x"}"#]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
