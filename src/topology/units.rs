//! Durations and sizes with human units, both ways. AWS counts in whole seconds and bytes.

use std::time::Duration;

use super::yaml::{Node, Value};

/// Reads `30s`, `4d`, `1h30m`; `0` needs no unit. The error is what was found and expected, and the fix.
pub(crate) fn seconds(node: &Node) -> Result<u64, (String, Option<String>)> {
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        Value::Number(n) if n.as_u64() == Some(0) => return Ok(0),
        Value::Number(n) => {
            let fix = n.as_u64().map(|n| format!("write `{}`", show_seconds(n)));
            return Err((
                format!("is the number `{n}` without a unit; expected a duration such as `30s` or `4d`"),
                fix,
            ));
        }
        _ => return Err((format!("is {}; expected a duration such as `30s` or `4d`", node.found()), None)),
    };
    if text == "0" {
        return Ok(0);
    }
    if let Ok(bare) = text.parse::<u64>() {
        let fix = Some(format!("write `{}`", show_seconds(bare)));
        return Err((format!("is `{text}` without a unit; expected a duration such as `30s` or `4d`"), fix));
    }
    let found: Duration = humantime::parse_duration(text)
        .map_err(|_| (format!("is `{text}`; expected a duration such as `30s`, `5m`, `12h` or `4d`"), None))?;
    if found.subsec_nanos() != 0 {
        let fix = Some(format!("write `{}`", show_seconds(found.as_secs().max(1))));
        return Err((format!("is `{text}`; expected whole seconds"), fix));
    }
    Ok(found.as_secs())
}

/// Reads `256KiB`, `1MiB`. The error is what was found and expected, and the fix.
pub(crate) fn bytes(node: &Node) -> Result<u64, (String, Option<String>)> {
    let bare = match &node.value {
        Value::Text(text) => match text.parse::<u64>() {
            Ok(bare) => bare,
            Err(_) => {
                return text
                    .parse::<bytesize::ByteSize>()
                    .map(|size| size.as_u64())
                    .map_err(|_| (format!("is `{text}`; expected a size such as `256KiB` or `1MiB`"), None));
            }
        },
        Value::Number(n) if n.as_u64().is_some() => n.as_u64().unwrap_or_default(),
        _ => return Err((format!("is {}; expected a size such as `256KiB` or `1MiB`", node.found()), None)),
    };
    let fix = Some(format!("write `{}`", show_bytes(bare)));
    Err((format!("is the number `{bare}` without a unit; expected a size such as `256KiB` or `1MiB`"), fix))
}

/// Seconds in the file's own spelling: `30s`, `4d`, `1h30m`.
pub fn show_seconds(seconds: u64) -> String {
    if seconds == 0 {
        return "0s".into();
    }
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

/// Bytes in the file's own spelling: `256KiB`, `1MiB`, `1500B`.
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS
        .iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
        .map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{}{unit}", bytes / size))
}
