//! A bus without its own ways to look into it: what it is served on, but for the developer endpoints, as AWS has none.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// What a veiled endpoint answers of the developer endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Veil {
    /// None.
    All,
    /// Those of LocalStack.
    LocalStack,
}

/// Starts a proxy in front of the bus at `url` and returns its URL. It ends with the test process.
pub(crate) fn veiled(url: &str, veil: Veil) -> String {
    let target = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let target = target.clone();
            std::thread::spawn(move || pass(client, &target, veil));
        }
    });
    own
}

/// One connection: its first request decides whether it is passed on.
fn pass(mut client: TcpStream, target: &str, veil: Veil) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n") {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let line = String::from_utf8_lossy(&head).into_owned();
    let path = line.split(' ').nth(1).unwrap_or_default();
    if path.starts_with("/_eventbus/") || path.starts_with("/_localstack/") {
        // All of it is read, so that nothing is left to break the connection by.
        let mut tail = Vec::new();
        while !tail.ends_with(b"\r\n\r\n") && !tail.ends_with(b"\n\r\n") {
            match client.read(&mut byte) {
                Ok(1) => tail.push(byte[0]),
                _ => return,
            }
        }
        let known = veil == Veil::LocalStack && path == "/_localstack/health";
        let (status, body) = if known {
            ("200 OK", r#"{"services": {"sns": "running", "sqs": "running"}}"#)
        } else {
            ("404 Not Found", "")
        };
        let _ =
            write!(client, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        return;
    }
    let Ok(mut server) = TcpStream::connect(target) else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    if server.write_all(&head).is_err() {
        return;
    }
    let (Ok(mut from), Ok(mut to)) = (client.try_clone(), server.try_clone()) else { return };
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(std::net::Shutdown::Both);
}
