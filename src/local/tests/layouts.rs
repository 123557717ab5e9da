//! Files of every layout that was ever written: opened by this version, nothing in them is lost.

use super::*;

/// Every layout so far, oldest first, frozen when the next one came (or before).
const FROZEN: [&str; 2] =
    [include_str!("../../../tests/fixtures/bus/layout1.sql"), include_str!("../../../tests/fixtures/bus/layout2.sql")];

/// Shortly after the fixtures were written.
const THEN: i64 = 1_795_449_190_000;

fn open(path: &Path) -> (LocalBus, Clock) {
    let clock = Clock::manual(THEN);
    (LocalBus::open(path, OpenOptions { clock: clock.clone(), ..OpenOptions::default() }).unwrap(), clock)
}

async fn bodies(bus: &LocalBus, queue: &str) -> Vec<String> {
    let input =
        json!({ "QueueUrl": format!("{URL}{queue}"), "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
    let answer = sqs(bus, "ReceiveMessage", input).await;
    let empty = Vec::new();
    let messages = answer["Messages"].as_array().unwrap_or(&empty);
    messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_layout_is_brought_forward_with_all_it_holds() {
    for (layout, dump) in (1_i64..).zip(FROZEN) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bus.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(dump).unwrap();
        let version = |c: &Connection| c.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(version(&old), layout);
        drop(old);

        let (bus, clock) = open(&path);
        let plain = bodies(&bus, "plain").await;
        assert_eq!(plain[..2], ["waiting", "a tenant's"], "layout {layout}");
        let wrapper: Value = serde_json::from_str(&plain[2]).unwrap();
        assert_eq!((&wrapper["Message"], &wrapper["Subject"]), (&json!("published"), &json!("s")), "layout {layout}");
        assert_eq!(plain.len(), 3, "one is in flight and one delayed: {plain:?}");
        assert_eq!(bodies(&bus, "dead").await, ["published"]);
        clock.advance(Duration::from_secs(36));
        assert_eq!(bodies(&bus, "plain").await, ["received before"], "its visibility timeout is over");
        clock.advance(Duration::from_secs(900));
        assert!(bodies(&bus, "plain").await.contains(&"delayed".to_owned()));
        if layout >= 2 {
            let ordered = bodies(&bus, "ordered.fifo").await;
            let group = |name: char| ordered.iter().filter(|body| body.starts_with(name)).cloned().collect::<Vec<_>>();
            assert_eq!(
                (group('x'), group('y')),
                (vec!["x1".into(), "x2".into(), "x3".into()], vec!["y1".into(), "y2".into()])
            );
        }
        // The topic, its filter and the queues work as they did.
        let form = [("Action", "Publish"), ("TopicArn", "arn:aws:sns:us-east-1:000000000000:t"), ("Message", "new")];
        assert_eq!(query(&bus, "2010-03-31", &form).await.0, 200);
        assert!(bodies(&bus, "dead").await.contains(&"new".to_owned()), "layout {layout}");
        assert!(!bodies(&bus, "plain").await.iter().any(|body| body.contains("new")), "filtered out");
        drop(bus);

        let now = Connection::open(&path).unwrap();
        let newest = version(&now);
        assert!(newest >= i64::try_from(FROZEN.len()).unwrap(), "a layout without a fixture may be newer, never older");
        let whole: String = now.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        // And a version that knows only layouts up to this one is not fooled: the number is the file's own.
        now.pragma_update(None, "user_version", newest + 1).unwrap();
        let refused = LocalBus::open(&path, OpenOptions::default()).unwrap_err().to_string();
        assert!(refused.contains(&format!("layout {}, written by a newer eventbus", newest + 1)), "{refused}");
    }
}
