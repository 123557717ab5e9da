//! What an event is: metadata and payload, the envelope that carries them, the attributes that route them.
//!
//! Pure: may use std, serde and small pure crates. Never tokio, an AWS crate, a terminal crate, the environment, the file
//! system or a clock: dates and ids are handed in.

mod attributes;
mod envelope;
pub mod json;
mod metadata;
mod notification;
mod python;
mod reading;
mod record;
#[cfg(test)]
mod tests;
mod trace;

pub use attributes::{Attribute, AttributeValue, Attributes};
pub use envelope::Event;
pub use metadata::{EnvelopeStyle, Metadata};
pub use notification::{Notification, NotificationAttribute};
pub use python::{WhatPythonWouldDo, what_python_would_do};
pub use reading::{Reading, Unreadable, read_body, read_message};
pub use record::{RECORD_VERSION, Record, RecordError, SystemRecord};
pub use trace::{NoTraceParent, TraceParent, ZERO_TRACEPARENT};
