//! The values of `consume`'s flags that have a language of their own.

use std::time::Duration;

use crate::commands::duration;
use crate::engine::consume::{OrderBy, PauseAfter, Rate};

/// `EVENT=CMD`.
pub(super) fn on(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((pattern, line)) if !pattern.trim().is_empty() && !line.trim().is_empty() => {
            Ok((pattern.trim().to_owned(), line.to_owned()))
        }
        _ => Err("expected `EVENT=CMD`, such as `UserRegistered=./welcome.sh`".into()),
    }
}

/// From one event to the next.
const SLOWEST: Duration = Duration::from_secs(24 * 3600);

/// `10/s`, `10/m`, `10/h`; a bare number is per second.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || "expected something like `10/s`, `30/m` or `100/h`".to_owned();
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let unit = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    if !number.is_finite() || number <= 0.0 {
        return Err(wrong());
    }
    match Duration::try_from_secs_f64(unit / number) {
        Ok(interval) if interval <= SLOWEST => Ok(Rate { interval }),
        _ => Err("slower than one a day is no rate".into()),
    }
}

/// `20 failures in 1m`.
pub(super) fn pause_after(text: &str) -> Result<PauseAfter, String> {
    let wrong = || "expected something like `20 failures in 1m`".to_owned();
    let words: Vec<&str> = text.split_whitespace().collect();
    let (number, time) = match words[..] {
        [number, "failures" | "failure", "in", time] | [number, "in", time] => (number, time),
        _ => return Err(wrong()),
    };
    let failures: usize = number.parse().map_err(|_| wrong())?;
    if !(1..=1_000_000).contains(&failures) {
        return Err(wrong());
    }
    Ok(PauseAfter { failures, window: duration(time)? })
}

/// `64MiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let wrong = || "expected something like `64MiB`".to_owned();
    let size: bytesize::ByteSize = text.parse().map_err(|_| wrong())?;
    match usize::try_from(size.as_u64()) {
        Ok(size) if size > 0 => Ok(size),
        _ => Err(wrong()),
    }
}

/// `entity_id`, or a JSON pointer into the payload.
pub(super) fn order_by(text: &str) -> Result<OrderBy, String> {
    match text {
        "entity_id" => Ok(OrderBy::EntityId),
        pointer if pointer.starts_with('/') && pointer.len() > 1 => Ok(OrderBy::Payload(pointer.to_owned())),
        _ => Err("expected `entity_id`, or a JSON pointer into the payload such as `/Order/Id`".into()),
    }
}

/// `127.0.0.1:9464`, `:9464` or `9464`; without a host it is the loopback address.
pub(super) fn address(text: &str) -> Result<std::net::SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(([127, 0, 0, 1], port).into());
    }
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "expected an address and a port, such as `127.0.0.1:9464`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_and_what_does_not() {
        assert_eq!(on("User*=./a.sh x=1"), Ok(("User*".into(), "./a.sh x=1".into())));
        assert!(["", "A", "=x", "A=", " =x"].iter().all(|text| on(text).is_err()));
        assert_eq!(rate("4/s").map(|rate| rate.interval), Ok(Duration::from_millis(250)));
        assert_eq!(rate("30/m").map(|rate| rate.interval), Ok(Duration::from_secs(2)));
        assert_eq!(rate("10").map(|rate| rate.interval), Ok(Duration::from_millis(100)));
        assert!(["", "0", "-1", "1/d", "x/s", "inf", "NaN", "1e-300"].iter().all(|text| rate(text).is_err()));
        let minute = Duration::from_secs(60);
        assert_eq!(pause_after("20 failures in 1m"), Ok(PauseAfter { failures: 20, window: minute }));
        assert_eq!(pause_after("1 in 60s"), Ok(PauseAfter { failures: 1, window: minute }));
        assert!(["", "20", "0 in 1m", "20 failures", "20 in 0s"].iter().all(|text| pause_after(text).is_err()));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert!(["", "0", "much"].iter().all(|text| size(text).is_err()));
        assert_eq!(order_by("/a/b"), Ok(OrderBy::Payload("/a/b".into())));
        assert!(order_by("name").is_err() && order_by("/").is_err());
        let shown = |text| address(text).map(|address| address.to_string());
        assert_eq!(shown("9464"), Ok("127.0.0.1:9464".into()));
        assert_eq!(shown(":0"), Ok("127.0.0.1:0".into()));
        assert_eq!(shown("localhost:1"), Ok("127.0.0.1:1".into()));
        assert_eq!(shown("[::1]:9"), Ok("[::1]:9".into()));
        assert!(address("here").is_err() && address("1.2.3.4").is_err());
    }
}
