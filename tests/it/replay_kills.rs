//! A replay that is killed, again and again, loses nothing: every message arrives as it was, and what arrives twice was named.
//!
//! Small by default; `EVENTBUS_TEST_TORTURE=full` makes it 100 kills over 20,000 messages. `EVENTBUS_TEST_SEED=N` repeats the random
//! choices of a run (not the scheduler's).

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::support::{TestEnv, assert_lines_match};
use crate::torture::{Random, seed, switch};

const TOPOLOGY: &str = "
version: 1
name: replays
topics: { users: {} }
queues:
  work: { dead_letter: { queue: work_dlq, max_receives: 5 } }
  work_dlq: {}
  ordered.fifo: { fifo: true, dead_letter: { queue: ordered_dlq.fifo, max_receives: 5 } }
  ordered_dlq.fifo: { fifo: true }
";

/// The record of a message with everything that one can have.
fn record(random: &mut Random, number: usize, fifo: bool) -> Value {
    let mut attributes = json!({ "number": { "type": "Number", "value": number.to_string() } });
    for name in 0..random.below(4) {
        attributes[format!("a{name}")] = match random.below(4) {
            0 => json!({ "type": "Binary", "value": "AP//" }),
            1 => json!({ "type": "String.Array", "value": "[\"a\",1]" }),
            2 => json!({ "type": "Number.float", "value": "1.50" }),
            _ => json!({ "type": "String", "value": "\u{e9} \"x\"" }),
        };
    }
    let body = format!("{number}\n\u{1f980} {}", "x".repeat(random.below(900)));
    let group = if fifo || number.is_multiple_of(3) { json!(format!("g{}", number % 4)) } else { Value::Null };
    let mut record = json!({ "version": 1, "message": {}, "attributes": attributes, "body": body });
    if group.is_string() {
        record["message"]["groupId"] = group;
    }
    record
}

/// How the runs are started.
#[derive(Clone, Copy, Default)]
struct Way {
    /// Messages a second: then it goes message by message from the first run on, else from the first resumed one.
    rate: Option<&'static str>,
    /// After a kill the journal is forgotten and another replay begun, which moves in one step again.
    anew: bool,
    /// Through `local serve`.
    served: bool,
}

fn kills(source: &str, target: &str, (messages, kills): (usize, usize), way: Way) {
    let fifo = source.ends_with(".fifo");
    let mut random = Random(seed() ^ messages as u64);
    let env = TestEnv::new();
    env.write("topology.yaml", TOPOLOGY);
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    let records: Vec<Value> = (0..messages).map(|number| record(&mut random, number, fifo)).collect();
    env.write("all.ndjson", records.iter().map(|record| format!("{record}\n")).collect::<String>());
    let _filled = env.run(&["replay", "all.ndjson", "--to", &format!("queue:{source}"), "--yes", "-q"]).success();

    let server = way.served.then(|| env.serve());
    let endpoint = server.iter().flat_map(|server| ["--endpoint-url", server.url.as_str()]);
    let mut first = vec!["replay", source, "--concurrency", "2", "--yes", "-o", "ndjson"];
    first.extend(endpoint.clone().chain(way.rate.iter().flat_map(|rate| ["--rate", *rate])));
    let mut next = vec!["replay", "--resume", "--concurrency", "2", "--yes", "-o", "ndjson"];
    next.extend(endpoint);
    let mut killed = 0;
    let mut named: BTreeSet<String> = BTreeSet::new();
    // Of messages that were moved, by the id they have in the destination.
    let mut source_of: HashMap<String, String> = HashMap::new();
    let mut read = |stdout: &str, named: &mut BTreeSet<String>| {
        let whole = stdout.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines: Vec<Value> = whole.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_lines_match("replay.schema", &lines);
        for line in &lines {
            if let (Some(new), Some(old)) = (line["new_message_id"].as_str(), line["message_id"].as_str()) {
                source_of.insert(new.to_owned(), old.to_owned());
            }
            let doubtful = line["possible_duplicates"].as_array().into_iter().flatten();
            named.extend(doubtful.map(|id| id.as_str().unwrap().to_owned()));
        }
        lines
    };
    let last = loop {
        let args: &[&str] = if killed == 0 || way.anew { &first } else { &next };
        if killed == kills {
            break env.run(args).success();
        }
        let mut running = env.command(args).spawn();
        // Waits for some of what is left, at most half of it: there is more to come, so this cannot wait in vain.
        let share = messages / (kills + 1) / 2;
        for _ in 0..=random.below(share) {
            let _moved = running.wait_stdout("\"moved\"");
        }
        let ended = running.kill();
        killed += 1;
        let _ = read(ended.stdout(), &mut named);
        let listed = env.run(&["replay", "--journals"]).success().ndjson();
        assert_lines_match("replay.schema", &listed);
        assert_eq!((listed.len(), &listed[0]["running"]), (1, &Value::Bool(false)), "after kill {killed}");
        if way.anew {
            let _forgotten = env.run(&["replay", "--forget", listed[0]["journal"].as_str().unwrap()]).success();
        }
    };
    let lines = read(last.stdout(), &mut named);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["left"], &summary["journal"], &summary["failed"]), (&0.into(), &Value::Null, &0.into()));
    assert!(env.run(&["replay", "--journals"]).success().stdout().is_empty(), "what is done leaves no journal");

    let arrived = env.run(&["tail", target, "--idle", "300ms", "-o", "ndjson"]).success().ndjson();
    let mut copies: HashMap<u64, Vec<&Value>> = HashMap::new();
    for message in &arrived {
        let number = message["attributes"]["number"]["value"].as_str().unwrap().parse().unwrap();
        copies.entry(number).or_default().push(message);
    }
    let mut twice = 0;
    for (number, record) in records.iter().enumerate() {
        let found = copies.remove(&(number as u64)).unwrap_or_default();
        assert!(!found.is_empty(), "message {number} is lost (seed {})", seed());
        for copy in &found {
            assert_eq!(copy["body"], record["body"]);
            assert_eq!(copy["attributes"], record["attributes"]);
            assert_eq!(copy["message"]["groupId"], record["message"]["groupId"]);
        }
        if found.len() > 1 {
            twice += 1;
            // One of the copies was confirmed and printed, or came of a send that was in flight: its source is named.
            let ids = found.iter().filter_map(|copy| source_of.get(copy["message"]["id"].as_str().unwrap()));
            let is_named = ids.into_iter().any(|id| named.contains(id));
            assert!(is_named && !fifo && !way.anew, "message {number} arrived {} times unnamed", found.len());
        }
    }
    assert!(copies.is_empty());
    if fifo {
        let mut groups: HashMap<String, u64> = HashMap::new();
        for message in &arrived {
            let number: u64 = message["attributes"]["number"]["value"].as_str().unwrap().parse().unwrap();
            let before = groups.insert(message["message"]["groupId"].as_str().unwrap().to_owned(), number);
            assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
        }
    }
    let told = format!("{kills} kills over {messages} messages to {target}: {twice} twice, {} named\n", named.len());
    let mut stderr = std::io::stderr();
    std::io::Write::write_all(&mut stderr, told.as_bytes()).unwrap();
}

#[test]
fn a_replay_that_is_killed_loses_nothing_and_names_what_it_doubles() {
    let full = switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full");
    kills("work_dlq", "work", if full { (20_000, 100) } else { (300, 2) }, Way::default());
    let rate = Some("2000");
    kills("work_dlq", "work", if full { (5_000, 25) } else { (120, 2) }, Way { rate, ..Way::default() });
}

/// What the bus moves in one step is at no moment in both queues, nor in none.
#[test]
fn a_killed_replay_that_moves_in_one_step_doubles_nothing() {
    let full = switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full");
    for served in [false, true] {
        let size = if full { (40_000, 50) } else { (2_000, 2) };
        kills("work_dlq", "work", size, Way { anew: true, served, ..Way::default() });
    }
}

#[test]
fn a_killed_replay_of_a_fifo_queue_keeps_the_order_and_doubles_nothing() {
    let full = switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full");
    kills("ordered_dlq.fifo", "ordered.fifo", if full { (3_000, 30) } else { (60, 1) }, Way::default());
}

#[test]
fn journals_are_refused_for_another_bus_and_can_be_forgotten() {
    let env = TestEnv::with_three_events();
    let none = env.run(&["replay", "--resume"]).expect_code(2);
    assert!(none.stderr().contains("no replay to go on with"), "{}", none.stderr());
    // Interrupted with something done: one at a time, and the signal after the first.
    let args = ["replay", "user_events", "--to", "queue:user_events_dlq", "--rate", "1", "--yes"];
    let mut running = env.command(&args).spawn();
    let _moved = running.wait_stdout("\"moved\"");
    running.signal(nix::sys::signal::Signal::SIGINT);
    let ended = running.wait().expect_code(130);
    assert!(ended.stderr().contains("eventbus replay --resume"), "{}", ended.stderr());
    let listed = env.run(&["replay", "--journals"]).success().ndjson();
    let name = listed[0]["journal"].as_str().unwrap();
    let server = env.serve();
    let other = env.run(&["replay", "--resume", name, "--yes", "--endpoint-url", server.url.as_str()]).expect_code(2);
    assert!(other.stderr().contains("choose the same bus as then"), "{}", other.stderr());
    let resumed = env.run(&["replay", "--resume", name, "--rate", "1000", "--yes"]).success().ndjson();
    let summary = resumed.last().unwrap();
    assert_eq!(summary["done"].as_u64().unwrap() + summary["earlier"].as_u64().unwrap(), 3);
    let _gone = env.run(&["replay", "--forget", name]).expect_code(1);
    let mut running =
        env.command(&["replay", "user_events_dlq", "--to", "queue:user_events", "--rate", "1", "--yes"]).spawn();
    let _moved = running.wait_stdout("\"moved\"");
    let busy = env.run(&["replay", "--resume", "--yes"]).expect_code(2);
    assert!(busy.stderr().contains("no replay to go on with"), "{}", busy.stderr());
    let _ended = running.kill();
    let listed = env.run(&["replay", "--journals"]).success().ndjson();
    let _removed = env.run(&["replay", "--forget", listed[0]["journal"].as_str().unwrap()]).success();
    assert!(env.run(&["replay", "--journals"]).success().stdout().is_empty());
}
