//! The bus: every call to SNS, SQS and STS, and the only place that names an AWS SDK.
//!
//! May use `event`'s shared types, `topology`'s model and the AWS crates. Never the engine, output, commands, config or the
//! embedded bus: that one arrives as an HTTP client inside [`ConnectOptions`], so there is one code path for all endpoints.
//! Rules kept here: nothing is created by a look-up, a batch answer is read entry by entry, and no error carries a credential.

mod connect;
mod developer;
mod error;
mod moves;
mod names;
mod peek;
mod publish;
mod queue;
mod receive;
mod relocate;
mod removals;
mod resources;
mod settle;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::OnceCell;

use crate::event::Attributes;

pub use error::{Answer, BusError, BusErrorKind, ItemError};
pub use moves::MoveTask;
pub use names::partition;
pub use queue::{QueueAttributes, RedrivePolicy};
pub use relocate::Relocation;

/// How long a long poll may wait at most: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
pub const MAX_WAIT: Duration = Duration::from_secs(20);

/// Entries that one batch call takes at most, on SNS and SQS alike.
pub const MAX_BATCH: usize = 10;

/// Bytes that one message, and one batch, may have on a topic that says nothing else:
/// <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>.
pub const DEFAULT_TOPIC_BYTES: usize = 262_144;

/// How long a message may be kept invisible at most, counted from its receive (12 hours).
pub const MAX_VISIBILITY: Duration = Duration::from_secs(43_200);

/// A connection to one bus. Cheap to clone; clones share connections and credentials.
#[derive(Clone)]
pub struct Bus {
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) sts: aws_sdk_sts::Client,
    endpoint_url: Option<String>,
    region: String,
    account: Arc<OnceCell<String>>,
    peek: bool,
    /// It answers in this process, whatever is called.
    in_process: bool,
    /// The peek shows everything at every look, as LocalStack's does.
    peek_whole: bool,
}

/// What [`Bus::connect`] needs to know; the config room resolves it.
#[derive(Clone, Default)]
pub struct ConnectOptions {
    /// Where SNS, SQS and STS answer; `None` = AWS's own endpoints of the region.
    pub endpoint_url: Option<String>,
    /// The region; `None` = what profile and environment say.
    pub region: Option<String>,
    /// The profile whose credentials and region count; `None` = the default chain.
    pub profile: Option<String>,
    /// The account that owns the topics and queues; `None` = asked of STS when it is needed.
    pub account: Option<String>,
    /// Access key id and secret, for the embedded bus and for loopback endpoints (`test`/`test`).
    pub static_credentials: Option<(String, String)>,
    /// The embedded bus's in-process connector; `None` = real HTTP.
    pub http_client: Option<SharedHttpClient>,
    /// Whether the endpoint answers the developer peek.
    pub peek: bool,
}

/// A topic that exists (or whose existence could not be asked for, for want of permission).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The last part of the ARN.
    pub name: String,
    /// The topic's ARN.
    pub arn: String,
    /// Bytes that a message, and a batch, may have, attributes included: the topic's `MaximumMessageSize`, or
    /// [`DEFAULT_TOPIC_BYTES`] where it says none or may not be asked.
    pub max_bytes: usize,
}

/// A queue that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The last part of the URL.
    pub name: String,
    /// The URL by which SQS knows it.
    pub url: String,
    /// The queue's ARN.
    pub arn: String,
}

impl Topic {
    /// Whether it is a FIFO topic, which its name tells.
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }
}

impl Queue {
    /// Whether it is a FIFO queue, which its name tells.
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(".fifo")
    }
}

/// A message on its way out, to a topic or to a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The text, sent as given.
    pub body: String,
    /// The message attributes, types included.
    pub attributes: Attributes,
    /// SNS only; a queue has none and ignores it.
    pub subject: Option<String>,
    /// The FIFO group, or the tenant of a fair queue.
    pub group_id: Option<String>,
    /// The FIFO deduplication id.
    pub dedup_id: Option<String>,
    /// The X-Ray header (`AWSTraceHeader`); SQS only, a topic ignores it.
    pub trace_header: Option<String>,
}

/// The bus's confirmation of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The id that SNS or SQS gave it.
    pub message_id: String,
    /// FIFO only.
    pub sequence_number: Option<String>,
}

/// How to receive.
#[derive(Clone, Copy, Debug)]
pub struct Receive {
    /// At most so many messages; brought into 1 to 10.
    pub max: u32,
    /// How long to wait for the first one; cut to [`MAX_WAIT`], whole seconds.
    pub wait: Duration,
    /// How long they stay invisible to others; `None` = the queue's own visibility timeout.
    pub visibility: Option<Duration>,
}

/// A message as it lies in a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// SQS's message id.
    pub id: String,
    /// What settles this receive; empty when the message was peeked.
    pub receipt_handle: String,
    /// Where it lies, where a peek of the embedded bus showed it.
    pub place: Option<u64>,
    /// The body, untouched.
    pub body: String,
    /// The message attributes, types included.
    pub attributes: Attributes,
    /// What SQS knows about it.
    pub system: SystemFields,
}

/// SQS's own fields of a message (`MessageSystemAttributeName`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemFields {
    /// When it was sent to the queue, milliseconds since the epoch.
    pub sent_at_ms: Option<i64>,
    /// When it was first received, milliseconds since the epoch.
    pub first_received_ms: Option<i64>,
    /// How often it was received, this receive included; 0 if it never was.
    pub receive_count: u32,
    /// The FIFO group, or a fair queue's tenant.
    pub group_id: Option<String>,
    /// The FIFO deduplication id.
    pub dedup_id: Option<String>,
    /// The FIFO sequence number.
    pub sequence_number: Option<String>,
    /// The ARN of the queue that dead-lettered it.
    pub dead_letter_source: Option<String>,
    /// Who sent it: an IAM id, or an account.
    pub sender_id: Option<String>,
    /// The X-Ray header.
    pub trace_header: Option<String>,
}

/// What a peek showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peeked {
    /// The messages after the cursor that was asked for, oldest first; their receipt handles are empty.
    pub messages: Vec<Message>,
    /// What to hand to the next peek.
    pub cursor: u64,
}

impl Bus {
    /// The region in which the bus answers.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The endpoint that answers, whether it was asked for or named by the AWS configuration; `None` = AWS's own.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// Whether it answers in this process, where nothing gets lost on the way.
    pub fn is_in_process(&self) -> bool {
        self.in_process
    }

    /// Whether [`Bus::peek`] works here.
    pub fn can_peek(&self) -> bool {
        self.peek
    }

    /// Whether every peek shows the messages from the first on, whatever the cursor.
    pub fn peeks_from_the_start(&self) -> bool {
        self.peek_whole
    }

    /// The same bus, whose endpoint turned out to show messages without receiving them: in the way of the embedded bus, or
    /// with `whole` in that of LocalStack.
    #[must_use]
    pub fn peeking(mut self, whole: bool) -> Self {
        (self.peek, self.peek_whole) = (true, whole);
        self
    }
}

impl std::fmt::Debug for Bus {
    // Not derived: the clients' own output names their credential providers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("endpoint_url", &self.endpoint_url)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("endpoint_url", &self.endpoint_url)
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("account", &self.account)
            .field("static_credentials", &self.static_credentials.as_ref().map(|_| "<hidden>"))
            .field("http_client", &self.http_client.is_some())
            .field("peek", &self.peek)
            .finish()
    }
}
