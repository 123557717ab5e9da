//! One project and its bus, which is served in this process behind a proxy: its calls fail and its clock runs as the test wants.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use eventbus::clock::Clock;
use eventbus::local::{Access, LocalBus, OpenOptions, serve};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::consume::url;
use crate::support::proxy::{self, Fate, Request};
use crate::support::{PATIENCE, Running, TestEnv};
use crate::torture::{Random, payload_of};

/// The groups of the events of FIFO queues: the number's remainder.
pub(super) const GROUPS: usize = 5;

/// A moment of the machine, and so much of the bus: what waits for a visibility timeout waits that much shorter.
const TICK: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(10));

/// Longer than any consumer here hides a message.
const AHEAD: Duration = Duration::from_secs(60);

pub(super) struct Lane {
    pub(super) env: TestEnv,
    bus: LocalBus,
    clock: Clock,
    runtime: tokio::runtime::Runtime,
    url: String,
    faults: Arc<Mutex<Option<Random>>>,
    /// The reading end of what every handler holds open.
    alive: File,
    over: Arc<AtomicBool>,
}

impl Lane {
    pub(super) fn new() -> Lane {
        let env = TestEnv::new();
        let clock = Clock::manual(Clock::system().now_ms());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = OpenOptions { clock: clock.clone(), ..OpenOptions::default() };
        let bus = LocalBus::open(&env.path("torture.db"), options).unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(serve(listener, bus.clone(), Access::default(), 1000, std::future::pending()));
        let faults: Arc<Mutex<Option<Random>>> = Arc::default();
        let drawn = faults.clone();
        let url = proxy::before(&server, move |request| match drawn.lock().unwrap().as_mut() {
            Some(random) => fate(random, request),
            None => Fate::Answered,
        });
        let over = Arc::new(AtomicBool::new(false));
        let (ended, ticking) = (Arc::clone(&over), clock.clone());
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(TICK.0);
                ticking.advance(TICK.1);
            }
        });
        let pipe = env.path("alive");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
        let alive = File::options().read(true).custom_flags(nonblocking).open(pipe).unwrap();
        let lane = Lane { env, bus, clock, runtime, url, faults, alive, over };
        for (queue, fifo) in [("users", false), ("users.fifo", true)] {
            let dead = dead_letters_of(queue);
            let arn = format!("arn:aws:sqs:us-east-1:000000000000:{dead}");
            let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1000}).to_string();
            let mut attributes = json!({"VisibilityTimeout": "2", "RedrivePolicy": policy});
            let mut of_dead = json!({});
            if fifo {
                attributes["FifoQueue"] = "true".into();
                of_dead["FifoQueue"] = "true".into();
            }
            lane.sqs("CreateQueue", &json!({"QueueName": dead, "Attributes": of_dead}));
            lane.sqs("CreateQueue", &json!({"QueueName": queue, "Attributes": attributes}));
        }
        lane
    }

    /// From now on calls fail as these choices say, or not at all.
    pub(super) fn storm(&self, seed: Option<u64>) {
        *self.faults.lock().unwrap() = seed.map(Random);
    }

    /// Starts a consumer.
    pub(super) fn consume(&self, more: &[&str]) -> Running {
        let line = [&["consume", "-o", "ndjson", "--endpoint-url", self.url.as_str()], more].concat();
        self.env.command(&line).spawn()
    }

    /// Sends the events of these numbers, past the proxy.
    pub(super) fn send(&self, queue: &str, numbers: Range<usize>) {
        for number in numbers {
            let body = format!(
                r#"{{"Metadata":{{"EventName":"UserRegistered","EntityName":"User","PublisherName":"Users","EntityId":"{number}"}},"Payload":{}}}"#,
                payload_of(number)
            );
            let mut message = json!({"QueueUrl": url(queue), "MessageBody": body});
            if queue.ends_with(".fifo") {
                message["MessageGroupId"] = (number % GROUPS).to_string().into();
                message["MessageDeduplicationId"] = format!("{number}-{}", self.clock.now_ms()).into();
            }
            self.sqs("SendMessage", &message);
        }
    }

    /// The bus's clock is put ahead, so that everything hidden can be seen.
    pub(super) fn jump_ahead(&self) {
        self.clock.advance(AHEAD);
    }

    /// The same, or back: what is hidden stays hidden for longer, and what was sent comes out of the future.
    pub(super) fn jump(&self, random: &mut Random) {
        match random.below(4) {
            0 => self.clock.turn_back(Duration::from_secs(random.below(20) as u64)),
            _ => self.jump_ahead(),
        }
    }

    /// Sends a signal to the handler that was started last, if it is there.
    pub(super) fn signal_a_handler(&self, signal: Signal) {
        let pids = std::fs::read_to_string(self.env.path("pids.txt")).unwrap_or_default();
        let Some(pid) = pids.lines().last().and_then(|line| line.parse::<i32>().ok()) else { return };
        // Its number may be somebody else's by now.
        let folder = std::fs::read_link(format!("/proc/{pid}/cwd"));
        if folder.is_ok_and(|folder| folder == self.env.project()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// No process of a handler is left now that its consumer is gone, however that went; none would end by itself.
    pub(super) fn assert_no_handler_is_left(&self, seed: u64) {
        let patience = PollTimeout::try_from(PATIENCE).unwrap();
        let mut ends = [PollFd::new(self.alive.as_fd(), PollFlags::POLLIN)];
        // A pipe that no handler has ever opened does not end either; each round has some.
        let ended = poll(&mut ends, patience).unwrap() == 1;
        let pids = || self.env.read("pids.txt").lines().rev().take(20).collect::<Vec<_>>().join(" ");
        assert!(ended, "seed {seed}: a handler is left behind, one of {}", pids());
    }

    /// How many messages the queue holds, seen or hidden.
    pub(super) fn left(&self, queue: &str) -> usize {
        let answer = self.sqs("GetQueueAttributes", &json!({"QueueUrl": url(queue), "AttributeNames": ["All"]}));
        let counts = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        counts.map(|name| answer["Attributes"][name].as_str().unwrap().parse::<usize>().unwrap()).iter().sum()
    }

    /// The events that handlers have handled, in that order; each was what had been sent.
    pub(super) fn handled(&self, seed: u64) -> Vec<usize> {
        let read = |line: &str| {
            let event: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("seed {seed}: {error}: {line}"));
            let number = event["payload"]["number"].as_u64().unwrap() as usize;
            let sent: Value = serde_json::from_str(&payload_of(number)).unwrap();
            assert_eq!(event["payload"], sent, "seed {seed}");
            number
        };
        self.env.read("handled.txt").lines().map(read).collect()
    }

    /// Takes the dead letters out; each says where it came from and why.
    pub(super) fn take_dead_letters(&self, queue: &str) -> BTreeSet<usize> {
        let (dead, mut numbers) = (url(&dead_letters_of(queue)), BTreeSet::new());
        let wanted = json!({"QueueUrl": dead, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]});
        while let Some(messages) = self.sqs("ReceiveMessage", &wanted)["Messages"].as_array() {
            for message in messages {
                let label = |name: &str| message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default();
                assert!(label("eventbus.origin").ends_with(&format!(":{queue}")), "{message}");
                assert!(!label("eventbus.reason").is_empty(), "{message}");
                let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                numbers.insert(body["Payload"]["number"].as_u64().unwrap() as usize);
                let receipt = &message["ReceiptHandle"];
                self.sqs("DeleteMessage", &json!({"QueueUrl": dead, "ReceiptHandle": receipt}));
            }
        }
        numbers
    }

    /// A line for whoever watches a long run.
    pub(super) fn tell(&self, line: &str) {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "{line}");
    }

    fn sqs(&self, action: &str, request: &Value) -> Value {
        let request = http::Request::post("http://localhost/")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(Bytes::from(request.to_string()))
            .unwrap();
        let answer = self.runtime.block_on(self.bus.handle(request));
        let status = answer.status();
        let body = answer.into_body();
        assert!(status.is_success(), "{action}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn dead_letters_of(queue: &str) -> String {
    match Path::new(queue).file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) if queue.ends_with(".fifo") => format!("{stem}_dead.fifo"),
        _ => format!("{queue}_dead"),
    }
}

/// What becomes of a call in a storm: nearly one in five fails, in one of the ways in which calls do.
fn fate(random: &mut Random, request: &Request) -> Fate {
    let says = |status, code: &str| {
        Fate::Says(status, json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "torture"}).to_string())
    };
    match random.below(100) {
        0..4 => says(400, "RequestThrottled"),
        4..6 => says(503, "ServiceUnavailable"),
        6..8 => says(500, "InternalFailure"),
        8..11 => Fate::Reset,
        11..14 => Fate::Cut,
        14..18 if request.operation().ends_with("Batch") => Fate::Says(200, all_fail(&request.body)),
        _ => Fate::Answered,
    }
}

/// The answer to a batch none of whose entries was done.
fn all_fail(request: &[u8]) -> String {
    let request: Value = serde_json::from_slice(request).unwrap();
    let failed: Vec<Value> = request["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false, "Message": "torture"}))
        .collect();
    json!({"Successful": [], "Failed": failed}).to_string()
}
