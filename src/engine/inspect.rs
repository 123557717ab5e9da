//! What lies in a queue, a dead-letter queue or a recording: grouped, counted, with one sample each.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Emitter;
use super::rejected::{ORIGIN_ATTRIBUTE, REASON_ATTRIBUTE};
use super::select::time_of;
use super::shutdown::Shutdown;
use super::tail::{self, Request, Sink, Stop, TailError};
use crate::bus::Bus;
use crate::event::{Attribute, Record};

/// What messages are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The event's name.
    Event,
    /// Who published it.
    Publisher,
    /// The queue it was found in.
    Queue,
    /// The queue that it was dead-lettered from.
    Source,
    /// Why it was rejected, or is no event.
    Reason,
    /// How long ago it was sent.
    Age,
    /// How often it was received.
    Receives,
}

impl By {
    /// Its name in machine records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Publisher => "publisher",
            Self::Queue => "queue",
            Self::Source => "source",
            Self::Reason => "reason",
            Self::Age => "age",
            Self::Receives => "receives",
        }
    }
}

/// Messages that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What they are alike in, in the order that was asked for; none where a message has nothing of the kind.
    pub key: Vec<Option<String>>,
    /// How many.
    pub messages: u64,
    /// The fewest and the most receives among them; none where nobody counts them.
    pub receives: Option<(u32, u32)>,
    /// When the first was sent.
    pub first: Option<Timestamp>,
    /// When the last was sent.
    pub last: Option<Timestamp>,
    /// The first of them that was seen.
    pub sample: Box<Record>,
}

/// How old messages are, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// Half are younger.
    pub p50: u64,
    /// Nine of ten are younger.
    pub p90: u64,
    /// 99 of 100 are younger.
    pub p99: u64,
    /// The oldest.
    pub max: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many messages were looked at.
    pub messages: u64,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
    /// How old the messages are; none when none has a time.
    pub ages: Option<Ages>,
}

/// Groups messages as they come.
#[derive(Debug)]
pub(super) struct Gathered {
    by: Vec<By>,
    now: Timestamp,
    messages: u64,
    groups: HashMap<Vec<Option<String>>, Group>,
    ages: Vec<u64>,
}

/// Looks at all that `request` selects and sums it up.
///
/// # Errors
/// As [`tail::run`].
pub async fn run(
    bus: Option<&Bus>,
    request: Request,
    by: Vec<By>,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<(tail::Report, Summary), TailError> {
    let mut gathered = Gathered::new(by, request.clock.now());
    let report = tail::run_into(bus, request, &mut gathered, emit, shutdown, std::future::pending()).await?;
    Ok((report, gathered.finish()))
}

impl Gathered {
    fn new(by: Vec<By>, now: Timestamp) -> Self {
        Self { by, now, messages: 0, groups: HashMap::new(), ages: Vec::new() }
    }

    fn add(&mut self, record: Record) {
        self.messages += 1;
        let sent = time_of(&record);
        let age = sent.and_then(|sent| Duration::try_from(self.now.duration_since(sent)).ok());
        self.ages.extend(age.map(|age| age.as_secs()));
        let key: Vec<Option<String>> = self.by.iter().map(|by| value(*by, &record, age)).collect();
        let receives = record.message.receive_count;
        match self.groups.get_mut(&key) {
            Some(group) => {
                group.messages += 1;
                group.first = group.first.into_iter().chain(sent).min();
                group.last = group.last.into_iter().chain(sent).max();
                group.receives = match (group.receives, receives) {
                    (Some((least, most)), Some(times)) => Some((least.min(times), most.max(times))),
                    (known, times) => known.or(times.map(|times| (times, times))),
                };
            }
            None => {
                let receives = receives.map(|times| (times, times));
                let group = Group {
                    key: key.clone(),
                    messages: 1,
                    receives,
                    first: sent,
                    last: sent,
                    sample: Box::new(record),
                };
                self.groups.insert(key, group);
            }
        }
    }

    fn finish(mut self) -> Summary {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        groups.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.key.cmp(&b.key)));
        self.ages.sort_unstable();
        let ages = &self.ages;
        // The nearest rank: the smallest age that so many percent do not exceed.
        let percentile = |percent: usize| ages.get((ages.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let ages = ages.last().map(|max| Ages {
            p50: percentile(50).unwrap_or(*max),
            p90: percentile(90).unwrap_or(*max),
            p99: percentile(99).unwrap_or(*max),
            max: *max,
        });
        Summary { messages: self.messages, groups, ages }
    }
}

impl Sink for Gathered {
    async fn take(&mut self, record: Record) -> Result<(), Stop> {
        self.add(record);
        Ok(())
    }
}

fn value(by: By, record: &Record, age: Option<Duration>) -> Option<String> {
    let metadata = record.event.as_ref().map(|event| &event.metadata);
    let attribute = |name: &str| {
        let found = record.outer_attributes.get(name).or_else(|| record.attributes.get(name));
        found.and_then(Attribute::text).map(str::to_owned)
    };
    let name_of = |arn: &str| arn.rsplit(':').next().unwrap_or(arn).to_owned();
    match by {
        By::Event => metadata.map(|m| m.event_name.clone()),
        By::Publisher => metadata.and_then(|m| m.publisher_name.clone()),
        By::Queue => record.message.queue.clone(),
        By::Source => {
            let origin = || attribute(ORIGIN_ATTRIBUTE);
            record.message.dead_letter_source.clone().or_else(origin).as_deref().map(name_of)
        }
        By::Reason => attribute(REASON_ATTRIBUTE).or_else(|| record.unreadable.clone()),
        By::Age => age.map(|age| age_class(age).to_owned()),
        By::Receives => record.message.receive_count.map(|times| times.to_string()),
    }
}

/// Classes whose names sort by age.
fn age_class(age: Duration) -> &'static str {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match age.as_secs() {
        0..MINUTE => "under 1m",
        MINUTE..HOUR => "1m to 1h",
        HOUR..DAY => "1h to 1d",
        DAY..345_600 => "1d to 4d",
        _ => "over 4d",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, SystemRecord};

    fn record(event: &str, seconds: u32, receives: u32, reason: Option<&str>) -> Record {
        let body =
            format!(r#"{{"Metadata":{{"EventName":"{event}","EntityName":"E","PublisherName":"P"}},"Payload":{{}}}}"#);
        let body = if event.is_empty() { "text".to_owned() } else { body };
        let attributes: Attributes =
            reason.map(|why| (REASON_ATTRIBUTE.to_owned(), Attribute::string(why))).into_iter().collect();
        let system = SystemRecord {
            id: format!("{event}{seconds}"),
            sent_at: Some(format!("2026-11-23T08:00:{seconds:02}.000Z")),
            receive_count: Some(receives),
            dead_letter_source: Some("arn:aws:sqs:us-east-1:000000000000:users".into()),
            ..SystemRecord::default()
        };
        Record::new(body, attributes, system)
    }

    fn gathered(by: &[By], records: Vec<Record>) -> Summary {
        let mut gathered = Gathered::new(by.to_vec(), "2026-11-23T08:01:40Z".parse().unwrap());
        records.into_iter().for_each(|record| gathered.add(record));
        gathered.finish()
    }

    #[test]
    fn messages_are_grouped_counted_and_aged() {
        let summary = gathered(
            &[By::Event, By::Source, By::Reason],
            vec![
                record("A", 10, 3, None),
                record("B", 20, 1, Some("bad")),
                record("A", 5, 1, None),
                record("A", 30, 2, Some("bad")),
                record("", 40, 0, None),
            ],
        );
        assert_eq!(summary.messages, 5);
        let first = &summary.groups[0];
        assert_eq!(first.key, [Some("A".to_owned()), Some("users".to_owned()), None]);
        assert_eq!((first.messages, first.receives, first.sample.message.id.as_str()), (2, Some((1, 3)), "A10"));
        assert_eq!(first.first.unwrap().to_string(), "2026-11-23T08:00:05Z");
        assert_eq!(summary.groups.len(), 4);
        let foreign = summary.groups.iter().find(|group| group.key[0].is_none()).unwrap();
        assert!(foreign.key[2].as_ref().unwrap().contains("JSON"), "{:?}", foreign.key);
        assert_eq!(summary.ages, Some(Ages { p50: 80, p90: 95, p99: 95, max: 95 }));
    }

    #[test]
    fn ages_fall_into_classes_and_nothing_has_no_age() {
        let summary = gathered(&[By::Age, By::Receives], vec![record("A", 10, 3, None), record("A", 50, 3, None)]);
        let keys: Vec<_> = summary.groups.iter().map(|group| group.key[0].as_deref().unwrap()).collect();
        assert_eq!(keys, ["1m to 1h", "under 1m"]);
        assert_eq!(gathered(&[By::Event], Vec::new()), Summary { messages: 0, groups: Vec::new(), ages: None });
    }
}
