//! What each verb calls on what, and which of it takes no resource.

/// What a publisher needs on a topic.
pub(super) const PUBLISH: &[&str] = &["sns:GetTopicAttributes", "sns:Publish"];
pub(super) const CONSUME: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
];
pub(super) const TAIL: &[&str] =
    &["sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
/// Emptying a queue into a file.
pub(super) const DRAIN: &[&str] = &["sqs:DeleteMessage"];
/// A tap on a topic: its queue is subscribed to it.
pub(super) const TAP_TOPIC: &[&str] = &["sns:Subscribe"];
/// The topic is named, and not found through a queue.
pub(super) const TAPPED_BY_NAME: &[&str] = &["sns:GetTopicAttributes"];
/// The taps themselves, those that were left behind by others among them. A queue that is made with tags takes `sqs:TagQueue`.
pub(super) const TAP: &[&str] = &[
    "sqs:CreateQueue",
    "sqs:DeleteMessage",
    "sqs:DeleteQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListQueueTags",
    "sqs:ReceiveMessage",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
];
/// Taps that were left behind are found by listing, and are unsubscribed.
pub(super) const TAP_ANY: &[&str] = &["sns:ListSubscriptions", "sns:Unsubscribe", "sqs:ListQueues"];
/// Which topics feed a queue, and what their filters let pass.
pub(super) const TAP_FEEDS: &[&str] = &["sns:GetSubscriptionAttributes", "sns:ListSubscriptions"];
/// A queue whose feeds are looked up, and no more.
pub(super) const TAPPED_QUEUE: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl"];
/// What is needed where messages are put: a dead-letter queue of a consumer, the origin of a replay.
pub(super) const SEND: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"];
pub(super) const REPLAY: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
];
/// SQS moves the messages by itself, and asks whether its caller could:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>.
pub(super) const REPLAY_NATIVE: &[&str] = &[
    "sqs:CancelMessageMoveTask",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListMessageMoveTasks",
    "sqs:ReceiveMessage",
    "sqs:StartMessageMoveTask",
];
/// Each message goes back to where it came from, which is looked up.
pub(super) const REPLAY_TO_ORIGIN: &[&str] = &["sqs:ListDeadLetterSourceQueues"];
pub(super) const ORIGIN: &[&str] = &["sqs:GetQueueAttributes"];
pub(super) const PROVISION_TOPIC: &[&str] = &[
    "sns:CreateTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:ListTagsForResource",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
    "sns:TagResource",
    "sns:UntagResource",
];
/// Not bound to a topic: these take no resource.
pub(super) const PROVISION_SUBSCRIPTION: &[&str] = &["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes"];
pub(super) const PROVISION_QUEUE: &[&str] = &[
    "sqs:CreateQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListQueueTags",
    "sqs:SetQueueAttributes",
    "sqs:TagQueue",
    "sqs:UntagQueue",
];
/// A topic of somebody else is subscribed to and no more.
pub(super) const PROVISION_FOREIGN_TOPIC: &[&str] =
    &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Subscribe"];
/// What is deleted is not in the file: it is anything of the prefix that carries the tag, which has to be read first. SNS is not
/// asked to look at the tag; the verb does. A topic with an archive needs `sns:SetTopicAttributes` as well, which is not granted
/// on everything for the sake of a few.
pub(super) const PRUNE_TOPIC: &[&str] =
    &["sns:DeleteTopic", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"];
pub(super) const PRUNE_READ_QUEUE: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"];
/// Only what carries the tag:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-abac-tagging-resource-control.html>.
pub(super) const PRUNE_QUEUE: &[&str] = &["sqs:DeleteQueue"];
/// `--prune` looks for what the file no longer has, which is found by listing.
pub(super) const PRUNE_ANY: &[&str] = &["sns:ListTopics", "sns:Unsubscribe", "sqs:ListQueues"];

/// Writing to what is encrypted needs a data key, and reads it back.
pub(super) const KEY_TO_WRITE: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];
pub(super) const KEY_TO_READ: &[&str] = &["kms:Decrypt"];
