//! `init` and `demo`: a project to start from, and the whole road in it.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::TestEnv;

#[test]
fn init_writes_five_files_with_which_the_four_verbs_work() {
    let env = TestEnv::new();
    let _wrote = env.run(&["init", "--yes"]).success();
    for file in ["eventbus.yaml", "topology.yaml", "schemas/UserRegistered.json", "payload.json", "handler.sh"] {
        assert!(env.path(file).is_file(), "{file} is missing");
    }
    let _made = env.run(&["provision", "topology.yaml", "--yes"]).success();
    let _sent = env.run(&["publish", "UserRegistered", "payload.json"]).success();
    let seen = env.run(&["tail", "user_events", "--count", "1", "-o", "ndjson"]).success();
    assert_eq!(seen.ndjson()[0]["event"]["metadata"]["eventName"], "UserRegistered");
    let handled = env.run(&["consume", "--exec", "./handler.sh", "--count", "1"]).success();
    assert!(handled.stdout().contains("ada@example.com"), "{}", handled.snapshot());
}

#[test]
fn init_overwrites_nothing() {
    let env = TestEnv::new();
    env.write("payload.json", "mine");
    let refused = env.run(&["init", "--yes"]).expect_code(1);
    assert!(refused.stderr().contains("`payload.json` already exists"), "{}", refused.snapshot());
    assert_eq!(env.read("payload.json"), "mine");
    assert!(!env.path("eventbus.yaml").exists(), "half a project was left behind");
}

#[test]
fn init_without_a_terminal_names_the_flag() {
    let env = TestEnv::new();
    let refused = env.run(&["init"]).expect_code(2);
    assert!(refused.stderr().contains("--yes"), "{}", refused.snapshot());
    assert_eq!(fs::read_dir(env.project()).unwrap().count(), 0);
}

#[test]
fn only_a_whole_yes_is_one() {
    for (typed, code) in [("maybe\n", 1), ("\n", 1), ("\u{4}", 1), ("y\n", 0), ("YES\n", 0)] {
        let env = TestEnv::new();
        let asked = env.command(&["init"]).on_terminal().stdin(typed).run().expect_code(code);
        assert_eq!(env.path("eventbus.yaml").exists(), code == 0, "{typed:?}: {}", asked.snapshot());
    }
}

#[test]
fn the_demo_walks_the_whole_road_and_leaves_nothing() {
    let env = TestEnv::new();
    let shown = env.command(&["demo"]).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").run().success();
    let text = shown.stdout();
    for command in ["init", "provision", "publish", "explain", "tail", "consume", "replay"] {
        assert!(text.contains(&format!("$ eventbus {command}")), "no {command} in {}", shown.snapshot());
    }
    // The handlers really ran, and the third event came back from the dead letters with its second receive.
    for name in ["ada@example.com", "grace@example.com", "alan@example.com"] {
        assert!(text.contains(name), "{name} was not handled: {}", shown.snapshot());
    }
    assert!(shown.stderr().contains("/emial"), "the refusal does not name the place: {}", shown.snapshot());
    assert_eq!(fs::read_dir(env.project().parent().unwrap().join("tmp")).unwrap().count(), 0, "the folder was left");
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing_either() {
    let env = TestEnv::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut demo = env.command(&["demo"]).spawn();
        demo.wait_stdout("$ eventbus publish");
        demo.signal(signal);
        let _ended = demo.wait().expect_code(128 + signal as i32);
        assert_eq!(
            fs::read_dir(env.project().parent().unwrap().join("tmp")).unwrap().count(),
            0,
            "the folder was left"
        );
    }
}

#[test]
fn the_demo_keeps_its_folder_when_asked() {
    let env = TestEnv::new();
    let _shown = env.run(&["demo", "--dir", "kept"]).success();
    assert!(env.path("kept/.eventbus/bus.db").is_file());
    let again = env.run(&["demo", "--dir", "kept"]).expect_code(1);
    assert!(again.stderr().contains("does not exist yet"), "{}", again.snapshot());
}
