//! Many connections at a time. Scaled down by default; `EVENTBUS_TEST_TORTURE=full` makes it ten thousand.

use std::net::TcpStream;

use serde_json::json;

use crate::support::{Client, TestEnv, binary};
use crate::torture::switch;

/// Memory of a process that is in use, in KiB.
#[cfg(target_os = "linux")]
fn resident(pid: nix::unistd::Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[test]
fn idle_connections_are_held_and_cost_little() {
    let wanted = if switch("EVENTBUS_TEST_TORTURE").as_deref() == Some("full") { 10_000 } else { 1_000 };
    // The test needs as many descriptors as the server.
    let room = eventbus::local::room_for_connections();
    assert!(room >= wanted, "the limit of open files leaves room for {room} connections: `ulimit -n {}`", wanted + 200);
    let env = TestEnv::new();
    // The server finds a low limit, as most shells have it, and raises it as far as it may.
    let script = format!("ulimit -S -n 256; exec '{}' local serve --port 0", binary().display());
    let mut server = env.script(&script).spawn();
    let url = server.wait_stdout("http://").trim().to_owned();
    let mut first = Client::connect(&url).unwrap();
    assert_eq!(first.sqs("CreateQueue", &json!({ "QueueName": "q" })).unwrap().0, 200);
    #[cfg(target_os = "linux")]
    let before = resident(server.pid());
    let mut silent: Vec<TcpStream> = Vec::new();
    let mut asked: Vec<Client> = Vec::new();
    for n in 0..wanted - 1 {
        if n % 2 == 0 {
            silent.push(TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap());
        } else {
            let mut client = Client::connect(&url).unwrap();
            assert_eq!(client.get("/_eventbus/health").unwrap().0, 200);
            asked.push(client);
        }
    }
    // All of them are there, the oldest and the newest are answered, and so is a new one.
    let last = asked.len() - 1;
    for client in [&mut first, &mut asked[0]] {
        assert_eq!(client.sqs("ListQueues", &json!({})).unwrap().0, 200);
    }
    assert_eq!(asked[last].sqs("ListQueues", &json!({})).unwrap().0, 200);
    assert_eq!(Client::connect(&url).unwrap().sqs("ListQueues", &json!({})).unwrap().0, 200);
    #[cfg(target_os = "linux")]
    {
        let each = resident(server.pid()).saturating_sub(before) / wanted as u64;
        let mut stderr = std::io::stderr();
        let told = format!("{wanted} connections: {each} KiB each, {} KiB in all\n", resident(server.pid()));
        std::io::Write::write_all(&mut stderr, told.as_bytes()).unwrap();
        assert!(each < 32, "{each} KiB for each connection");
    }
}

#[test]
fn more_connections_than_there_is_room_for_wait_their_turn() {
    let env = TestEnv::new();
    let script = format!("ulimit -n 128; exec '{}' local serve --port 0", binary().display());
    let mut server = env.script(&script).spawn();
    server.wait_stderr("only 64 connections fit at a time, because of the limit of open files");
    let url = server.wait_stdout("http://").trim().to_owned();
    let address = url.strip_prefix("http://").unwrap();
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let waiting = std::thread::spawn({
        let url = url.clone();
        move || {
            let mut client = Client::connect(&url).unwrap();
            client.sqs("CreateQueue", &json!({ "QueueName": "q" })).unwrap().0
        }
    });
    // A moment in which it would have been answered, had there been room: what is waited for here is that nothing comes.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!waiting.is_finished(), "100 of 64 connections were held");
    drop(crowd);
    assert_eq!(waiting.join().unwrap(), 200);
}
