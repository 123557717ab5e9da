//! `provision` killed (`kill -9`) at every call that changes something: the next run picks up, and then nothing is left to do.

use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::TestEnv;
use crate::support::proxy::{self, Fate};

const FIRST: &str = "version: 1
name: users
topics: { users: { tags: { a: b } }, gone: {} }
queues:
  user_events: { dead_letter: { queue: user_events_dlq, max_receives: 5 } }
  user_events_dlq: { retention: 14d }
  spare: {}
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserRegistered] } }
  - { topic: gone, queue: spare, raw: true }
";

/// The same with everything changed, and a topic, a queue and a subscription less.
const SECOND: &str = "version: 1
name: users
topics: { users: { display_name: Users }, fresh: {} }
queues:
  user_events: { visibility_timeout: 45s, tags: { c: d } }
  user_events_dlq: { retention: 14d, delay: 5s }
subscriptions:
  - { topic: users, queue: user_events, filter: { eventName: [UserDeleted] }, raw: true, dead_letter: user_events_dlq }
  - { topic: fresh, queue: user_events }
";

/// Which of the changing calls is the last that the victim makes.
#[derive(Default)]
struct Trap {
    victim: Option<Pid>,
    left: usize,
    seen: Vec<String>,
}

const READS: [&str; 3] = ["Get", "List", "Describe"];

#[test]
fn a_run_that_is_killed_at_any_change_is_picked_up_by_the_next() {
    let env = TestEnv::new();
    let server = env.serve();
    let trap: Arc<Mutex<Trap>> = Arc::default();
    let set = Arc::clone(&trap);
    let url = proxy::before(&server.url, move |request| {
        let operation = request.operation();
        if READS.iter().any(|read| operation.starts_with(read)) {
            return Fate::Answered;
        }
        let mut trap = set.lock().unwrap();
        trap.seen.push(operation);
        trap.left = trap.left.saturating_sub(1);
        match (trap.left, trap.victim) {
            (0, Some(victim)) => {
                trap.victim = None;
                // Others may be under way at the same moment, as they are when a machine dies.
                Fate::Then(Box::new(move || kill(victim, Signal::SIGKILL).unwrap()))
            }
            _ => Fate::Answered,
        }
    });
    env.write("first.yaml", FIRST);
    env.write("second.yaml", SECOND);
    let run = |file: &str, url: &str| env.command(&["provision", file, "--prune", "--yes", "--endpoint-url", url]);
    for (before, file) in [(None, "first.yaml"), (Some("first.yaml"), "second.yaml")] {
        for last in 1.. {
            let _empty = env.run(&["local", "reset", "--yes"]).success();
            if let Some(before) = before {
                let _made = run(before, &server.url).run().success();
            }
            let mut set = trap.lock().unwrap();
            let victim = run(file, &url).spawn();
            *set = Trap { victim: Some(victim.pid()), left: last, seen: Vec::new() };
            drop(set);
            let ended = victim.wait();
            let seen = std::mem::take(&mut trap.lock().unwrap().seen);
            if trap.lock().unwrap().victim.take().is_some() {
                let _whole = ended.success();
                assert!(last > 8, "only {seen:?} were cut");
                break;
            }
            let shown = format!("{file}, killed after {seen:?}");
            assert!(ended.code() != Some(0), "{shown} ended by itself");
            let again = run(file, &server.url).run();
            assert_eq!(again.code(), Some(0), "{shown}: {}", again.snapshot());
            let check = env.run(&["provision", file, "--prune", "--check", "--endpoint-url", &server.url]);
            assert_eq!(check.code(), Some(0), "{shown}: {}", check.snapshot());
        }
    }
}
