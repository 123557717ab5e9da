//! The requests of the Query protocol: `Attributes.entry.1.key=…` becomes a tree of the names that JSON uses.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. SNS writes lists as `member.N` and maps as `entry.N`; SQS
//! flattens both and calls them by the name of one element.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::error::{ApiError, ApiResult};
use super::Service;

/// How deep names may nest: the model needs six.
const DEEPEST: usize = 12;

/// Lists and maps: given as empty text they are empty. botocore writes them under the name of the whole, also where their
/// elements would go by another.
const PLURAL: [&str; 14] = [
    "AWSAccountId",
    "AWSAccountIds",
    "ActionName",
    "Actions",
    "AttributeNames",
    "Attributes",
    "Entries",
    "MessageAttributeNames",
    "MessageAttributes",
    "MessageSystemAttributeNames",
    "MessageSystemAttributes",
    "PublishBatchRequestEntries",
    "TagKeys",
    "Tags",
];

/// The decoded pairs of a form or of a query string.
pub(crate) fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The same, borrowed where nothing was escaped: names never are, and a batch has a hundred of them. Bodies are copied run by
/// run between what was escaped, where `form_urlencoded` goes byte by byte.
pub(crate) fn borrowed(text: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let mut rest = Some(text);
    let pairs = std::iter::from_fn(move || {
        let pair = rest?;
        let end = memchr::memchr(b'&', pair);
        rest = end.map(|end| &pair[end + 1..]);
        Some(&pair[..end.unwrap_or(pair.len())])
    });
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        (decoded(&pair[..end]), decoded(pair.get(end + 1..).unwrap_or_default()))
    })
}

/// What one name or value means; an escape that is none stands for itself
/// (<https://url.spec.whatwg.org/#urlencoded-parsing>).
fn decoded(text: &[u8]) -> Cow<'_, str> {
    let Some(mut run) = memchr::memchr2(b'%', b'+', text) else { return String::from_utf8_lossy(text) };
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        plain.extend_from_slice(&rest[..run]);
        let digit = |place: usize| char::from(*rest.get(place)?).to_digit(16);
        let (byte, length) = match (rest[run], digit(run + 1), digit(run + 2)) {
            (b'+', ..) => (b' ', 1),
            (_, Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            (percent, ..) => (percent, 1),
        };
        plain.push(byte);
        rest = &rest[run + length..];
        let Some(next) = memchr::memchr2(b'%', b'+', rest) else { break };
        run = next;
    }
    plain.extend_from_slice(rest);
    Cow::Owned(String::from_utf8(plain).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[derive(Default)]
struct Node<'a> {
    text: Option<String>,
    children: BTreeMap<&'a str, Node<'a>>,
}

/// The tree of a request's parameters; takes the values out of `pairs`.
pub(crate) fn tree(pairs: &mut [(Cow<'_, str>, Cow<'_, str>)], service: Service) -> ApiResult<Value> {
    let batch = pairs.iter().any(|(key, value)| key == "Action" && value.ends_with("Batch"));
    let mut root = Node::default();
    for (key, value) in pairs {
        let key: &str = key;
        if key.starts_with("X-Amz-")
            || key == "Action"
            || key == "Version"
            || (value.is_empty() && PLURAL.contains(&key.rsplit('.').next().unwrap_or_default()))
        {
            continue;
        }
        let mut node = &mut root;
        for (depth, part) in key.split('.').enumerate() {
            if depth == DEEPEST {
                return Err(ApiError::new("MalformedQueryString", format!("The parameter {key} nests too deep.")));
            }
            node = node.children.entry(part).or_default();
        }
        node.text = Some(std::mem::take(value).into_owned());
    }
    if service != Service::Sqs {
        return Ok(structure(root));
    }
    let mut tree = flattened(root);
    if let Value::Object(fields) = &mut tree {
        // Where both are given, Query looks at the older one alone; JSON takes them together (recorded AWS answers, localstack
        // tests, Apache-2.0: `test_message_system_attribute_names_with_attribute_names`).
        if fields.contains_key("AttributeNames") {
            fields.remove("MessageSystemAttributeNames");
        }
        // There is no way to write an empty list, so an absent one is taken for it.
        if batch {
            fields.entry("Entries").or_insert_with(|| Value::Array(Vec::new()));
        }
    }
    Ok(tree)
}

/// Elements by their numbers.
fn numbered<'a>(children: BTreeMap<&'a str, Node<'a>>) -> Vec<Node<'a>> {
    let mut elements: Vec<(u64, Node<'_>)> =
        children.into_iter().filter_map(|(number, node)| Some((number.parse().ok()?, node))).collect();
    elements.sort_by_key(|(number, _)| *number);
    elements.into_iter().map(|(_, node)| node).collect()
}

/// A map out of entries that name their keys and values in one of the ways that occur.
fn map<'a>(entries: Vec<Node<'a>>, inner: fn(Node<'a>) -> Value) -> Value {
    let mut found = Map::new();
    for mut entry in entries {
        let mut part = |names: [&str; 3]| names.iter().find_map(|name| entry.children.remove(*name));
        let key = part(["key", "Name", "Key"]).and_then(|node| node.text);
        let value = part(["value", "Value", "Value"]);
        if let Some(key) = key {
            found.insert(key, value.map_or(Value::Null, inner));
        }
    }
    Value::Object(found)
}

/// SNS and STS.
fn structure(mut node: Node<'_>) -> Value {
    if let Some(text) = node.text {
        return Value::String(text);
    }
    if node.children.len() == 1 {
        if let Some(list) = node.children.remove("member") {
            return match list.text {
                // `Tags.member=` and `Tags=` are how an empty list is written.
                Some(_) => Value::Array(Vec::new()),
                None => Value::Array(numbered(list.children).into_iter().map(structure).collect()),
            };
        }
        if let Some(entries) = node.children.remove("entry") {
            return map(numbered(entries.children), structure);
        }
        // How the examples of TagResource and UntagResource write their lists.
        if let Some(list) = ["Tag", "TagKey"].iter().find_map(|name| node.children.remove(*name)) {
            return Value::Array(numbered(list.children).into_iter().map(structure).collect());
        }
    }
    Value::Object(node.children.into_iter().map(|(name, child)| (name.to_owned(), structure(child))).collect())
}

/// Whether this is a list or a map of one element, written without its number, as the examples of AWS's own pages do it:
/// `Attribute.Name=VisibilityTimeout&Attribute.Value=35`, `Tag.Key=QueueType&Tag.Value=Production`, `TagKey=QueueType`
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>, and those of TagQueue
/// and UntagQueue).
fn alone(name: &str, node: &Node<'_>) -> bool {
    match name {
        "Attribute" | "MessageAttribute" | "MessageSystemAttribute" | "Tag" => {
            node.children.contains_key("Name") || node.children.contains_key("Key")
        }
        "AWSAccountId"
        | "ActionName"
        | "AttributeName"
        | "MessageAttributeName"
        | "MessageSystemAttributeName"
        | "TagKey" => node.text.is_some(),
        _ => false,
    }
}

/// SQS: the name of one element says what the whole is.
fn flattened(node: Node<'_>) -> Value {
    if let Some(text) = node.text {
        return Value::String(text);
    }
    let mut fields = Map::new();
    for (name, child) in node.children {
        let elements = if alone(name, &child) {
            vec![child]
        } else if !child.children.is_empty() && child.children.keys().all(|key| key.parse::<u64>().is_ok()) {
            numbered(child.children)
        } else {
            fields.insert(name.to_owned(), flattened(child));
            continue;
        };
        let list = |elements: Vec<Node<'_>>| Value::Array(elements.into_iter().map(flattened).collect());
        let (name, value) = match name {
            "Attribute" | "Attributes" => ("Attributes".to_owned(), map(elements, flattened)),
            "MessageAttribute" => ("MessageAttributes".to_owned(), map(elements, flattened)),
            "MessageSystemAttribute" => ("MessageSystemAttributes".to_owned(), map(elements, flattened)),
            "Tag" | "Tags" => ("Tags".to_owned(), map(elements, flattened)),
            "ActionName" => ("Actions".to_owned(), list(elements)),
            entries if entries.ends_with("BatchRequestEntry") => ("Entries".to_owned(), list(elements)),
            one => (format!("{one}s"), list(elements)),
        };
        fields.insert(name, value);
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(form: &str, service: Service) -> Value {
        tree(&mut borrowed(form.as_bytes()).collect::<Vec<_>>(), service).unwrap()
    }

    #[test]
    fn sns_lists_and_maps() {
        let form = "Action=PublishBatch&TopicArn=a&PublishBatchRequestEntries.member.2.Id=two\
                    &PublishBatchRequestEntries.member.1.Id=one&PublishBatchRequestEntries.member.10.Id=ten\
                    &PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=n\
                    &PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.DataType=String\
                    &Attributes.entry.1.key=k.k&Attributes.entry.1.value=a%26b+c";
        assert_eq!(
            read(form, Service::Sns),
            json!({
                "TopicArn": "a",
                "PublishBatchRequestEntries": [
                    { "Id": "one", "MessageAttributes": { "n": { "DataType": "String" } } }, { "Id": "two" }, { "Id": "ten" }
                ],
                "Attributes": { "k.k": "a&b c" },
            })
        );
    }

    #[test]
    fn forms_are_read_as_the_standard_says() {
        let forms: [&[u8]; 8] = [
            b"a=1&b=%7B%22k%22%3A+1%7D&c",
            b"&&=x&a==&%61=%zz%4&+=%2B",
            b"a=%E2%82%AC%ff&b=\xff",
            b"%",
            b"a=%2",
            b"a=100%25+%C3%A4&a=",
            b"=",
            b"",
        ];
        for form in forms {
            let ours: Vec<(String, String)> =
                borrowed(form).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            assert_eq!(ours, pairs(form), "{}", String::from_utf8_lossy(form));
        }
    }

    #[test]
    fn the_lists_of_the_documentations_examples() {
        // https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html and API_UntagResource.html
        let form = "Action=X&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v&TagKeys.TagKey.2=b&TagKeys.TagKey.1=a";
        let wanted = json!({ "Tags": [{ "Key": "k", "Value": "v" }], "TagKeys": ["a", "b"] });
        assert_eq!(read(form, Service::Sns), wanted);
    }

    #[test]
    fn sqs_flattens() {
        let form = "Action=X&AttributeName.1=All&AttributeName.2=B&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5\
                    &MessageAttribute.1.Name=m&MessageAttribute.1.Value.StringValue=v&TagKey.1=t&Tag.1.Key=a&Tag.1.Value=b\
                    &SendMessageBatchRequestEntry.1.Id=x&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=q\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Number";
        assert_eq!(
            read(form, Service::Sqs),
            json!({
                "AttributeNames": ["All", "B"],
                "Attributes": { "DelaySeconds": "5" },
                "MessageAttributes": { "m": { "StringValue": "v" } },
                "TagKeys": ["t"],
                "Tags": { "a": "b" },
                "Entries": [{ "Id": "x", "MessageAttributes": { "q": { "DataType": "Number" } } }],
            })
        );
    }

    #[test]
    fn one_element_of_sqs_needs_no_number() {
        let form = "Action=X&Attribute.Name=VisibilityTimeout&Attribute.Value=35&Tag.Key=QueueType&Tag.Value=Production\
                    &TagKey=QueueType&AttributeName=All&MessageAttributeName=a.*\
                    &AWSAccountId=1&ActionName=SendMessage&MessageAttribute.Name=m&MessageAttribute.Value.DataType=String\
                    &MessageSystemAttribute.Name=AWSTraceHeader&MessageSystemAttribute.Value.StringValue=t";
        let wanted = json!({
            "Attributes": { "VisibilityTimeout": "35" },
            "Tags": { "QueueType": "Production" },
            "TagKeys": ["QueueType"],
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["a.*"],
            "AWSAccountIds": ["1"],
            "Actions": ["SendMessage"],
            "MessageAttributes": { "m": { "DataType": "String" } },
            "MessageSystemAttributes": { "AWSTraceHeader": { "StringValue": "t" } },
        });
        assert_eq!(read(form, Service::Sqs), wanted);
    }

    #[test]
    fn one_element_without_a_number_is_one_inside_a_batch_too() {
        let form = "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=x\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.Name=q\
                    &SendMessageBatchRequestEntry.1.MessageAttribute.Value.DataType=Number\
                    &MessageSystemAttributeName=SenderId";
        let wanted = json!({
            "Entries": [{ "Id": "x", "MessageAttributes": { "q": { "DataType": "Number" } } }],
            "MessageSystemAttributeNames": ["SenderId"],
        });
        assert_eq!(read(form, Service::Sqs), wanted);
    }

    #[test]
    fn an_empty_list_is_written_as_nothing() {
        assert_eq!(read("Action=X&PublishBatchRequestEntries=&Tags=&Subject=", Service::Sns), json!({ "Subject": "" }));
    }

    #[test]
    fn names_that_differ_between_the_protocols() {
        let form = "Action=X&ActionName.1=SendMessage&AWSAccountId.1=1&Tags.1.Key=a&Tags.1.Value=b";
        let wanted = json!({ "Actions": ["SendMessage"], "AWSAccountIds": ["1"], "Tags": { "a": "b" } });
        assert_eq!(read(form, Service::Sqs), wanted);
    }

    #[test]
    fn an_empty_list_of_sqs_is_written_under_the_name_of_the_whole() {
        let form = "Action=X&Entries=&AttributeNames=&SendMessageBatchRequestEntry.1.Id=a\
                    &SendMessageBatchRequestEntry.1.MessageAttributes=&MessageBody=";
        assert_eq!(read(form, Service::Sqs), json!({ "Entries": [{ "Id": "a" }], "MessageBody": "" }));
        assert_eq!(read("Action=DeleteMessageBatch&Entries=", Service::Sqs), json!({ "Entries": [] }));
    }

    #[test]
    fn the_older_names_of_system_attributes_win() {
        let form = "Action=ReceiveMessage&AttributeName.1=SenderId&MessageSystemAttributeName.1=All";
        assert_eq!(read(form, Service::Sqs), json!({ "AttributeNames": ["SenderId"] }));
        let form = "Action=ReceiveMessage&MessageSystemAttributeName.1=All";
        assert_eq!(read(form, Service::Sqs), json!({ "MessageSystemAttributeNames": ["All"] }));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = format!("Action=X&{}=1", vec!["a"; 500].join("."));
        assert!(tree(&mut borrowed(deep.as_bytes()).collect::<Vec<_>>(), Service::Sns).is_err());
    }
}
