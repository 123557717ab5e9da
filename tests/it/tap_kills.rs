//! Taps never leak: killed at any moment of its making, use and end, what a tap leaves is swept to nothing.
//!
//! A dozen kills by default; `EVENTBUS_TEST_TORTURE=full` makes it a hundred. `EVENTBUS_TEST_SEED=N` repeats the random choices.

use std::time::Duration;

use crate::support::TestEnv;
use crate::torture::{Random, seed, switch};

/// Queues and subscriptions of the bus.
fn resources(env: &TestEnv) -> (Vec<String>, usize) {
    let status = env.run(&["local", "status", "-o", "json"]).success().json();
    let list = |key: &str| status[key].as_array().cloned().unwrap_or_default();
    let queues = list("queues").iter().filter_map(|queue| queue["name"].as_str().map(str::to_owned)).collect();
    (queues, list("subscriptions").len())
}

#[test]
fn taps_that_are_killed_at_any_moment_are_swept_to_zero() {
    let kills = if switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full") { 100 } else { 12 };
    let mut random = Random(seed());
    let env = TestEnv::provisioned();
    let before = resources(&env);
    assert!(before.0.len() == 2 && before.1 == 1, "{before:?}");
    let mut most = 0;
    for kill in 0..kills {
        let args: &[&str] = match random.below(3) {
            0 => &["tail", "user_events", "--mode", "tap"],
            1 => &["tail", "--topic", "users"],
            _ => &["record", "user_events", "--mode", "tap", "--to", "r.ndjson"],
        };
        let mut tail = env.command(args).spawn();
        if kill % 4 == 0 {
            // In use: its lease, its renewal and its long poll are under way.
            let _open = tail.wait_stderr("is open");
        } else {
            // No waiting for anything: this is the moment of the kill, and any one will do.
            std::thread::sleep(Duration::from_millis(random.below(150) as u64));
        }
        let _killed = tail.kill();
        most = most.max(resources(&env).0.len() - before.0.len());
    }
    let swept = env.run(&["tap", "sweep"]).success();
    assert_eq!(resources(&env), before, "seed {}: {}", seed(), swept.snapshot());
    assert!(most > 0, "none of the kills left anything, so nothing was tested");
    let none = env.run(&["tap", "list"]).success();
    assert!(none.stderr().contains("There are no taps"), "{}", none.snapshot());
}
