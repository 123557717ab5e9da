//! What AWS was recorded to answer (localstack tests, Apache-2.0; the test's name stands at each) and what its documentation
//! says, beyond what the goldens show.

mod attributes;
mod policies;
mod query;
mod sending;
mod settling;

use super::*;

/// Status, `__type` without its namespace, and message of an answer in JSON.
async fn refused(bench: &Bench, operation: &str, input: Value) -> (u16, String, String) {
    let response = bench.bus.handle(sqs_request(operation, &input)).await;
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let shape = body["__type"].as_str().and_then(|shape| shape.split('#').nth(1)).unwrap_or_default().to_owned();
    (response.status().as_u16(), shape, body["message"].as_str().unwrap_or_default().to_owned())
}

/// The message alone.
async fn said(bench: &Bench, operation: &str, input: Value) -> String {
    refused(bench, operation, input).await.2
}

async fn shown(bench: &Bench, queue: &str) -> serde_json::Map<String, Value> {
    let all = json!({ "QueueUrl": format!("{URL}{queue}"), "AttributeNames": ["All"] });
    bench.sqs("GetQueueAttributes", all).await["Attributes"].as_object().unwrap().clone()
}
