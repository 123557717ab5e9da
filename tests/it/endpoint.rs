//! `local serve` as others reach it: who is let in, with which key, and what happens when the file goes away.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{Running, TestEnv};

/// Everything the server answers to a request for the list of queues with these headers.
fn list(url: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(url.trim().strip_prefix("http://").unwrap()).unwrap();
    let request = format!("GET /?Action=ListQueues&Version=2012-11-05 HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn serve(env: &TestEnv, more: &[&str]) -> (Running, String) {
    let mut server = env.command(&[&["local", "serve", "--port", "0"], more].concat()).spawn();
    let url = server.wait_stdout("http://");
    (server, url)
}

#[test]
fn names_and_origins_are_answered_when_they_are_allowed() {
    let env = TestEnv::new();
    let (_server, url) = serve(&env, &["--allow-host", "bus", "--allow-origin", "http://localhost:3000/"]);
    assert!(list(&url, "Host: bus:4566\r\n").starts_with("HTTP/1.1 200 "));
    let page = list(&url, "Host: bus\r\nOrigin: http://localhost:3000\r\n");
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.contains("access-control-allow-origin: http://localhost:3000\r\n")
    );
    let stranger = list(&url, "Host: other\r\n");
    assert!(stranger.starts_with("HTTP/1.1 403 ") && stranger.contains("`--allow-host NAME`"), "{stranger}");
    let page = list(&url, "Host: bus\r\nOrigin: https://evil.example\r\n");
    assert!(page.starts_with("HTTP/1.1 403 ") && page.contains("`--allow-origin ORIGIN`"), "{page}");
    for wrong in [["--allow-host", "bus:4566"], ["--allow-origin", "localhost:3000"], ["--allow-origin", "http://*"]] {
        let refused = env.run(&["local", "serve", wrong[0], wrong[1]]).expect_code(2);
        assert!(refused.stderr().contains("such as `"), "{}", refused.snapshot());
    }
}

#[test]
fn a_credentials_file_is_used_when_only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = TestEnv::new();
    let file = env.write("key.ini", "[bus]\naws_access_key_id = 123456789012\naws_secret_access_key = hidden/secret\n");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    let args = ["local", "serve", "--port", "0", "--credentials-file", "key.ini"];
    mode(0o644);
    let refused = env.run(&args).expect_code(2);
    assert!(refused.stderr().contains("everybody on this machine may read"), "{}", refused.snapshot());
    assert!(refused.stderr().contains("`chmod 600 "), "{}", refused.snapshot());
    mode(0o600);
    let (server, url) = serve(&env, &args[4..]);
    let refused = list(&url, "Host: localhost\r\n");
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("MissingAuthenticationToken"), "{refused}");
    // This very program is a client that signs.
    let ours = |secret: &str| {
        env.command(&["provision", "topology.yaml", "--yes", "--endpoint-url", url.trim(), "--region", "eu-west-1"])
            .env("AWS_ACCESS_KEY_ID", "123456789012")
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .run()
    };
    env.write("topology.yaml", "version: 1\nname: t\ntopics: { users: {} }\nqueues: { events: {} }\n");
    let port = url.trim().rsplit(':').next().unwrap();
    let shell = env.run(&["local", "env", "--port", port]).success();
    assert!(shell.stderr().contains("wants its own key") && !shell.stdout().contains("AWS_ACCESS_KEY_ID"));
    let made = ours("hidden/secret").success();
    assert!(!made.stderr().contains("hidden"), "{}", made.snapshot());
    let _refused = ours("another").expect_code(5);
    let output = server.kill();
    assert!(!output.stderr().contains("hidden"), "{}", output.snapshot());
    for wrong in ["", "only an id\n", "[bus]\naws_access_key_id = 1\n"] {
        env.write("key.ini", wrong);
        mode(0o600);
        let refused = env.run(&args).expect_code(2);
        assert!(refused.stderr().contains("holds no key") && refused.stderr().contains("aws_secret_access_key = "));
    }
    let missing = env.run(&["local", "serve", "--credentials-file", "none.ini"]).expect_code(2);
    assert!(missing.stderr().contains("none.ini cannot be read"), "{}", missing.snapshot());
}

#[test]
fn a_server_whose_file_is_taken_away_ends_and_says_why() {
    let env = TestEnv::new();
    let (server, url) = serve(&env, &[]);
    assert!(list(&url, "Host: localhost\r\n").starts_with("HTTP/1.1 200 "));
    std::fs::remove_dir_all(env.path(".eventbus")).unwrap();
    let ended = server.wait().expect_code(1);
    assert!(ended.stderr().contains("bus.db` was deleted while the bus had it open"), "{}", ended.snapshot());
    assert!(ended.stderr().contains("eventbus local reset"), "{}", ended.snapshot());
    assert!(!env.path(".eventbus").exists());
}

#[test]
fn a_port_that_is_taken_is_said_with_who_has_it_and_nothing_is_made() {
    let env = TestEnv::new();
    let server = env.serve();
    let port = server.url.rsplit(':').next().unwrap();
    let other = TestEnv::new();
    let refused = other.run(&["local", "serve", "--port", port]).expect_code(1);
    let hint = format!("`eval \"$(eventbus local env --port {port})\"`");
    assert!(refused.stderr().contains(&hint), "{}", refused.snapshot());
    assert!(!other.path(".eventbus").exists());
}

#[test]
fn env_speaks_fish() {
    let env = TestEnv::new();
    let (_server, url) = serve(&env, &[]);
    let port = url.trim().rsplit(':').next().unwrap().to_owned();
    let fish = env.run(&["local", "env", "--port", &port, "--shell", "fish"]).success();
    assert!(
        fish.stdout().starts_with(&format!("set -gx AWS_ENDPOINT_URL http://127.0.0.1:{port}\n")),
        "{}",
        fish.snapshot()
    );
    assert!(fish.stdout().ends_with("AWS_ENDPOINT_URL_STS\n") && fish.stdout().contains("\nset -e AWS_PROFILE "));
    let bash = env.run(&["local", "env", "--port", &port, "--shell", "bash"]).success();
    assert_eq!(bash.stdout(), env.run(&["local", "env", "--port", &port]).success().stdout());
}
