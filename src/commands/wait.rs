//! `publish --wait-for`: goes on until what was published has been answered.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;

use super::{Cx, duration, look, outcome_of_signal, written};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::engine::Event;
use crate::engine::publish;
use crate::engine::shutdown::Shutdown;
use crate::engine::tail::Progress;
use crate::engine::wait::{self, Asked, Waiter};
use crate::error::{CliError, ErrorKind};
use crate::outcome::Outcome;
use crate::output::Reporter;
use crate::output::tail::{Options, TailReporter};
use crate::topology::Topology;
use crate::words::{self, count};

/// What is waited for.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Waiting for the answer")]
pub struct WaitArgs {
    /// After publishing wait, through a tap, for one of these events about the same entity or of the same trace, and print it
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',')]
    wait_for: Vec<String>,
    /// Wait no longer than this for the answers; exit 7 in vain
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s", requires = "wait_for")]
    timeout: Duration,
    /// The topic that the answers go to (can be repeated) [default: where the topology routes them]
    #[arg(long = "wait-topic", value_name = "TOPIC", requires = "wait_for")]
    wait_topics: Vec<String>,
}

/// A tap that is open, and what is to come through it.
#[derive(Debug)]
pub struct Waiting {
    waiter: Waiter,
    args: WaitArgs,
    asked: Arc<Mutex<Asked>>,
}

impl WaitArgs {
    /// Opens the tap, before anything is published; none when nothing is waited for.
    ///
    /// # Errors
    /// No topic is known for the events, or the tap cannot be made.
    pub async fn open(self, bus: Option<&Bus>, topology: Option<&Topology>) -> Result<Option<Waiting>, CliError> {
        // A dry run publishes nothing that could be answered.
        let Some(bus) = bus.filter(|_| !self.wait_for.is_empty()) else { return Ok(None) };
        if self.wait_for.iter().any(|event| event.trim().is_empty()) {
            return Err(CliError::usage("`--wait-for` has an empty name").hint("`--wait-for Done,Failed`"));
        }
        let mut names: BTreeSet<String> = self.wait_topics.iter().cloned().collect();
        if names.is_empty() {
            for event in &self.wait_for {
                let found = topology.map(|topology| wait::topics_of(topology, event)).unwrap_or_default();
                if found.is_empty() {
                    let refused = CliError::refused(format!("event `{event}` is not routed to any topic"));
                    let known = topology.into_iter().flat_map(Topology::event_names);
                    let refused = match words::did_you_mean(event, known) {
                        Some(meant) => refused.hint(meant),
                        None => refused,
                    };
                    return Err(refused.hint("name the topic of the answers: `--wait-topic NAME`"));
                }
                names.extend(found.into_iter().map(str::to_owned));
            }
        }
        let mut topics = Vec::with_capacity(names.len());
        for name in &names {
            topics.push(bus.topic(name).await?);
        }
        let waiter =
            Waiter::open(bus, &topics, self.wait_for.clone(), &Clock::system()).await.map_err(look::untapped)?;
        Ok(Some(Waiting { waiter, args: self, asked: Arc::default() }))
    }
}

impl Waiting {
    /// What the reporter of the publishing has to note.
    pub fn asked(&self) -> Arc<Mutex<Asked>> {
        Arc::clone(&self.asked)
    }

    /// Waits if something was published, tells the answers, and removes the tap whatever happened. `published` is how the
    /// publishing ended, which stands unless waiting was in vain.
    ///
    /// # Errors
    /// As `published`; `TimedOut` when an answer did not come; the tap fails.
    pub async fn finish(
        self,
        cx: &Cx,
        published: Result<Outcome, CliError>,
        shutdown: &Shutdown,
    ) -> Result<Outcome, CliError> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let waits = !asked.entities.is_empty() && matches!(published, Ok(Outcome::Done | Outcome::Partial));
        let waited = if waits {
            cx.ui.note(format!(
                "waiting up to {} for {}",
                humantime::format_duration(self.args.timeout),
                words::list(&self.args.wait_for).replace(" and ", " or ")
            ));
            Some(self.waiter.wait(&asked, self.args.timeout, shutdown).await)
        } else {
            None
        };
        if let Err(error) = self.waiter.close().await {
            cx.ui.warn(format!("a tap could not be removed: {error}"));
            cx.ui.hint("`eventbus tap sweep`");
        }
        let Some(waited) = waited else { return published };
        let waited = waited?;
        let mut reporter = TailReporter::new(&cx.ui, Options::default());
        for record in waited.answers {
            written(reporter.event(&Event::Tail(Progress::Message(Box::new(record)))))?;
        }
        written(reporter.finish())?;
        if waited.interrupted {
            return Ok(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed));
        }
        if waited.missing.is_empty() {
            return published;
        }
        let ids: Vec<&str> = waited.missing.iter().map(String::as_str).take(3).collect();
        let more = if waited.missing.len() > ids.len() { " and others" } else { "" };
        Err(CliError::new(
            ErrorKind::TimedOut,
            format!(
                "no {} came within {} for {} ({}{more})",
                words::list(&self.args.wait_for).replace(" and ", " or "),
                humantime::format_duration(self.args.timeout),
                count(waited.missing.len() as u64, "event"),
                words::list(&ids)
            ),
        ))
    }
}

/// Notes what was published on its way to the reporter.
#[derive(Debug)]
pub struct Noted<R> {
    /// The reporter.
    pub inner: R,
    /// Where it is noted; none when nobody waits.
    pub asked: Option<Arc<Mutex<Asked>>>,
}

impl<R: Reporter> Reporter for Noted<R> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Some(asked) = &self.asked
            && let Event::Publish(publish::Progress::Sent { item, message_id, .. }) = event
        {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.entities.extend(item.entity_id.clone());
            if let (Some(trace), Some(entity)) = (&item.trace, &item.entity_id) {
                asked.traces.entry(trace.clone()).or_insert_with(|| entity.clone());
            }
            asked.messages.insert(message_id.clone());
        }
        self.inner.event(event)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()
    }
}
