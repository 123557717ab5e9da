//! The model: random queues, failures at every call, and a kill at every step, again and again, each followed by a resume. At the
//! end every message has arrived as it was, none is where it should not be, and what arrived twice was named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::engine::replay::journal::{Facts, Journal};

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

#[derive(Clone, Debug)]
struct Sent {
    body: String,
    attributes: Value,
    group: Option<String>,
    trace: Option<String>,
    wanted: bool,
}

/// What a world is: a source full of messages, and where they belong.
struct World {
    fake: Fake,
    fifo: bool,
    copy: bool,
    selective: bool,
    concurrency: usize,
    /// By id in the source, in order.
    messages: Vec<(String, Sent)>,
}

impl World {
    fn source(&self) -> &'static str {
        if self.fifo { "dlq.fifo" } else { "dlq" }
    }

    fn target(&self) -> &'static str {
        if self.fifo { "orders.fifo" } else { "orders" }
    }

    fn make(random: &mut Random) -> Self {
        let fifo = random.below(3) == 0;
        let fake = Fake::new(&["orders", "dlq", "orders.fifo", "dlq.fifo"]);
        for queue in ["orders.fifo", "dlq.fifo"] {
            fake.set(queue, "FifoQueue", "true");
        }
        fake.redrive("orders", "dlq");
        fake.redrive("orders.fifo", "dlq.fifo");
        // A copy leaves the first of each group in the way of the rest, so a FIFO source is moved whole.
        let (copy, selective) = (!fifo && random.below(4) == 0, !fifo && random.below(3) == 0);
        let concurrency = 1 + random.below(4);
        let mut world = Self { fake, fifo, copy, selective, concurrency, messages: Vec::new() };
        for number in 0..1 + random.below(28) {
            let wanted = !selective || random.below(2) == 0;
            let sent = message(random, number, fifo, wanted);
            let mut system = vec![("SentTimestamp", "1")];
            system.extend(sent.group.as_deref().map(|group| ("MessageGroupId", group)));
            system.extend(sent.trace.as_deref().map(|trace| ("AWSTraceHeader", trace)));
            let id = world.fake.put(world.source(), &sent.body, sent.attributes.clone(), &system);
            world.messages.push((id, sent));
        }
        world
    }

    fn request(&self, journal: Journal, resume: bool) -> Request {
        let work = match self.copy {
            true => Work::Copy(Confirmed::by_the_user()),
            false => Work::Move(Confirmed::by_the_user()),
        };
        let mut selection = Selection::default();
        if self.selective {
            selection.grep = Some("wanted".into());
        }
        Request {
            selection,
            work,
            concurrency: self.concurrency,
            journal: Some(Arc::new(journal)),
            resume,
            ..request()
        }
    }

    /// One run, to its end (its report) or to the kill.
    async fn run(&self, journal: Journal, resume: bool, killed: &Notify) -> Option<Result<Report, ReplayError>> {
        let bus = self.fake.bus().await;
        let request = self.request(journal, resume);
        let plan = async { plan(&bus, &From::Queue(self.source().into()), &To::Origin, None).await };
        let (emitter, mut events) = channel();
        let listening = std::thread::spawn(move || while events.next_blocking().is_some() {});
        let ended = tokio::select! {
            biased;
            () = killed.notified() => None,
            ended = async { run(&bus, &plan.await?, &request, &emitter, &Shutdown::never()).await } => Some(ended),
        };
        drop(emitter);
        listening.join().unwrap();
        if let Some(ended) = &ended {
            let finished = ended.as_ref().is_ok_and(Report::is_finished);
            Arc::into_inner(request.journal.unwrap()).unwrap().end(finished).unwrap();
        }
        ended
    }

    /// Whether something that was asked for is not there.
    fn misses_something(&self) -> bool {
        let arrived: BTreeSet<String> = self.fake.bodies(self.target()).into_iter().collect();
        self.messages.iter().any(|(_, sent)| sent.wanted && !arrived.contains(&sent.body))
    }

    /// Whatever happened, this holds in the end. What was `missed` is still at the source.
    fn check(&self, named: &BTreeSet<String>, missed: bool, story: &str) {
        let arrived = self.fake.messages(self.target());
        let left: BTreeSet<String> = self.fake.messages(self.source()).into_iter().map(|message| message.id).collect();
        let mut by_body: BTreeMap<&str, Vec<&FakeMessage>> = BTreeMap::new();
        for message in &arrived {
            by_body.entry(&message.body).or_default().push(message);
        }
        for (id, sent) in &self.messages {
            let copies = by_body.remove(sent.body.as_str()).unwrap_or_default();
            if !sent.wanted {
                assert!(copies.is_empty() && left.contains(id), "{id} was not asked for: {story}");
                continue;
            }
            if copies.is_empty() && missed {
                assert!(left.contains(id), "{id} is lost: {story}");
                continue;
            }
            assert!(!copies.is_empty(), "{id} did not arrive: {story}");
            assert_eq!(left.contains(id), self.copy, "{id} is at the source or not: {story}");
            assert!(copies.len() == 1 || named.contains(id), "{id} arrived {} times unnamed: {story}", copies.len());
            assert!(copies.len() == 1 || !self.fifo, "{id} arrived twice at a FIFO queue: {story}");
            for copy in copies {
                assert_eq!(copy.attributes, sent.attributes, "{id}: {story}");
                assert_eq!(copy.system.get("MessageGroupId"), sent.group.as_ref(), "{id}: {story}");
                assert_eq!(copy.system.get("AWSTraceHeader"), sent.trace.as_ref(), "{id}: {story}");
            }
        }
        assert!(by_body.is_empty(), "something arrived that was never sent: {story}");
        let visible = self.fake.messages(self.source()).iter().all(FakeMessage::is_visible);
        assert!(visible, "something is still held: {story}");
        if self.fifo {
            let mut order: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (_, sent) in &self.messages {
                order.entry(sent.group.clone().unwrap()).or_default().push(&sent.body);
            }
            for (group, bodies) in order {
                let came = arrived.iter().filter(|message| message.system["MessageGroupId"] == group);
                let came: Vec<&str> = came.map(|message| message.body.as_str()).collect();
                let expected = if missed { &bodies[..came.len()] } else { &bodies[..] };
                assert_eq!(came, expected, "{group}: {story}");
            }
        }
    }
}

fn message(random: &mut Random, number: usize, fifo: bool, wanted: bool) -> Sent {
    let word = if wanted { "wanted" } else { "other" };
    let text = ["plain", "zeilen\nund \"zeichen\"", "\u{1f980}\u{e9}", "{\"Type\":\"nothing\"}"][random.below(4)];
    let mut attributes = serde_json::Map::new();
    for name in 0..random.below(5) {
        let value = match random.below(5) {
            0 => json!({"DataType": "Number", "StringValue": "1234567890123456789012345678901234567"}),
            1 => {
                let bytes = ["AP//", "AA==", "c2VjcmV0"][random.below(3)];
                json!({"DataType": "Binary", "BinaryValue": bytes})
            }
            2 => json!({"DataType": "String.Array", "StringValue": "[\"a\",1,null]"}),
            3 => json!({"DataType": "Number.float", "StringValue": "1.50"}),
            _ => json!({"DataType": "String", "StringValue": format!("v{}", random.below(9))}),
        };
        attributes.insert(format!("a{name}"), value);
    }
    Sent {
        body: format!("{word} {number} {text} {}", "x".repeat(random.below(200))),
        attributes: if attributes.is_empty() { Value::Null } else { Value::Object(attributes) },
        group: (fifo || random.below(3) == 0).then(|| format!("g{}", random.below(3))),
        trace: (random.below(3) == 0).then(|| format!("Root=1-{number}")),
        wanted,
    }
}

/// A fault at random; what ends a run, or leaves something behind, is tried again by the next.
fn fault(random: &mut Random) -> Fault {
    match random.below(8) {
        0 => Fault::Refuse(400, "RequestThrottled", "slow down"),
        1 => Fault::Refuse(500, "InternalError", "oops"),
        2 => Fault::Reset,
        3 => Fault::FailEntries(vec![0, 3], "InternalError", false),
        4 => Fault::FailEntries(vec![1], "InvalidParameterValue", true),
        5 => Fault::OmitEntries(vec![0, 2]),
        _ => Fault::LoseAnswer,
    }
}

/// Kills at the calls of `kills` (counted over the first run, then over each resumed one), with a fault at every `faulty`th call.
async fn story(seed: u64, kills: &[(usize, bool)], faulty: Option<usize>) -> bool {
    let mut random = Random(seed);
    let world = World::make(&mut random);
    let told = format!("seed {seed}, kills {kills:?}, faults {faulty:?}");
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let journal = Journal::create(dir.path(), Facts::default(), &clock).unwrap();
    let mut path = journal.path().to_owned();
    let mut next = Some(journal);
    let mut named = BTreeSet::new();
    let mut killed_every_time = true;
    let faults = Arc::new(Mutex::new(Random(seed ^ 0xfa17)));
    for round in 0..12 {
        let kill = kills.get(round).copied();
        let (killed, calls) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (at, counted, faults) = (killed.clone(), calls.clone(), faults.clone());
        // The last rounds are of a world that works, as it will one day.
        let strikes_now = faulty.filter(|_| round < 6);
        world.fake.on_call(move |operation, _, _| {
            let call = counted.fetch_add(1, Ordering::SeqCst);
            if kill.is_some_and(|(step, _)| step == call) {
                at.notify_one();
                return kill.map(|(_, done)| Fault::Silence(done));
            }
            let mut faults = faults.lock().unwrap();
            let strikes = strikes_now.is_some_and(|every| faults.below(every) == 0);
            let strikes = strikes && !matches!(operation, "GetQueueUrl" | "ListDeadLetterSourceQueues");
            strikes.then(|| fault(&mut faults)).filter(|fault| {
                operation.ends_with("Batch") || !matches!(fault, Fault::FailEntries(..) | Fault::OmitEntries(_))
            })
        });
        let resume = next.is_none();
        let journal = match next.take() {
            Some(journal) => journal,
            None => Journal::open(&path, &clock).unwrap(),
        };
        match world.run(journal, resume, &killed).await {
            None => {}
            Some(Ok(report)) => {
                killed_every_time &= kill.is_none();
                named.extend(report.possible_duplicates.iter().cloned());
                if report.is_finished() {
                    // What lapsed in the hands of a killed run is back by now, unless it was looked at since.
                    tokio::time::sleep(Duration::from_secs(130)).await;
                    assert!(!path.exists(), "a finished run leaves no journal: {told}");
                    // An answer to a receive that was lost hides its messages for a minute: the run takes the queue to be
                    // empty, and the next one finds them.
                    let missed = faulty.is_some() && world.misses_something();
                    world.check(&named, missed, &told);
                    if missed && !world.copy {
                        let journal = Journal::create(dir.path(), Facts::default(), &clock).unwrap();
                        path = journal.path().to_owned();
                        next = Some(journal);
                        continue;
                    }
                    return killed_every_time;
                }
            }
            Some(Err(ReplayError::Bus { report, .. })) => {
                killed_every_time &= kill.is_none();
                named.extend(report.possible_duplicates);
            }
            Some(Err(error)) => panic!("{error}: {told}"),
        }
    }
    panic!("it never finished: {told}");
}

/// How many random worlds.
fn worlds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the switch is read by the test, never by the program")]
    let switch = std::env::var("EVENTBUS_TEST_TORTURE");
    if switch.as_deref() == Ok("full") { 200 } else { 4 }
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_every_step_loses_nothing_and_doubles_only_what_is_named() {
    for seed in 0..worlds() {
        for done in [false, true] {
            // Until the run ends before the step is reached.
            for step in 0.. {
                if !story(seed, &[(step, done)], None).await {
                    assert!(step > 5, "the kills came too late to be any");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn kills_again_and_again_amid_failures_lose_nothing_either() {
    for seed in 0..worlds() * 8 {
        let mut random = Random(seed ^ 0x0bad);
        let kills: Vec<(usize, bool)> =
            (0..random.below(6)).map(|_| (3 + random.below(14), random.below(2) == 0)).collect();
        let _ = story(1_000 + seed, &kills, Some(3 + random.below(8))).await;
    }
}
