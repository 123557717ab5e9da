//! A stream of events: into the embedded bus beside plain SQLite, and over HTTP beside a loop of boto3.

use std::process::{Command, Stdio};

use crate::peers::Server;
use crate::plain::rate;
use crate::store::against_plain;
use crate::support::{Project, Verdict, figure, hermetic, median, timed, venv_tool};

/// The part of the rate of plain inserts in transactions of [`TRANSACTION`].
const PLAIN_BOUND: f64 = 0.2;
const TRANSACTION: usize = 100;
/// How much faster than eight threads of boto3 on the same server.
const BOTO3_BOUND: f64 = 4.0;
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:users";

/// `eventbus publish` of NDJSON, its start, its checks against the schema and its wrapping included. What the bus has then is
/// inserted by nothing but prepared statements; and the same events go to a server, counted there, beside boto3's `publish_batch`,
/// whose interpreter and clients are there before its clock starts.
pub(crate) fn run(quick: bool) -> Verdict {
    let ratio = against_plain(quick, TRANSACTION, PLAIN_BOUND);
    let mut broken = Vec::new();
    if ratio < PLAIN_BOUND {
        broken.push(format!("{ratio:.2} of plain SQLite, not {PLAIN_BOUND}"));
    }
    let python = match venv_tool("python") {
        Ok(python) => python,
        Err(missing) if broken.is_empty() => return missing,
        Err(_) => return Verdict::Broken(broken.join("; ")),
    };
    let (events, rounds) = if quick { (1_000, 1) } else { (20_000, 5) };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let project = Project::new();
        let file = project.write_events(events);
        let server = Server::eventbus(&project.path(""), &project.path("served.db"));
        let url = format!("http://127.0.0.1:{}", server.endpoint.0);
        project.run(&["provision", "topology.yaml", "--yes", "--endpoint-url", &url]);
        let queue = format!("{url}/000000000000/user_events");
        let publish = ["publish", "UserRegistered", &file, "--input", "ndjson", "--endpoint-url", &url];
        ours.push(rate(events, timed(project.command(&publish))));
        let held = server.endpoint.depth(&queue);
        if held != events as u64 {
            return Verdict::Broken(format!("{held} of {events} events are in the queue"));
        }
        let mut boto3 = Command::new(&python);
        hermetic(&mut boto3, &project.path(""));
        boto3.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/publish_batch.py"));
        boto3.args([&url, TOPIC]).arg(project.path(&file)).stdin(Stdio::null());
        let done = boto3.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let seconds: f64 = String::from_utf8_lossy(&done.stdout).trim().parse().unwrap();
        theirs.push(events as f64 / seconds);
        let held = server.endpoint.depth(&queue);
        if held != 2 * events as u64 {
            return Verdict::Broken(format!("{held} of {} events are in the queue", 2 * events));
        }
    }
    let ratio = median(&ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>());
    figure("publish over HTTP, events a second", &format!("{:.0}", median(&ours)));
    figure("boto3 publish_batch, 8 threads, events a second", &format!("{:.0}", median(&theirs)));
    figure(&format!("ratio, median of {rounds} pairs (at least {BOTO3_BOUND})"), &format!("{ratio:.2}"));
    if ratio < BOTO3_BOUND {
        broken.push(format!("{ratio:.2} times boto3, not {BOTO3_BOUND}"));
    }
    if broken.is_empty() { Verdict::Holds } else { Verdict::Broken(broken.join("; ")) }
}
