//! The real binary, end to end, in a hermetic environment: one integration binary, a file a verb.
#![expect(clippy::unwrap_used, reason = "in a test, and in what helps one, a panic is the failure")]

mod architecture;
mod clients;
mod config;
mod connections;
mod consume;
mod durability;
mod endpoint;
mod explain;
mod full_disk;
mod generated;
mod harness;
mod iam_policy;
mod init;
mod local;
mod outbox;
mod provision;
mod provision_deletes;
mod publish;
mod publish_hooks;
mod publish_stream;
mod readme;
mod replay;
mod run;
mod support;
mod tail;
mod topology;
mod torture;
