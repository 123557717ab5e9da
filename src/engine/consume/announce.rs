//! Publishes how events were handled, before they are settled: `--on-success` and `--on-failure`.
//!
//! An attempt that is repeated after a crash publishes the same again: the entity, the span and, on FIFO topics, the deduplication
//! id are made of the message's id and the attempt, so that SNS and subscribers can tell.

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::{EventRef, Received};
use crate::bus::{Bus, BusError, Outgoing, Topic};
use crate::clock::Clock;
use crate::engine::backoff::{Backoff, random};
use crate::engine::outcome_event::{
    FAILURE_CODE, FAILURE_ORIGIN, about, dedup_id, failure_payload, outcome_event, seed, shortened, success_payload,
};
use crate::event::{EnvelopeStyle, Event};

const TRIES: u32 = 3;

const RETRY: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(2) };

/// An event to be published about handled ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Its name.
    pub event: String,
    /// The topics that the routing table names for it; none where it goes nowhere, on purpose.
    pub topics: Vec<String>,
}

/// What to publish about handled events.
#[derive(Clone, Debug)]
pub struct Announcements {
    /// After an event was handled.
    pub success: Option<Announcement>,
    /// After an attempt failed.
    pub failure: Option<Announcement>,
    /// After every failed attempt, not only after the last one.
    pub every_failure: bool,
    /// `metadata.publisherName`.
    pub publisher: String,
    /// The envelope's casing.
    pub envelope: EnvelopeStyle,
}

/// Publishes them.
pub(super) struct Announcer {
    pub(super) what: Announcements,
    success: OnceCell<Vec<Topic>>,
    failure: OnceCell<Vec<Topic>>,
}

/// How an event was handled.
pub(super) enum Ending<'a> {
    /// With this on its stdout.
    Success(&'a [u8]),
    /// Because of this.
    Failure(&'a str),
}

/// Why something was not published.
pub(super) struct Unsaid {
    /// What SNS answered last.
    pub(super) error: String,
    /// It takes no such message, however often it is asked.
    pub(super) for_good: bool,
}

impl Announcer {
    pub(super) fn new(what: Announcements) -> Self {
        Self { what, success: OnceCell::new(), failure: OnceCell::new() }
    }

    /// Finds the topics before anything is received.
    pub(super) async fn find_topics(&self, bus: &Bus) -> Result<(), BusError> {
        for (announcement, topics) in [(&self.what.success, &self.success), (&self.what.failure, &self.failure)] {
            if let Some(announcement) = announcement {
                let mut found = Vec::with_capacity(announcement.topics.len());
                for topic in &announcement.topics {
                    found.push(bus.topic(topic).await?);
                }
                let _ = topics.set(found);
            }
        }
        Ok(())
    }

    /// Publishes what is to be said of this ending; returns once it is confirmed.
    ///
    /// # Errors
    /// What SNS answered last.
    pub(super) async fn announce(
        &self,
        bus: &Bus,
        clock: &Clock,
        received: &Received,
        name: &EventRef,
        event: &Event,
        ending: Ending<'_>,
    ) -> Result<(), Unsaid> {
        let (announcement, topics) = match ending {
            Ending::Success(_) => (&self.what.success, &self.success),
            Ending::Failure(_) => (&self.what.failure, &self.failure),
        };
        let (Some(announcement), Some(topics)) = (announcement, topics.get()) else { return Ok(()) };
        let id = received.sns_message_id.as_ref().unwrap_or(&received.message.id);
        let attempt = match ending {
            // Whatever the attempt, it succeeded once.
            Ending::Success(_) => String::new(),
            Ending::Failure(_) => name.attempt.to_string(),
        };
        let seed = seed(&[id, &announcement.event, &attempt]);
        let payload = match ending {
            Ending::Success(stdout) => success_payload(stdout, Some(&event.payload)),
            Ending::Failure(detail) => {
                // As the library's tasks say it: what it was about, and nothing else of what may be personal.
                let about = event.metadata.entity_id.as_deref().map(about);
                let pascal = self.what.envelope == EnvelopeStyle::Pascal;
                let data = about.as_deref().unwrap_or(&event.payload);
                failure_payload((FAILURE_CODE, FAILURE_ORIGIN), Some(data), &shortened(detail), pascal)
            }
        };
        let date = clock.now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let told = outcome_event(&announcement.event, &self.what.publisher, date, &event.metadata, payload, seed);
        let group = told
            .metadata
            .entity_id
            .clone()
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
        let message = Outgoing {
            body: told.to_message(self.what.envelope),
            attributes: told.routing_attributes(),
            ..Outgoing::default()
        };
        for topic in topics {
            let fifo = topic.is_fifo();
            let group_id = fifo.then(|| group.clone().unwrap_or_else(|| announcement.event.clone()));
            let dedup_id = fifo.then(|| dedup_id(seed));
            publish(bus, topic, Outgoing { group_id, dedup_id, ..message.clone() }).await?;
        }
        Ok(())
    }
}

/// Publishes one message; returns once it is confirmed.
async fn publish(bus: &Bus, topic: &Topic, outgoing: Outgoing) -> Result<(), Unsaid> {
    let outgoing = [outgoing];
    let mut attempt = 1;
    loop {
        match bus.publish_batch(topic, &outgoing).await.pop() {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) if error.retryable && attempt < TRIES => sleep(RETRY.after(attempt, random())).await,
            Some(Err(error)) => {
                let for_good = error.sender_fault && !error.is_denied();
                return Err(Unsaid { error: error.to_string(), for_good });
            }
            None => return Err(Unsaid { error: "the answer says nothing about the message".into(), for_good: false }),
        }
        attempt += 1;
    }
}
