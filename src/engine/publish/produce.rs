//! The reading side: a thread of its own that reads, checks and wraps, and hands on through a bounded channel.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::batch::Finder;
use super::hooks::Leash;
use super::input::{self, Draft};
use super::plan::Said;
use super::prepare::{Ask, Fate, Offline, Prepared, Preparer};
use super::tape::Tape;
use super::{Problem, PublishError, Request, Skip};
use crate::bus::Bus;
use crate::engine::outbox::Known;
use crate::words;

/// What the reader hands on.
pub(super) enum Produced {
    Input(Box<Prepared>),
    Said(Said),
    Failed(PublishError),
    End,
}

/// The bus, asked from the reader's thread; a run that ends meanwhile ends the asking.
pub(super) struct Asking {
    pub(super) bus: Bus,
    pub(super) found: Finder,
    pub(super) runtime: Handle,
    pub(super) sender: mpsc::Sender<Produced>,
}

impl Asking {
    fn unless_over<T>(&self, asked: impl Future<Output = Option<T>>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                found = asked => found,
                () = self.sender.closed() => None,
            }
        })
    }
}

impl Ask for Asking {
    fn limit(&self, topic: &str) -> Option<usize> {
        self.unless_over(async { self.found.topic(&self.bus, topic).await.ok().map(|topic| topic.max_bytes) })
    }

    fn raw_queue(&self, topic: &str) -> Option<String> {
        self.unless_over(async {
            let topic = self.found.topic(&self.bus, topic).await.ok()?;
            // Who may not look is not kept from publishing.
            let subscriptions = self.bus.topic_subscriptions(&topic.arn).await.ok()??;
            for subscription in subscriptions.iter().filter(|subscription| subscription.protocol == "sqs") {
                let attributes = self.bus.subscription_attributes(&subscription.arn).await.ok()??;
                if attributes.get("RawMessageDelivery").is_some_and(|raw| raw == "true") {
                    return subscription.queue_arn.rsplit(':').next().map(str::to_owned);
                }
            }
            None
        })
    }
}

/// Reads, checks and wraps every input; with `all_or_nothing` twice, the first time only to count what is refused. What waits
/// in the outbox goes first.
pub(super) fn produce(
    request: &Request,
    sender: &mpsc::Sender<Produced>,
    asking: Option<&Asking>,
    read: &Arc<AtomicU64>,
    leash: &Leash,
) {
    if let Err(error) = try_produce(request, sender, asking, read, leash) {
        let _ = sender.blocking_send(Produced::Failed(error));
    }
}

fn try_produce(
    request: &Request,
    sender: &mpsc::Sender<Produced>,
    asking: Option<&Asking>,
    read: &Arc<AtomicU64>,
    leash: &Leash,
) -> Result<(), PublishError> {
    let bus: &dyn Ask = match asking {
        Some(asking) => asking,
        None => &Offline,
    };
    let send = |produced| match sender.blocking_send(produced) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let mut sources = request.sources.clone();
    if request.all_or_nothing || request.repeat > 1 {
        sources.iter_mut().try_for_each(input::Source::spool).map_err(PublishError::Spool)?;
    }
    let mut held = None;
    let mut tape = None;
    if request.all_or_nothing {
        let mut refused = 0u64;
        let mut preparer = Preparer::new(request, bus, leash)?;
        let asks = request.hooks.before.is_some();
        if asks {
            preparer.tape = Some(Tape::new().map_err(PublishError::Spool)?);
        }
        // The hook sees every event once, and each round has its own.
        for _ in 0..if asks { request.repeat } else { 1 } {
            let counted = input::for_each(&sources, &Arc::default(), &mut |draft: Draft<'_>| {
                let _ = preparer.prepare(draft, None, &mut |_, prepared| {
                    refused += u64::from(matches!(prepared.fate, Fate::Refused(_)));
                    ControlFlow::Continue(())
                });
                if sender.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if counted.is_break() {
                return Ok(());
            }
        }
        // What there is to say about the events is said when they are read again; what the hook's end says, only now.
        preparer.plans.said.clear();
        preparer.end();
        for said in preparer.plans.said.drain(..) {
            let _ = send(Produced::Said(said));
        }
        tape = preparer.tape.take().map(Tape::rewound).transpose().map_err(PublishError::Spool)?;
        held = (refused > 0).then(|| match refused {
            1 => "1 other was".to_owned(),
            n => format!("{} others were", words::thousands(n)),
        });
    }
    if let Some(outbox) = &request.outbox
        && !request.dry_run
    {
        let mut after = 0;
        loop {
            let waiting = outbox.waiting(after).map_err(PublishError::Outbox)?;
            let Some(last) = waiting.last() else { break };
            after = last.row;
            for event in waiting {
                if send(Produced::Input(Box::new(Prepared::of_outbox(event, bus)))).is_break() {
                    return Ok(());
                }
            }
        }
    }
    let mut preparer = Preparer::new(request, bus, leash)?;
    // The same was said when it was looked at the first time.
    preparer.plans.said.clear();
    preparer.tape = tape;
    let mut broken = None;
    for round in 1..=request.repeat {
        let round = (request.repeat > 1).then_some(round);
        let done = input::for_each(&sources, read, &mut |draft: Draft<'_>| {
            let digest = match (&request.outbox, &draft.bytes) {
                (Some(_), Ok(bytes)) => Some(Sha256::digest(bytes).into()),
                _ => None,
            };
            preparer.prepare(draft, round, &mut |preparer, mut prepared| {
                if let (Some(others), Fate::Ready(_)) = (&held, &prepared.fate) {
                    prepared.fate = Fate::Refused(Problem::Held { others: others.clone() });
                }
                if let (Some(outbox), Fate::Ready(ready), Some(digest)) = (&request.outbox, &mut prepared.fate, digest)
                {
                    match outbox.knows(&prepared.item, &ready.topic, &digest) {
                        Ok(Known::Sent) => prepared.fate = Fate::Skipped(Skip::TakenBefore),
                        // It went ahead of the inputs, and what became of it is told there.
                        Ok(Known::HandedOut) => return ControlFlow::Continue(()),
                        Ok(Known::No) => ready.digest = digest,
                        Err(error) => {
                            broken = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
                for said in preparer.plans.said.drain(..) {
                    send(Produced::Said(said))?;
                }
                send(Produced::Input(Box::new(prepared)))
            })
        });
        if done.is_break() {
            return broken.map_or(Ok(()), |error| Err(PublishError::Outbox(error)));
        }
    }
    preparer.end();
    for said in preparer.plans.said.drain(..) {
        let _ = send(Produced::Said(said));
    }
    let _ = send(Produced::End);
    Ok(())
}
