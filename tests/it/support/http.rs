//! A client of the served bus that hides nothing: one connection, one request at a time, JSON in and out.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::PATIENCE;

/// A connection that is kept.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    /// Connects to `http://HOST:PORT`.
    ///
    /// # Errors
    /// Nobody listens there (any more).
    pub(crate) fn connect(url: &str) -> io::Result<Client> {
        let host = url.strip_prefix("http://").expect("the URL of a bus that is served").to_owned();
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::new(stream), host })
    }

    /// Calls an operation of SQS.
    ///
    /// # Errors
    /// The connection broke before the answer was whole: whether it was done is not known then.
    pub(crate) fn sqs(&mut self, operation: &str, input: &Value) -> io::Result<(u16, Value)> {
        let (status, body) = self.post(&format!("X-Amz-Target: AmazonSQS.{operation}\r\n"), &input.to_string())?;
        // An operation that says nothing answers with nothing, as SQS does.
        let answer = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        Ok((status, answer.map_err(io::Error::other)?))
    }

    /// Sends a form of the Query protocol.
    ///
    /// # Errors
    /// As [`Client::sqs`].
    pub(crate) fn query(&mut self, form: &[(&str, &str)]) -> io::Result<(u16, String)> {
        let encode =
            |text: &str| {
                text.bytes()
                    .map(|byte| {
                        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
                    })
                    .collect::<String>()
            };
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let (status, body) = self.post("", &form.join("&"))?;
        Ok((status, String::from_utf8(body).map_err(io::Error::other)?))
    }

    /// Asks for `target`.
    ///
    /// # Errors
    /// As [`Client::sqs`].
    pub(crate) fn get(&mut self, target: &str) -> io::Result<(u16, String)> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        let (status, body) = self.exchange(request.as_bytes())?;
        Ok((status, String::from_utf8(body).map_err(io::Error::other)?))
    }

    fn post(&mut self, headers: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let head = format!("POST / HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n", self.host, body.len());
        self.exchange(&[head.as_bytes(), body.as_bytes()].concat())
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let (mut line, mut status, mut length) = (String::new(), None, 0);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let header = line.trim_end().to_ascii_lowercase();
            match status {
                None => status = header.get(9..12).and_then(|code| code.parse().ok()),
                Some(status) if header.is_empty() => {
                    let mut body = vec![0; length];
                    self.stream.read_exact(&mut body)?;
                    return Ok((status, body));
                }
                Some(_) => {
                    if let Some(told) = header.strip_prefix("content-length: ") {
                        length = told.parse().map_err(io::Error::other)?;
                    }
                }
            }
        }
    }
}
