//! Peak memory with few events and with many: it must not follow their number.
//!
//! Three sizes, since SQLite's page caches (16 MiB for each connection) fill up first, and are full after some thousand events of
//! a kibibyte. The bound is on what ten times as many take after that.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Project, Verdict, figure};

/// How much more ten times the events may take, the caches being full: the allocator's own ups and downs.
const ROOM_KIB: u64 = 8 * 1024;

/// What a publish may take at all, however long its stream.
const PUBLISH_KIB: u64 = 64 * 1024;

/// `publish` of NDJSON, then `consume --drain` of the same.
pub(crate) fn run(quick: bool) -> Verdict {
    let sizes = if quick { [100, 200, 2_000] } else { [1_000, 10_000, 100_000] };
    let [_, few, many] = sizes;
    let mut peaks = Vec::new();
    for count in sizes {
        let project = Project::new();
        let file = project.write_events(count);
        let publish = project.command(&["publish", "UserRegistered", &file, "--input", "ndjson", "-o", "ndjson"]);
        let consume = project.command(&["consume", "user_events", "--drain", "--workers", "4", "--", "true"]);
        let pair = peak_kib(publish).and_then(|publish| Some((publish, peak_kib(consume)?)));
        let Some((publish, consume)) = pair else {
            return Verdict::NotMeasured("this system has no /proc/PID/status with VmHWM".into());
        };
        figure(&format!("publish of {count} events, peak"), &format!("{publish} KiB"));
        figure(&format!("consume of {count} events, peak"), &format!("{consume} KiB"));
        peaks.push([publish, consume]);
    }
    let grown = (0..2).filter(|verb| peaks[2][*verb] > peaks[1][*verb] + ROOM_KIB).count();
    if grown == 0 && peaks[2][0] <= PUBLISH_KIB {
        Verdict::Holds
    } else if grown == 0 {
        Verdict::Broken(format!("publish took {} KiB, not {PUBLISH_KIB}", peaks[2][0]))
    } else {
        Verdict::Broken(format!("{many} events took over {ROOM_KIB} KiB more than {few}"))
    }
}

/// Runs it to its successful end and returns the most memory it ever held: the kernel keeps the peak, so that looking often is
/// only needed to look once shortly before the end.
pub(crate) fn peak_kib(mut command: Command) -> Option<u64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    loop {
        let seen = std::fs::read_to_string(&status).unwrap_or_default();
        let line = seen.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let value = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = value.or(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{command:?}: {status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
