//! Just enough of HTTP to set up a topic and queues on any of the servers, with no client of anybody's in the way.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// A server on the loopback address.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint(pub(crate) u16);

impl Endpoint {
    /// Posts one request on a connection of its own and returns the body of the answer, which must be a success.
    fn post(self, service: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n",
            self.0,
            body.len(),
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(head.starts_with("HTTP/1.1 200"), "{service}: {answer}");
        body.to_owned()
    }

    /// An operation of SNS, in the Query protocol; returns the XML.
    pub(crate) fn sns(self, operation: &str, parameters: &[(&str, &str)]) -> String {
        self.post("sns", "Content-Type: application/x-www-form-urlencoded\r\n", &form(operation, parameters))
    }

    /// An operation of SQS, in JSON; returns the JSON, or null for an empty answer.
    pub(crate) fn sqs(self, operation: &str, input: &Value) -> Value {
        let headers = format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{operation}\r\n");
        let body = self.post("sqs", &headers, &input.to_string());
        let text = body.find('{').and_then(|begin| Some(&body[begin..=body.rfind('}')?]));
        text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    }

    /// How many messages of a queue wait to be received.
    pub(crate) fn depth(self, queue: &str) -> u64 {
        let wanted = json!({ "QueueUrl": queue, "AttributeNames": ["ApproximateNumberOfMessages"] });
        let answer = self.sqs("GetQueueAttributes", &wanted);
        answer["Attributes"]["ApproximateNumberOfMessages"].as_str().unwrap().parse().unwrap()
    }
}

/// A request in the Query protocol of SNS.
pub(crate) fn form(operation: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", operation).append_pair("Version", "2010-03-31");
    parameters.iter().fold(&mut form, |form, (name, value)| form.append_pair(name, value)).finish()
}

/// The text of the first element called `name`.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let after = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no <{name}> in {xml}")).1;
    after.split_once('<').unwrap().0.trim()
}
