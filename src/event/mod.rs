//! What an event is: metadata and payload, the envelope that carries them, the attributes that route them.
//!
//! Pure: may use std, serde and small pure crates. Never tokio, an AWS crate, a terminal crate, the environment, the file
//! system or a clock: dates and ids are handed in.

mod attributes;
mod metadata;
mod notification;

pub use attributes::{Attribute, AttributeValue, Attributes};
pub use metadata::EnvelopeStyle;
pub use notification::{Notification, NotificationAttribute};
