//! Disks that are full, files that vanish, locks that are held: what is acknowledged stays true, and what is not is said.

use std::sync::mpsc;

use super::*;

impl Bench {
    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("bus.db")
    }

    /// Lets the file grow by so many pages and no more; SQLite then answers as for a full disk.
    async fn room(&self, pages: i64) {
        let limit = move |tx: &mut Tx<'_>| {
            let now: i64 = tx.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            Ok(tx.connection.pragma_update(None, "max_page_count", now + pages)?)
        };
        self.bus.0.store.write(limit).await.unwrap();
    }

    fn whole(&self) {
        let found: String = rusqlite::Connection::open(self.file())
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(found, "ok");
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_costs_nothing_that_was_acknowledged() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.queue("f.fifo", json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" })).await;
    bench.room(60).await;
    // Several at a time, so that they share transactions: one that does not fit must not take others with it unsaid.
    let body = |round: usize, n: usize| format!("{round}-{n}-{}", "x".repeat(10_000));
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for round in 0.. {
        let send = async |n: usize| (n, bench.send("q", &body(round, n)).await);
        let answers = futures::future::join_all((0..5).map(send)).await;
        for (n, answer) in answers {
            if answer["MessageId"].is_string() {
                kept.push(body(round, n));
            } else {
                refused.push(answer);
            }
        }
        if !refused.is_empty() {
            break;
        }
    }
    assert!(kept.len() >= 10, "{}", kept.len());
    // Those that had no room of their own and those that were in one transaction with them.
    for refused in &refused {
        let said = refused["message"].as_str().unwrap();
        assert_eq!(code(refused), "BusFileUnusable", "a code that says that trying again is no use");
        assert!(said.starts_with("the disk that holds the bus file is full; free some space"), "{said}");
    }
    // A transaction of several that did not fit leaves room for one.
    for n in 0.. {
        if bench.send("q", &body(usize::MAX, n)).await["MessageId"].is_null() {
            break;
        }
        kept.push(body(usize::MAX, n));
    }
    let fifo = bench.send_to_group("f.fifo", "g", &body(0, 0)).await;
    assert_eq!(code(&fifo), "BusFileUnusable");

    // It is still read, and what is there can be taken and deleted: that makes room.
    let counts = json!({ "QueueUrl": format!("{URL}q"), "AttributeNames": ["ApproximateNumberOfMessages"] });
    let counts = bench.sqs("GetQueueAttributes", counts).await;
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessages"], kept.len().to_string());
    let first = bench.receive("q").await;
    assert!(!first.is_empty());
    for message in &first {
        let body = message["Body"].as_str().unwrap();
        let at =
            kept.iter().position(|kept| kept == body).unwrap_or_else(|| panic!("{body:.20} was never acknowledged"));
        kept.swap_remove(at);
        let gone = json!({ "QueueUrl": format!("{URL}q"), "ReceiptHandle": message["ReceiptHandle"] });
        bench.sqs("DeleteMessage", gone).await;
    }
    assert!(bench.send_to_group("f.fifo", "g", &body(0, 0)).await["MessageId"].is_string(), "there is room again");
    assert_eq!(bench.bodies("f.fifo").await, [body(0, 0)]);

    bench.room(10_000).await;
    assert!(bench.send("q", "after").await["MessageId"].is_string());
    kept.push("after".into());
    let mut left = Vec::new();
    loop {
        match bench.bodies("q").await {
            none if none.is_empty() => break,
            some => left.extend(some),
        }
    }
    left.sort();
    kept.sort();
    assert!(left == kept, "{} of {} are there", left.len(), kept.len());
    bench.whole();
}

#[tokio::test]
async fn a_bus_whose_file_is_deleted_says_so_and_makes_no_other() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    assert_eq!(bench.bus.lost(), None);
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let sent = bench.send("q", "into nothing").await;
    assert_eq!(code(&sent), "BusFileUnusable", "{sent}");
    assert!(sent["message"].as_str().unwrap().contains("bus.db` was deleted while the bus had it open"), "{sent}");
    for operation in ["ListQueues", "ReceiveMessage"] {
        let read = bench.sqs(operation, json!({ "QueueUrl": format!("{URL}q") })).await;
        assert_eq!(code(&read), "BusFileUnusable", "{operation}: {read}");
    }
    assert!(bench.bus.lost().is_some());
    assert_eq!(std::fs::read_dir(bench.dir.path()).unwrap().count(), 0, "nothing came back");
    // Whoever opens the bus next makes a new one, which is not this one.
    let again = bench.again();
    assert_eq!(sqs(&again, "ListQueues", json!({})).await, json!({}));
    assert_eq!(code(&bench.send("q", "into another").await), "BusFileUnusable");
    assert!(bench.bus.lost().unwrap().contains("was replaced by another file"));
}

#[tokio::test]
async fn a_log_that_is_taken_away_is_noticed_too() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    std::fs::remove_file(bench.dir.path().join("bus.db-wal")).unwrap();
    let sent = bench.send("q", "into nothing").await;
    assert_eq!(code(&sent), "BusFileUnusable", "{sent}");
    assert!(sent["message"].as_str().unwrap().contains("bus.db-wal` was deleted"), "{sent}");
}

#[tokio::test]
async fn a_lock_that_is_held_is_waited_for_and_told() {
    let (told, heard) = mpsc::channel();
    let bench = Bench::with(|options| {
        let on_wait = OnWait::new(move || told.send(()).unwrap());
        OpenOptions { on_wait, ..options }
    });
    bench.queue("q", json!({})).await;
    let other = rusqlite::Connection::open(bench.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sending = tokio::spawn({
        let bus = bench.bus.clone();
        async move { sqs(&bus, "SendMessage", json!({ "QueueUrl": format!("{URL}q"), "MessageBody": "late" })).await }
    });
    // Only a wait that is told of lets the lock go.
    let heard = tokio::task::spawn_blocking(move || {
        heard.recv().unwrap();
        heard
    });
    let heard = heard.await.unwrap();
    other.execute_batch("COMMIT").unwrap();
    assert!(sending.await.unwrap()["MessageId"].is_string());
    assert!(heard.try_recv().is_err(), "told once");
}

#[test]
fn many_at_once_make_one_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/bus.db");
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                LocalBus::open(&path, OpenOptions::default()).unwrap()
            });
        }
    });
}
