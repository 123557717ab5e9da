//! Peak memory of `replay` and `tail` with few messages and with many, small and large ones: it must not follow their number.

use std::path::Path;
use std::process::Command;

use eventbus::bus::Outgoing;

use crate::memory::peak_kib;
use crate::sdk;
use crate::support::{Verdict, binary, figure, hermetic};

/// How much more the many may take than the few: the allocator's own ups and downs.
const ROOM_KIB: u64 = 16 * 1024;
/// The same where each body is a mebibyte, and one more on its way is sixteen times that.
const LARGE_ROOM_KIB: u64 = 48 * 1024;
/// Callers at a time that fill the queue.
const CALLERS: usize = 4;

/// A body's size, and the two numbers of messages.
struct Case {
    name: &'static str,
    bytes: usize,
    counts: [usize; 2],
    room: u64,
}

pub(crate) fn run(quick: bool) -> Verdict {
    let small = if quick { [10_000, 100_000] } else { [200_000, 1_000_000] };
    let large = if quick { [20, 60] } else { [60, 600] };
    let cases = [
        Case { name: "small messages", bytes: 200, counts: small, room: ROOM_KIB },
        Case { name: "messages of 1 MiB", bytes: 1024 * 1024, counts: large, room: LARGE_ROOM_KIB },
    ];
    let mut grown = Vec::new();
    for case in cases {
        let mut peaks: Vec<[u64; 2]> = Vec::new();
        for count in case.counts {
            let home = tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let file = home.path().join(".eventbus/bus.db");
            fill(&file, count, case.bytes);
            let all = count.to_string();
            let looked = peak_kib(command(home.path(), &["tail", "from", "--count", &all]));
            let moved = peak_kib(command(home.path(), &["replay", "from", "--to", "queue:to", "--yes"]));
            let (Some(looked), Some(moved)) = (looked, moved) else {
                return Verdict::NotMeasured("this system has no /proc/PID/status with VmHWM".into());
            };
            figure(&format!("tail of {count} {}, peak", case.name), &format!("{looked} KiB"));
            figure(&format!("replay of {count} {}, peak", case.name), &format!("{moved} KiB"));
            peaks.push([looked, moved]);
        }
        for (verb, name) in ["tail", "replay"].into_iter().enumerate() {
            if peaks[1][verb] > peaks[0][verb] + case.room {
                let (few, many) = (peaks[0][verb], peaks[1][verb]);
                grown.push(format!("{name} of {}: {many} KiB, not {few} and {} at most", case.name, case.room));
            }
        }
    }
    if grown.is_empty() { Verdict::Holds } else { Verdict::Broken(grown.join("; ")) }
}

fn fill(file: &Path, count: usize, bytes: usize) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    sdk::runtime().block_on(async {
        let bus = sdk::embedded(file).await;
        for name in ["from", "to"] {
            bus.create_queue(name, &Default::default(), &Default::default()).await.unwrap();
        }
        let message = move |number: usize| {
            let begin = format!(r#"{{"metadata":{{"eventName":"E","entityId":"{number:08}"}},"payload":{{"note":""#);
            let body = format!("{begin}{}\"}}}}", "x".repeat(bytes - begin.len() - 3));
            Outgoing { body, ..Outgoing::default() }
        };
        sdk::send(&bus, &bus.queue("from").await.unwrap(), count, CALLERS, message).await;
    });
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    hermetic(&mut command, home);
    command.args(args).current_dir(home);
    command
}
