//! Which way it is looked at each source, what that costs, and where it is refused.

use std::path::PathBuf;

use super::{Choice, Mode, Request, Source, TailError};
use crate::bus::{Bus, BusError, BusErrorKind, Queue};
use crate::engine::tap::Spot;
use crate::words;

/// How one source is looked at.
#[derive(Debug)]
pub(super) struct Way {
    /// The bus, for what is not a file.
    pub(super) bus: Option<Bus>,
    pub(super) what: What,
    /// What it costs: a sentence for the user.
    pub(super) says: String,
}

#[derive(Debug)]
pub(super) enum What {
    Peek(Queue),
    Receive(Queue),
    Drain(Queue),
    /// With the queue that is received from instead, should the tap not be permitted.
    Tap(Box<Spot>, Option<Queue>),
    Read(PathBuf),
}

impl Way {
    pub(super) fn mode(&self) -> Mode {
        match self.what {
            What::Peek(_) => Mode::Peek,
            What::Receive(_) => Mode::Receive,
            What::Drain(_) => Mode::Drain,
            What::Tap(..) => Mode::Tap,
            What::Read(_) => Mode::Read,
        }
    }
}

/// A way for each source. Asks, and changes nothing.
pub(super) async fn ways(bus: Option<&Bus>, request: &Request) -> Result<Vec<Way>, TailError> {
    let mut ways = Vec::with_capacity(request.sources.len());
    for source in &request.sources {
        let bus = match (source, bus) {
            (Source::Recording(path), _) => {
                let says = format!("reading {}", path.display());
                ways.push(Way { bus: None, what: What::Read(path.clone()), says });
                continue;
            }
            (_, Some(bus)) => bus,
            (_, None) => return Err(TailError::NoSuchWay("there is no bus to look at".to_owned())),
        };
        let way = match (source, &request.mode) {
            // Dealt with above.
            (Source::Recording(_), _) => continue,
            (Source::Topic(topic), Choice::Auto | Choice::Tap) => {
                let spot = Spot::topics([topic]);
                let says = tap_says(&spot, &format!("topic `{}`", topic.name));
                Way { bus: None, what: What::Tap(spot.into(), None), says }
            }
            (Source::Topic(topic), _) => {
                return Err(TailError::NoSuchWay(format!(
                    "topic `{}` holds no messages: it can only be looked at through a tap",
                    topic.name
                )));
            }
            (Source::Queue(queue), Choice::Auto) => auto(bus, request, queue).await?,
            (Source::Queue(queue), Choice::Peek) if bus.can_peek() => peek(queue),
            (Source::Queue(queue), Choice::Peek) => {
                return Err(TailError::NoSuchWay(format!(
                    "queue `{}`: this bus cannot show messages without receiving them",
                    queue.name
                )));
            }
            (Source::Queue(queue), Choice::Tap) => match tap(bus, queue).await {
                Ok(Some(way)) => way,
                Err(TailError::Bus(denied)) if denied.kind == BusErrorKind::Auth => {
                    return Err(TailError::Untapped { denied, instead: None });
                }
                Err(error) => return Err(error),
                Ok(None) => {
                    return Err(TailError::NoSuchWay(format!(
                        "queue `{}` is fed by no topic of its region, so there is nothing to tap",
                        queue.name
                    )));
                }
            },
            (Source::Queue(queue), Choice::Receive) => receive(bus, request, queue).await?,
            (Source::Queue(queue), Choice::Drain(_)) => drain(bus, request, queue).await?,
        };
        ways.push(Way { bus: Some(bus.clone()), ..way });
    }
    Ok(ways)
}

/// The harmless one that there is.
async fn auto(bus: &Bus, request: &Request, queue: &Queue) -> Result<Way, TailError> {
    if bus.can_peek() {
        return Ok(peek(queue));
    }
    // Who forces knows what it costs, and wants to see what waits.
    if !request.force {
        match tap(bus, queue).await {
            Ok(Some(way)) => {
                let what = match way.what {
                    What::Tap(spot, _) => What::Tap(spot, Some(queue.clone())),
                    other => other,
                };
                return Ok(Way { what, ..way });
            }
            // Who may not see the subscriptions cannot tap; receiving needs no more than the queue.
            Err(TailError::Bus(denied)) if denied.kind == BusErrorKind::Auth => {
                return instead_of_tap(bus, request, queue, denied).await;
            }
            Err(TailError::Bus(error)) if error.kind != BusErrorKind::Unsupported => return Err(error.into()),
            _ => {}
        }
    }
    receive(bus, request, queue).await
}

/// Receiving, where it harms nothing, because a tap was denied.
pub(super) async fn instead_of_tap(
    bus: &Bus,
    request: &Request,
    queue: &Queue,
    denied: BusError,
) -> Result<Way, TailError> {
    match receive(bus, request, queue).await {
        Ok(way) => Ok(Way { says: format!("a tap is not permitted ({denied}). {}", way.says), ..way }),
        Err(TailError::Costly { queue, why }) => {
            Err(TailError::Untapped { denied, instead: Some(format!("queue `{queue}` {why}")) })
        }
        Err(other) => Err(other),
    }
}

fn peek(queue: &Queue) -> Way {
    let says = format!("looking into `{}` without receiving: nothing is changed", queue.name);
    Way { bus: None, what: What::Peek(queue.clone()), says }
}

async fn tap(bus: &Bus, queue: &Queue) -> Result<Option<Way>, TailError> {
    let spot = Spot::queue(bus, queue).await?;
    if spot.feeds.is_empty() {
        return Ok(None);
    }
    let mut says = tap_says(&spot, &format!("queue `{}`", queue.name));
    for doubt in &spot.doubts {
        says.push_str("; ");
        says.push_str(doubt);
    }
    Ok(Some(Way { bus: None, what: What::Tap(spot.into(), None), says }))
}

fn tap_says(spot: &Spot, what: &str) -> String {
    format!(
        "tapping {what}: a temporary queue on {} {} shows what comes from now on, without touching what is there; it is \
         removed at the end",
        if spot.feeds.len() == 1 { "topic" } else { "topics" },
        words::list(&spot.topic_names())
    )
}

/// What looking by receiving could do to messages that stay.
async fn dangers(bus: &Bus, queue: &Queue) -> Result<Vec<String>, TailError> {
    let attributes = bus.queue_attributes(queue).await?;
    let mut dangers = Vec::new();
    if attributes.fifo {
        dangers.push("is FIFO: a message that is being looked at blocks the rest of its group".to_owned());
    }
    if let Some(redrive) = &attributes.redrive {
        let dead_letters = redrive.dead_letter_arn.rsplit(':').next().unwrap_or_default();
        let times = if redrive.max_receives == 1 { "time" } else { "times" };
        dangers.push(format!(
            "moves a message to `{dead_letters}` once it was received {} {times}, and looking counts as a receive",
            redrive.max_receives
        ));
    }
    Ok(dangers)
}

fn refuse(request: &Request, queue: &Queue, dangers: &[String]) -> Result<(), TailError> {
    if dangers.is_empty() || request.force {
        return Ok(());
    }
    Err(TailError::Costly { queue: queue.name.clone(), why: dangers.join("; it ") })
}

async fn receive(bus: &Bus, request: &Request, queue: &Queue) -> Result<Way, TailError> {
    let dangers = dangers(bus, queue).await?;
    refuse(request, queue, &dangers)?;
    let begin = if matches!(request.mode, Choice::Auto) && !bus.can_peek() {
        "This bus cannot show messages without receiving them: each"
    } else {
        "Each"
    };
    let mut says = format!(
        "{begin} message of `{}` is received once (its receive count goes up by one), hidden from consumers while this runs, \
         and given back at the end",
        queue.name
    );
    if !dangers.is_empty() {
        says.push_str(&format!("; forced, although the queue {}", dangers.join("; it ")));
    }
    Ok(Way { bus: None, what: What::Receive(queue.clone()), says })
}

async fn drain(bus: &Bus, request: &Request, queue: &Queue) -> Result<Way, TailError> {
    let all = request.selection.is_everything() && request.sample.is_none();
    let mut says = format!("Draining `{}`: each message is written, synced to the disk, and then deleted", queue.name);
    if !all {
        // What is passed over is received all the same.
        let dangers = dangers(bus, queue).await?;
        refuse(request, queue, &dangers)?;
        says.push_str("; what is not asked for is received once, held, and given back at the end");
    }
    Ok(Way { bus: None, what: What::Drain(queue.clone()), says })
}
