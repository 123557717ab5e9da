//! Recordings written, killed, appended to, rotated, edited and read again.

use std::fs;
use std::ops::ControlFlow;
use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::event::{Attribute, AttributeValue, Attributes, Record, SystemRecord};

fn record(n: u32) -> Record {
    let body = format!("message {n} \u{1}\"quoted\" é");
    let binary = Attribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 255, n as u8]) };
    let attributes: Attributes =
        [("raw".to_owned(), binary), ("n".to_owned(), Attribute::number(n.to_string()))].into();
    let sent_at = Some(format!("2026-11-23T08:{:02}:{:02}.000Z", n / 60 % 60, n % 60));
    Record::new(body, attributes, SystemRecord { id: format!("m{n}"), sent_at, ..SystemRecord::default() })
}

fn clock() -> Clock {
    Clock::manual(1_700_000_000_000)
}

fn open(path: &std::path::Path) -> (Writer, Opened) {
    Writer::open(path, Rotation::default(), clock()).unwrap()
}

fn write(path: &std::path::Path, numbers: std::ops::Range<u32>, block: u32) -> Written {
    let (mut writer, _) = open(path);
    for n in numbers {
        writer.push(&record(n)).unwrap();
        if n % block == block - 1 {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap()
}

fn all(path: &std::path::Path, window: Window) -> (Vec<Record>, Reading) {
    let mut found = Vec::new();
    let reading = read(path, window, &mut |record| {
        found.push(record);
        ControlFlow::Continue(())
    });
    (found, reading.unwrap())
}

fn numbers(range: std::ops::Range<u32>) -> Vec<Record> {
    range.map(record).collect()
}

#[test]
fn what_is_written_is_read_to_the_last_byte_and_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.ndjson", "a.ndjson.zst"] {
        let path = folder.path().join(name);
        assert_eq!(write(&path, 0..25, 10).records, 25);
        assert_eq!(write(&path, 25..40, 10).records, 15);
        let (found, reading) = all(&path, Window::default());
        assert_eq!(found, numbers(0..40), "{name}");
        assert_eq!((reading.records, reading.changed, reading.is_cut), (40, 0, false), "{name}");
    }
    let plain = fs::read(folder.path().join("a.ndjson")).unwrap();
    let unpacked = zstd::decode_all(fs::File::open(folder.path().join("a.ndjson.zst")).unwrap()).unwrap();
    assert_eq!(plain, unpacked, "what `zstd -dc` says is what `cat` says");
}

#[test]
fn wherever_the_writer_is_killed_what_was_flushed_is_read_and_the_next_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["k.ndjson", "k.ndjson.zst"] {
        let whole = folder.path().join(name);
        write(&whole, 0..6, 2);
        let bytes = fs::read(&whole).unwrap();
        let index = fs::read(index::path_of(&whole)).unwrap();
        for cut in 0..bytes.len() {
            let path = folder.path().join(format!("cut-{name}"));
            fs::write(&path, &bytes[..cut]).unwrap();
            fs::write(index::path_of(&path), &index).unwrap();
            let (found, _) = all(&path, Window::default());
            assert_eq!(found, numbers(0..found.len() as u32), "{name} cut at {cut}");
            let (writer, opened) = open(&path);
            assert!(opened.kept + opened.cut >= cut as u64);
            writer.finish().unwrap();
            let (before, _) = all(&path, Window::default());
            assert_eq!(before.len() >= found.len(), !name.ends_with("zst") || before.len() == found.len());
            write(&path, before.len() as u32..10, 3);
            let (found, reading) = all(&path, Window::default());
            assert_eq!(found, numbers(0..10), "{name} cut at {cut} and written on");
            assert_eq!((reading.changed, reading.is_cut, reading.bad_lines), (0, false, 0), "{name} cut at {cut}");
        }
    }
}

#[test]
fn the_index_passes_by_what_lies_in_other_times_and_is_not_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.ndjson.zst");
    write(&path, 0..100, 10);
    let window = Window {
        since: Some("2026-11-23T08:00:55Z".parse().unwrap()),
        until: Some("2026-11-23T08:01:05Z".parse().unwrap()),
    };
    let (found, reading) = all(&path, window);
    assert_eq!((found, reading.passed_by), (numbers(50..70), 80));
    fs::remove_file(index::path_of(&path)).unwrap();
    let (found, reading) = all(&path, window);
    assert_eq!((found.len(), reading.passed_by), (100, 0));
    // Written on without its beginning in the index.
    write(&path, 100..110, 10);
    assert_eq!(all(&path, Window::default()).0, numbers(0..110));
}

#[test]
fn a_changed_block_is_noticed_and_a_foreign_file_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.ndjson");
    write(&path, 0..20, 10);
    let text = fs::read_to_string(&path).unwrap().replace("message 3", "massage 3");
    fs::write(&path, &text).unwrap();
    let (found, reading) = all(&path, Window::default());
    assert_eq!((found.len(), reading.changed), (20, 1));
    fs::write(&path, text.replacen('{', "#", 2)).unwrap();
    let refused = read(&path, Window::default(), &mut |_| ControlFlow::Continue(()));
    assert!(refused.unwrap_err().to_string().contains("is no recording: line 1"));
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "dear diary\n").unwrap();
    assert!(matches!(Writer::open(&notes, Rotation::default(), clock()), Err(RecordingError::Foreign { .. })));
    assert_eq!(fs::read_to_string(&notes).unwrap(), "dear diary\n");
    let fake = folder.path().join("fake.zst");
    fs::write(&fake, "{}\n{}\n").unwrap();
    assert!(matches!(Writer::open(&fake, Rotation::default(), clock()), Err(RecordingError::Foreign { .. })));
}

#[test]
fn a_record_without_the_end_of_its_line_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.ndjson");
    fs::write(&path, record(0).to_line()).unwrap();
    write(&path, 1..3, 1);
    assert_eq!(all(&path, Window::default()).0, numbers(0..3));
}

#[test]
fn two_do_not_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.ndjson");
    let (_writer, _) = open(&path);
    assert!(matches!(Writer::open(&path, Rotation::default(), clock()), Err(RecordingError::Busy { .. })));
}

#[test]
fn a_writer_that_failed_says_of_nothing_more_that_it_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["full.ndjson", "full.ndjson.zst"] {
        let path = folder.path().join(name);
        let (mut writer, _) = open(&path);
        writer.break_file();
        writer.push(&record(0)).unwrap();
        let refused = writer.flush().unwrap_err();
        // What was pushed is lost, and trying again does not make it safe.
        assert!(writer.flush().is_err() && writer.sync().is_err() && writer.push(&record(1)).is_err(), "{name}");
        assert_eq!(writer.finish().unwrap_err().kind(), refused.kind());
    }
}

#[test]
fn nobody_else_may_read_a_recording() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.ndjson");
    write(&path, 0..2, 1);
    for file in [path.clone(), index::path_of(&path)] {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_recording_is_read_ahead_line_by_line_and_a_torn_block_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson.zst");
    write(&path, 0..2_000, 50);
    let bytes = fs::read(&path).unwrap();
    for (cut, whole) in [(0, 2_000), (3, 1_950)] {
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let ahead = Ahead::start(path.clone(), Window::default()).unwrap();
        let mut seen = Vec::new();
        let end = loop {
            let read = ahead.read().await;
            assert!(read.lines.len() <= 512, "so many wait at most");
            seen.extend(read.lines);
            if let Some(end) = read.end {
                break end.unwrap();
            }
        };
        assert!(seen.iter().enumerate().all(|(at, line)| line.number == at as u64 + 1));
        let records: Vec<Record> = seen.iter().filter_map(|line| line.record.clone().ok()).collect();
        assert!(records.len() >= whole && records == numbers(0..records.len() as u32));
        assert_eq!((end.is_cut, seen.last().unwrap().record.is_err()), (cut > 0, cut > 0));
    }
    // Who does not want the rest does not wait for it.
    drop(Ahead::start(path, Window::default()).unwrap());
}

#[test]
fn files_are_put_aside_by_size_and_by_age_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.ndjson.zst");
    let clock = clock();
    let by_size = Rotation { bytes: Some(300), age: None };
    let (mut writer, _) = Writer::open(&path, by_size, clock.clone()).unwrap();
    for n in 0..30 {
        writer.push(&record(n)).unwrap();
        writer.flush().unwrap();
    }
    let written = writer.finish().unwrap();
    assert!(written.rotated.len() > 3 && written.rotated[0].ends_with("r.0001.ndjson.zst"), "{:?}", written.rotated);
    let mut found = Vec::new();
    for file in written.rotated.iter().chain([&path]) {
        found.extend(all(file, Window::default()).0);
    }
    assert_eq!(found, numbers(0..30));

    let path = folder.path().join("age.ndjson");
    let by_age = Rotation { bytes: None, age: Some(Duration::from_secs(60)) };
    let (mut writer, _) = Writer::open(&path, by_age, clock.clone()).unwrap();
    for n in 0..3 {
        writer.push(&record(n)).unwrap();
        writer.sync().unwrap();
        clock.advance(Duration::from_secs(61));
    }
    assert_eq!(writer.finish().unwrap().rotated.len(), 2);
}
