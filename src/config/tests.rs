use super::*;

fn dir(yaml: Option<&str>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    if let Some(yaml) = yaml {
        std::fs::write(dir.path().join(FILE_NAME), yaml).unwrap();
    }
    dir
}

const TWO: &str = "contexts:\n  local: { kind: local, path: bus/here.db }\n  prod: { kind: aws, region: eu-west-1, protected: true }\n";

fn target(flags: &Overrides, env: &Env, yaml: Option<&str>) -> Result<Context, CliError> {
    let dir = dir(yaml);
    Config::resolve(flags, env, dir.path()).map(|config| config.context.value)
}

#[test]
fn with_nothing_said_the_bus_is_local_and_relative_to_the_file() {
    let dir = dir(Some(TWO));
    let below = dir.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    let config = Config::resolve(&Overrides::default(), &Env::default(), &below).unwrap();
    assert_eq!(config.context.value.target, Target::Local { path: dir.path().join("bus/here.db") });
    assert_eq!(config.topology.value, dir.path().join("topology.yaml"));

    let alone = tempfile::tempdir().unwrap();
    let config = Config::resolve(&Overrides::default(), &Env::default(), alone.path()).unwrap();
    assert_eq!(config.context.value.target, Target::Local { path: alone.path().join(DEFAULT_BUS) });
}

#[test]
fn flag_beats_env_beats_file() {
    let yaml = format!("context: prod\n{TWO}");
    let env = Env { context: Some("local".into()), ..Env::default() };
    let flag = Overrides { context: Some("prod".into()), ..Overrides::default() };
    assert_eq!(target(&Overrides::default(), &Env::default(), Some(&yaml)).unwrap().name.as_deref(), Some("prod"));
    assert_eq!(target(&Overrides::default(), &env, Some(&yaml)).unwrap().name.as_deref(), Some("local"));
    assert_eq!(target(&flag, &env, Some(&yaml)).unwrap().name.as_deref(), Some("prod"));
}

#[test]
fn aws_profile_alone_never_leaves_the_machine() {
    let env = Env { aws_profile: Some("prod".into()), has_credentials: true, ..Env::default() };
    let dir = dir(None);
    let config = Config::resolve(&Overrides::default(), &env, dir.path()).unwrap();
    assert!(matches!(config.context.value.target, Target::Local { .. }));
    assert_eq!(config.stray_profile.as_deref(), Some("prod"));
}

#[test]
fn a_loopback_endpoint_needs_no_account() {
    let env = Env { aws_endpoint_url: Some("http://127.0.0.1:4566".into()), ..Env::default() };
    let context = target(&Overrides::default(), &env, Some(TWO)).unwrap();
    let Target::Aws(aws) = &context.target else { panic!("{context:?}") };
    assert!(aws.test_credentials);
    assert_eq!(aws.region.as_deref(), Some("us-east-1"));
    assert!(!context.protected);
}

#[test]
fn an_endpoint_that_the_aws_configuration_names_is_said_and_decides_what_is_protected() {
    let flags = Overrides { profile: Some("stack".into()), ..Overrides::default() };
    for (url, protected) in
        [(None, true), (Some("http://127.0.0.1:4566"), false), (Some("https://sqs.example.com"), true)]
    {
        let mut context = target(&flags, &Env::default(), None).unwrap();
        context.answered_at(url);
        assert_eq!(
            (context.protected, context.describe().starts_with("endpoint ")),
            (protected, url.is_some()),
            "{url:?}"
        );
    }
    let flags = Overrides { context: Some("prod".into()), ..Overrides::default() };
    let mut named = target(&flags, &Env::default(), Some(TWO)).unwrap();
    named.answered_at(Some("http://127.0.0.1:4566"));
    assert!(named.protected, "what the file says stays");
    assert_eq!(named.describe(), "endpoint http://127.0.0.1:4566, region eu-west-1");
}

#[test]
fn an_endpoint_elsewhere_is_protected_and_keeps_its_credentials() {
    let flags = Overrides { endpoint_url: Some("https://sqs.example.com".into()), ..Overrides::default() };
    let context = target(&flags, &Env::default(), None).unwrap();
    let Target::Aws(aws) = &context.target else { panic!("{context:?}") };
    assert!(!aws.test_credentials && context.protected);
    assert_eq!(aws.region, None);
}

#[test]
fn a_local_context_and_aws_flags_contradict_each_other() {
    let flags = Overrides { context: Some("local".into()), region: Some("eu-west-1".into()), ..Overrides::default() };
    assert!(target(&flags, &Env::default(), Some(TWO)).unwrap_err().message.contains("embedded bus"));
}

#[test]
fn an_unknown_context_names_the_known_ones() {
    let flags = Overrides { context: Some("prd".into()), ..Overrides::default() };
    let error = target(&flags, &Env::default(), Some(TWO)).unwrap_err();
    assert!(error.message.contains("`local` and `prod`"), "{}", error.message);
    assert_eq!(error.hints, ["did you mean `prod`?"]);
}

#[test]
fn loopback_is_recognised_by_address_not_by_prefix() {
    for yes in ["http://127.0.0.1:1", "http://localhost:4566/x", "http://[::1]:80", "http://sqs.localhost:1"] {
        assert!(is_loopback(yes), "{yes}");
    }
    for no in ["http://127.0.0.1.example.com", "https://sqs.eu-west-1.amazonaws.com", "http://10.0.0.1", "nonsense"] {
        assert!(!is_loopback(no), "{no}");
    }
}

#[test]
fn passwords_in_an_endpoint_are_not_printed() {
    assert_eq!(redact_userinfo("http://me:secret@host:1/x"), "http://***@host:1/x");
}
