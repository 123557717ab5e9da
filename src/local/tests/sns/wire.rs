//! The examples of AWS's API reference that the goldens cannot hold: they name a subscription, whose id is made here, or show a
//! part of an answer only. And whether every operation has an example at all.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::local::sns::OPERATIONS;

/// The operations whose examples are in this file.
const HERE: [&str; 3] = ["GetSubscriptionAttributes", "GetTopicAttributes", "SetSubscriptionAttributes"];

#[test]
fn every_operation_has_an_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut found: BTreeSet<String> = HERE.map(str::to_owned).into();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("sns-") && !name.starts_with("sts-") {
            continue;
        }
        let golden: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert!(golden["source"].as_str().is_some_and(|source| !source.is_empty()), "{name}");
        let body = golden["request"]["body"].as_str().unwrap();
        found.extend(
            form_urlencoded::parse(body.as_bytes()).filter(|(key, _)| key == "Action").map(|(_, a)| a.into_owned()),
        );
    }
    let wanted: BTreeSet<String> =
        OPERATIONS.iter().chain(&["GetCallerIdentity"]).map(|name| (*name).to_owned()).collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn every_operation_is_served() {
    let bench = Bench::new();
    for operation in OPERATIONS {
        let (_, body) = query(&bench.bus, "2010-03-31", &[("Action", operation)]).await;
        assert!(!body.contains("InvalidAction") && !body.contains("UnsupportedOperation"), "{operation}: {body}");
    }
    let (status, body) = query(&bench.bus, "2010-03-31", &[("Action", "Nonsense")]).await;
    assert_eq!((status, between(&body, "Code")), (400, "InvalidAction".into()));
    assert_eq!(between(&body, "Type"), "Sender");
    assert_eq!(between(&body, "Message"), "Could not find operation Nonsense for version 2010-03-31");
    let (status, body) = query(&bench.bus, "2010-03-31", &[("Action", "CreatePlatformEndpoint")]).await;
    assert_eq!((status, between(&body, "Code")), (400, "UnsupportedOperation".into()));
    assert!(between(&body, "Message").contains("CreatePlatformEndpoint"));
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html> and
/// <https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html>: requests, shapes and values of the examples.
#[tokio::test]
async fn attributes_of_a_subscription() {
    let bench = Bench::new();
    let topic = bench.made("My-Topic", &[]).await;
    let made = bench.subscribe(&topic, "q", &[]).await;
    let set = bench
        .sns(&[
            ("Action", "SetSubscriptionAttributes"),
            ("SubscriptionArn", &made),
            ("AttributeName", "DeliveryPolicy"),
            ("AttributeValue", r#"{"healthyRetryPolicy":{"numRetries":10}}"#),
        ])
        .await;
    let id = between(&set, "RequestId");
    assert_eq!(
        set,
        format!(
            r#"<SetSubscriptionAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></SetSubscriptionAttributesResponse>"#
        )
    );
    let get = bench.sns(&[("Action", "GetSubscriptionAttributes"), ("SubscriptionArn", &made)]).await;
    let head = r#"<GetSubscriptionAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><GetSubscriptionAttributesResult><Attributes><entry><key>"#;
    assert!(get.starts_with(head), "{get}");
    let id = between(&get, "RequestId");
    let tail = format!(
        "</value></entry></Attributes></GetSubscriptionAttributesResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></GetSubscriptionAttributesResponse>"
    );
    assert!(get.ends_with(&tail), "{get}");
    let shown = attributes(&get);
    assert_eq!(shown["Owner"], "000000000000");
    assert_eq!(shown["DeliveryPolicy"], r#"{"healthyRetryPolicy":{"numRetries":10}}"#);
    assert_eq!(shown["SubscriptionArn"], made);
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html>: the request, the shape and the values of the
/// example, its policy having been set.
#[tokio::test]
async fn attributes_of_a_topic() {
    let bench = Bench::new();
    let topic = bench.made("My-Topic", &[]).await;
    let policy = r#"{"Version":"2008-10-17","Id":"us-east-2/698519295917/test__default_policy_ID","Statement":[{"Effect":"Allow","Sid":"us-east-2/698519295917/test__default_statement_ID","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"arn:aws:sns:us-east-2:698519295917:test"}]}"#;
    let set = [("TopicArn", topic.as_str()), ("AttributeName", "Policy"), ("AttributeValue", policy)];
    bench.sns(&[&[("Action", "SetTopicAttributes")], &set[..]].concat()).await;
    let get = bench.sns(&[("Action", "GetTopicAttributes"), ("TopicArn", &topic)]).await;
    let head = r#"<GetTopicAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><GetTopicAttributesResult><Attributes><entry><key>"#;
    assert!(get.starts_with(head), "{get}");
    assert!(get.contains(r#"<key>Policy</key><value>{&quot;Version&quot;:&quot;2008-10-17&quot;"#), "{get}");
    let shown = attributes(&get);
    assert_eq!(
        (shown["Owner"].as_str(), shown["Policy"].as_str(), &shown["TopicArn"]),
        ("000000000000", policy, &topic)
    );
}
