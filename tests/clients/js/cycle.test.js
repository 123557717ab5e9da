// The AWS SDK for JavaScript, version 3, through the whole life of messages on `eventbus local serve` at EVENTBUS_URL: topics,
// queues, filtered subscriptions, raw and wrapped delivery, batches, visibility, long polls, FIFO, dead letters and the task that
// moves them back. Beyond what is asserted, the SDK itself compares the MD5 of every body sent and received, and fails if one is
// wrong. Run by tests/clients/test_javascript.py. Not here: SQS's Query protocol, which this SDK does not speak.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const sns = require("@aws-sdk/client-sns");
const sqs = require("@aws-sdk/client-sqs");

const config = {
  endpoint: process.env.EVENTBUS_URL,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
};
const topics = new sns.SNSClient(config);
const queues = new sqs.SQSClient(config);
const onTopic = (operation, input) => topics.send(new sns[`${operation}Command`](input));
const onQueue = (operation, input) => queues.send(new sqs[`${operation}Command`](input));

const text = (value) => ({ DataType: "String", StringValue: value });
const bodies = (messages) => messages.map((message) => message.Body);

async function queue(QueueName, Attributes = {}) {
  const { QueueUrl } = await onQueue("CreateQueue", { QueueName, Attributes });
  return { QueueUrl, arn: (await attributes(QueueUrl)).QueueArn };
}

async function attributes(QueueUrl) {
  return (await onQueue("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] })).Attributes;
}

async function depth(QueueUrl) {
  const seen = await attributes(QueueUrl);
  return [seen.ApproximateNumberOfMessages, seen.ApproximateNumberOfMessagesNotVisible].map(Number);
}

async function receive(QueueUrl, options = {}) {
  const everything = { MaxNumberOfMessages: 10, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] };
  return (await onQueue("ReceiveMessage", { QueueUrl, ...everything, ...options })).Messages ?? [];
}

async function drain(QueueUrl) {
  const all = [];
  for (let got = await receive(QueueUrl); got.length > 0; got = await receive(QueueUrl)) {
    const Entries = got.map(({ ReceiptHandle }, n) => ({ Id: `${n}`, ReceiptHandle }));
    assert.equal((await onQueue("DeleteMessageBatch", { QueueUrl, Entries })).Successful.length, got.length);
    all.push(...got);
  }
  return all;
}

// A topic with one queue subscribed to it; FIFO where the name says so.
async function wired(name, Attributes = {}) {
  const fifo = name.endsWith(".fifo");
  const { TopicArn } = await onTopic("CreateTopic", { Name: name, Attributes: fifo ? { FifoTopic: "true" } : {} });
  const made = await queue(name, fifo ? { FifoQueue: "true" } : {});
  const subscription = { TopicArn, Protocol: "sqs", Endpoint: made.arn, Attributes, ReturnSubscriptionArn: true };
  const { SubscriptionArn } = await onTopic("Subscribe", subscription);
  return { TopicArn, SubscriptionArn, ...made };
}

async function refused(name, call) {
  await assert.rejects(call, (error) => {
    assert.equal(error.name, name);
    assert.ok(error.$metadata.requestId, "an error names its request");
    return true;
  });
}

test("a filtered subscription lets through exactly what matches, wrapped", async () => {
  const FilterPolicy = JSON.stringify({ eventName: ["UserRegistered"], tries: [{ numeric: ["<", 3] }] });
  const { TopicArn, QueueUrl, SubscriptionArn } = await wired("filtered", { FilterPolicy });
  const seen = await onTopic("GetSubscriptionAttributes", { SubscriptionArn });
  assert.equal(seen.Attributes.FilterPolicy, FilterPolicy);
  const publish = (Message, eventName, tries) =>
    onTopic("Publish", {
      TopicArn,
      Message,
      Subject: "hello",
      MessageAttributes: { eventName: text(eventName), tries: { DataType: "Number", StringValue: tries } },
    });
  const { MessageId } = await publish("in é 🚀", "UserRegistered", "2");
  await publish("too many tries", "UserRegistered", "3");
  await publish("another event", "UserDeleted", "1");
  const [message, ...more] = await drain(QueueUrl);
  assert.deepEqual(more, []);
  const body = JSON.parse(message.Body);
  assert.deepEqual(
    [body.Type, body.MessageId, body.TopicArn, body.Subject, body.Message],
    ["Notification", MessageId, TopicArn, "hello", "in é 🚀"],
  );
  assert.deepEqual(body.MessageAttributes.tries, { Type: "Number", Value: "2" });
});

test("raw delivery hands on the body and typed attributes, and a body filter looks into the message", async () => {
  const policy = { RawMessageDelivery: "true", FilterPolicyScope: "MessageBody", FilterPolicy: '{"user":{"country":["NO"]}}' };
  const { TopicArn, QueueUrl } = await wired("raw", policy);
  const MessageAttributes = {
    name: text("É"),
    count: { DataType: "Number", StringValue: "1.50" },
    bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) },
    roles: { DataType: "String.Array", StringValue: '["a",1,null]' },
  };
  const entries = ["NO", "DK"].map((country) => ({ Id: country, Message: `{"user":{"country":"${country}"}}`, MessageAttributes }));
  const answer = await onTopic("PublishBatch", { TopicArn, PublishBatchRequestEntries: entries });
  assert.deepEqual(answer.Successful.map((entry) => entry.Id), ["NO", "DK"]);
  const [message, ...more] = await drain(QueueUrl);
  assert.deepEqual(more, []);
  assert.equal(message.Body, '{"user":{"country":"NO"}}');
  assert.deepEqual(message.MessageAttributes, MessageAttributes);
});

test("a batch answers entry by entry", async () => {
  const { QueueUrl } = await queue("batches");
  const Entries = [
    { Id: "good", MessageBody: "sent", MessageAttributes: { a: text("b") } },
    { Id: "bad", MessageBody: "not \u0000 allowed" },
  ];
  const answer = await onQueue("SendMessageBatch", { QueueUrl, Entries });
  assert.deepEqual(answer.Successful.map((entry) => entry.Id), ["good"]);
  assert.deepEqual(answer.Failed.map((entry) => [entry.Id, entry.SenderFault]), [["bad", true]]);
  assert.deepEqual(bodies(await drain(QueueUrl)), ["sent"]);
});

test("a received message is hidden until it is given back, and counted", async () => {
  const { QueueUrl } = await queue("visibility", { VisibilityTimeout: "3600" });
  await onQueue("SendMessage", { QueueUrl, MessageBody: "one" });
  await onQueue("SendMessage", { QueueUrl, MessageBody: "later", DelaySeconds: 900 });
  const [{ ReceiptHandle }] = await receive(QueueUrl);
  assert.deepEqual(await receive(QueueUrl), []);
  assert.deepEqual(await depth(QueueUrl), [0, 1]);
  const Entries = [{ Id: "1", ReceiptHandle, VisibilityTimeout: 0 }];
  assert.equal((await onQueue("ChangeMessageVisibilityBatch", { QueueUrl, Entries })).Successful.length, 1);
  const [again] = await receive(QueueUrl);
  assert.equal(again.Attributes.ApproximateReceiveCount, "2");
  await onQueue("DeleteMessage", { QueueUrl, ReceiptHandle: again.ReceiptHandle });
  assert.deepEqual(await depth(QueueUrl), [0, 0]);
});

test("a long poll ends with the message that is published while it waits", async () => {
  const { TopicArn, QueueUrl } = await wired("polled", { RawMessageDelivery: "true" });
  const [got] = await Promise.all([
    receive(QueueUrl, { WaitTimeSeconds: 20 }),
    onTopic("Publish", { TopicArn, Message: "wake" }),
  ]);
  assert.deepEqual(bodies(got), ["wake"]);
});

test("a FIFO topic and queue keep the order of a group, and drop duplicates", async () => {
  const { TopicArn, QueueUrl } = await wired("ordered.fifo", { RawMessageDelivery: "true" });
  const publish = (MessageGroupId, Message, MessageDeduplicationId) =>
    onTopic("Publish", { TopicArn, Message, MessageGroupId, MessageDeduplicationId });
  const first = await publish("a", "1", "d1");
  await publish("b", "2", "d2");
  const duplicate = await publish("a", "again", "d1");
  await publish("a", "3", "d3");
  assert.equal(duplicate.MessageId, first.MessageId);
  assert.equal(duplicate.SequenceNumber, first.SequenceNumber);
  const held = await receive(QueueUrl, { MaxNumberOfMessages: 1 });
  assert.deepEqual(bodies(held), ["1"]);
  assert.deepEqual(bodies(await drain(QueueUrl)), ["2"], "the rest of group a waits for its first message");
  await onQueue("ChangeMessageVisibility", { QueueUrl, ReceiptHandle: held[0].ReceiptHandle, VisibilityTimeout: 0 });
  const rest = await drain(QueueUrl);
  assert.deepEqual(bodies(rest), ["1", "3"]);
  assert.deepEqual(rest.map((m) => m.Attributes.MessageGroupId), ["a", "a"]);
  assert.ok(BigInt(rest[0].Attributes.SequenceNumber) < BigInt(rest[1].Attributes.SequenceNumber));
});

test("what was received too often is dead, and a move task takes it back", async () => {
  const dead = await queue("dead");
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 1 });
  const { QueueUrl, arn } = await queue("mortal", { RedrivePolicy });
  const listed = await onQueue("ListDeadLetterSourceQueues", { QueueUrl: dead.QueueUrl });
  assert.deepEqual(listed.queueUrls, [QueueUrl]);
  for (const MessageBody of ["x", "y"]) await onQueue("SendMessage", { QueueUrl, MessageBody });
  while ((await receive(QueueUrl, { VisibilityTimeout: 0 })).length > 0);
  assert.deepEqual(await depth(dead.QueueUrl), [2, 0]);
  const [looked] = await receive(dead.QueueUrl, { VisibilityTimeout: 0, MaxNumberOfMessages: 1 });
  assert.equal(looked.Attributes.DeadLetterQueueSourceArn, arn);

  const SourceArn = dead.arn;
  assert.ok((await onQueue("StartMessageMoveTask", { SourceArn })).TaskHandle);
  const deadline = Date.now() + 60_000;
  let task;
  do {
    assert.ok(Date.now() < deadline, `the task ends: ${JSON.stringify(task)}`);
    [task] = (await onQueue("ListMessageMoveTasks", { SourceArn })).Results;
  } while (task.Status === "RUNNING");
  assert.deepEqual([task.Status, task.ApproximateNumberOfMessagesMoved], ["COMPLETED", 2]);
  assert.deepEqual(bodies(await drain(QueueUrl)).sort(), ["x", "y"]);
  assert.deepEqual(await depth(dead.QueueUrl), [0, 0]);
});

test("attributes and tags are kept, and lists come in pages", async () => {
  const { QueueUrl } = await queue("kept.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
  await onQueue("SetQueueAttributes", { QueueUrl, Attributes: { VisibilityTimeout: "77" } });
  const seen = await attributes(QueueUrl);
  assert.deepEqual([seen.VisibilityTimeout, seen.ContentBasedDeduplication], ["77", "true"]);
  await onQueue("TagQueue", { QueueUrl, Tags: { team: "a" } });
  assert.deepEqual((await onQueue("ListQueueTags", { QueueUrl })).Tags, { team: "a" });
  for (const name of ["page-1", "page-2", "page-3"]) await queue(name);
  const found = [];
  for await (const page of sqs.paginateListQueues({ client: queues, pageSize: 2 }, { QueueNamePrefix: "page-" })) {
    found.push(...page.QueueUrls.map((url) => url.split("/").pop()));
  }
  assert.deepEqual(found.sort(), ["page-1", "page-2", "page-3"]);
});

test("refusals carry the names that programs catch", async () => {
  const { TopicArn, QueueUrl } = await wired("refusing.fifo");
  await refused("QueueDoesNotExist", onQueue("GetQueueUrl", { QueueName: "missing" }));
  await refused("QueueNameExists", onQueue("CreateQueue", {
    QueueName: "refusing.fifo",
    Attributes: { FifoQueue: "true", VisibilityTimeout: "31" },
  }));
  await refused("ReceiptHandleIsInvalid", onQueue("DeleteMessage", { QueueUrl, ReceiptHandle: "none" }));
  await refused("EmptyBatchRequest", onQueue("SendMessageBatch", { QueueUrl, Entries: [] }));
  const same = [1, 2].map(() => ({ Id: "same", MessageBody: "x", MessageGroupId: "a", MessageDeduplicationId: "d" }));
  await refused("BatchEntryIdsNotDistinct", onQueue("SendMessageBatch", { QueueUrl, Entries: same }));
  await refused("NotFoundException", onTopic("Publish", { TopicArn: TopicArn.replace("refusing", "missing"), Message: "x" }));
  await refused("InvalidParameterException", onTopic("Publish", { TopicArn, Message: "no group" }));
  await refused("InvalidParameterException", onTopic("Subscribe", {
    TopicArn,
    Protocol: "sqs",
    Endpoint: (await queue("policies.fifo", { FifoQueue: "true" })).arn,
    Attributes: { FilterPolicy: '{"a":"not a list"}' },
  }));
});
