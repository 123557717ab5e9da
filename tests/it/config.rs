//! Which bus a run talks to, and how wrong settings are told.

use insta::assert_snapshot;

use crate::support::TestEnv;

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_likely_one() {
    let env = TestEnv::new();
    env.write("eventbus.yaml", "publisher: UserService\ntopolgy: topology.yaml\n");
    assert_snapshot!(env.run(&["tail", "user_events"]).expect_code(2).snapshot(), @r"
    exit 2
    --- stdout: nothing
    --- stderr
    error: [PROJECT]/eventbus.yaml:2:1: unknown key `topolgy`; expected one of `publisher`, `topology`, `schemas`, `envelope`, `require_schema`, `consume`, `handlers`, `publish`, `context` and `contexts`
    hint: did you mean `topology`?
    ");
}

#[test]
fn the_settings_and_their_sources_can_be_shown() {
    let env = TestEnv::new();
    env.write(
        "eventbus.yaml",
        "publisher: UserService\nenvelope: snake\ncontexts:\n  prod: { kind: aws, region: eu-west-1 }\n",
    );
    let shown =
        env.command(&["tail", "user_events", "--show-settings"]).dir("below").env("EVENTBUS_CONTEXT", "prod").run();
    assert_snapshot!(shown.success().snapshot(), @r"
    exit 0
    --- stdout
    config = [PROJECT]/eventbus.yaml  (searched upwards)
    context = prod  (env EVENTBUS_CONTEXT)
    bus = aws region eu-west-1  (env EVENTBUS_CONTEXT)
    protected = false  (env EVENTBUS_CONTEXT)
    publisher = UserService  ([PROJECT]/eventbus.yaml)
    topology = [PROJECT]/topology.yaml  (default)
    schemas = [PROJECT]/schemas  (default)
    envelope = snake  ([PROJECT]/eventbus.yaml)
    require_schema = false  (default, or the file)
    consume.queue = none  (default)
    consume.timeout = none  (default)
    publish.before = none  (default, or the file)
    publish.after = none  (default, or the file)
    --- stderr: nothing
    ");
}

#[test]
fn each_run_says_which_bus_it_talks_to_and_quiet_drops_it() {
    let env = TestEnv::new();
    let _made = env.run(&["init", "--yes"]).success();
    let _made = env.run(&["provision", "--yes"]).success();
    let said = env.command(&["tail", "user_events", "--idle", "1ms"]).env("AWS_PROFILE", "prod").run().success();
    assert_snapshot!(said.snapshot(), @r"
    exit 0
    --- stdout: nothing
    --- stderr
    note: bus `local`: embedded, .eventbus/bus.db
    note: AWS_PROFILE is `prod`, but this is the embedded bus; add `--profile prod` to use AWS
    note: looking into `user_events` without receiving: nothing is changed
    Showed 0 messages
    ");
    let quiet = env.run(&["tail", "user_events", "--idle", "1ms", "--quiet"]).success();
    assert_eq!(quiet.stderr(), "");
}

#[test]
fn a_verb_that_only_uses_a_bus_makes_none() {
    let env = TestEnv::new();
    for args in [&["tail", "users"][..], &["consume", "users", "--exec", "true"], &["replay", "users", "--yes"]] {
        let refused = env.run(args).expect_code(1);
        assert!(refused.stderr().contains("there is no bus here yet"), "{}", refused.snapshot());
        assert!(refused.stderr().contains("`eventbus init`"), "{}", refused.snapshot());
    }
    assert_eq!(std::fs::read_dir(env.project()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn a_hint_pasted_reaches_the_same_bus() {
    let env = TestEnv::new();
    let server = env.serve();
    let url = &server.url;
    let refused = env.run(&["tail", "nowhere", "--endpoint-url", url]).expect_code(1);
    assert!(refused.stderr().contains(&format!("`eventbus --endpoint-url {url} provision")), "{}", refused.snapshot());
}

#[test]
fn an_endpoint_is_chosen_by_flag_or_variable_and_never_by_a_profile_alone() {
    let env = TestEnv::new();
    let asked = |args: &[&str], name: &str, value: &str| {
        let shown = env.command(&[args, &["--show-settings"]].concat()).env(name, value).run().success();
        shown.stdout().lines().find(|line| line.starts_with("bus = ")).unwrap().to_owned()
    };
    assert!(asked(&["tail", "q"], "AWS_PROFILE", "prod").starts_with("bus = embedded"));
    assert!(
        asked(&["tail", "q"], "AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .starts_with("bus = endpoint http://127.0.0.1:1")
    );
    assert!(asked(&["tail", "q", "--region", "eu-west-1"], "X", "y").starts_with("bus = aws region eu-west-1"));
}

#[test]
fn an_endpoint_of_the_aws_configuration_is_said_and_must_be_one_for_both() {
    let env = TestEnv::new().with_env("AWS_ACCESS_KEY_ID", "test").with_env("AWS_SECRET_ACCESS_KEY", "test");
    env.write("eventbus.yaml", "contexts:\n  prod: { kind: aws, region: eu-west-1 }\n");
    // Nothing listens on port 1.
    env.write(
        "aws-config",
        "[profile stack]\nregion = eu-west-1\nservices = here\n[services here]\nsns =\n  endpoint_url = http://127.0.0.1:1\n\
         sqs =\n  endpoint_url = http://127.0.0.1:1\n",
    );
    let by_profile =
        env.command(&["tail", "users", "--profile", "stack"]).env("AWS_CONFIG_FILE", env.path("aws-config"));
    let by_profile = by_profile.run().expect_code(1);
    let told = by_profile.stderr();
    assert!(told.contains("bus `ad hoc`: endpoint http://127.0.0.1:1, profile stack"), "{told}");

    let tail = ["tail", "users", "--context", "prod"];
    let by_env = env.command(&tail).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").run().expect_code(1);
    let told = by_env.stderr();
    assert!(told.contains("bus `prod`: endpoint http://127.0.0.1:1, region eu-west-1"), "{told}");

    let torn = env.command(&tail).env("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1").run().expect_code(1);
    let told = torn.stderr();
    assert!(told.contains("sends SNS to AWS and SQS to `http://127.0.0.1:1`, expected one place for both"), "{told}");
}
