//! The book-keeping, without a bus.

use super::*;
use crate::engine::Confirmed;
use crate::engine::ledger::LedgerError;
use crate::event::{Attribute, AttributeValue};

const BEGIN: Begin<'static> =
    Begin { key: "k", what: "UserRegistered of in.ndjson", again: true, bus: "local", now_ms: 1 };

fn item(input: &str) -> Item {
    Item { input: input.into(), event: Some("E".into()), entity_id: Some("e".into()), ..Item::default() }
}

fn outgoing(body: &str) -> Outgoing {
    let binary = Attribute { data_type: "Binary".into(), value: AttributeValue::Binary(vec![0, 255]) };
    Outgoing {
        body: body.into(),
        attributes: [("n".into(), Attribute::number("1.50")), ("b".into(), binary)].into(),
        subject: Some("s".into()),
        group_id: Some("g".into()),
        dedup_id: Some("d".into()),
        trace_header: None,
    }
}

fn new(item: Item, digest: u8, body: &str) -> (Item, Option<i64>, [u8; 32], Outgoing) {
    (item, None, [digest; 32], outgoing(body))
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Outbox {
        Outbox::open(&self.0.path().join("o.db"), true).unwrap()
    }
}

#[test]
fn events_come_back_as_they_were_until_they_are_sent() {
    let place = Place::new();
    let outbox = place.open();
    assert!(!outbox.begin(&BEGIN).unwrap());
    let rows = outbox.keep("users", &[new(item("in:1"), 1, "{}\n"), new(item("in:2"), 2, "é")]).unwrap();
    let waiting = outbox.waiting(0).unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!((waiting[0].outgoing.clone(), waiting[0].item.input.as_str()), (outgoing("{}\n"), "in:1"));
    assert!(waiting.iter().all(|event| event.in_doubt), "nobody knows how that ended");
    assert_eq!(outbox.waiting(rows[0]).unwrap().len(), 1);
    outbox.settle(&[(rows[0], Settled::Sent("m1".into()))]).unwrap();
    outbox.settle(&[(rows[1], Settled::Unsent { error: "no".into(), in_doubt: false })]).unwrap();
    let waiting = outbox.waiting(0).unwrap();
    assert_eq!((waiting.len(), waiting[0].row, waiting[0].in_doubt), (1, rows[1], false));
    let mut entries = Vec::new();
    outbox
        .entries(|entry| {
            entries.push(entry);
            true
        })
        .unwrap();
    assert_eq!((entries[0].error.as_deref(), entries[0].tries), (Some("no"), 1));
}

#[test]
fn a_run_is_remembered_until_all_of_it_is_done() {
    let place = Place::new();
    let outbox = place.open();
    assert!(!outbox.begin(&BEGIN).unwrap());
    let rows = outbox.keep("users", &[new(item("in:1"), 1, "a"), new(item("in:2"), 2, "b")]).unwrap();
    outbox.settle(&[(rows[0], Settled::Sent("m".into()))]).unwrap();
    outbox.tidy(false).unwrap();
    drop(outbox);

    let outbox = place.open();
    assert!(outbox.begin(&BEGIN).unwrap(), "the same command goes on");
    let known = |input: &str, digest: u8| outbox.knows(&item(input), "users", &[digest; 32]).unwrap();
    assert_eq!(outbox.waiting(0).unwrap().len(), 1);
    assert_eq!((known("in:1", 1), known("in:2", 2)), (Known::Sent, Known::HandedOut));
    assert_eq!(known("in:3", 3), Known::No, "it was not read");
    assert_eq!(known("in:1", 9), Known::No, "the line is another one now");
    let elsewhere = outbox.knows(&item("in:1"), "audit", &[1; 32]).unwrap();
    assert_eq!(elsewhere, Known::No, "the other topic has not got it");
    outbox.tidy(true).unwrap();
    assert_eq!(outbox.unfinished().unwrap().len(), 1, "one event still waits");
    outbox.settle(&[(rows[1], Settled::Sent("m".into()))]).unwrap();
    outbox.tidy(true).unwrap();
    assert_eq!(outbox.unfinished().unwrap(), []);
    assert!(!outbox.begin(&BEGIN).unwrap(), "done is done: the same command is a new run");
}

#[test]
fn two_processes_never_send_from_one_outbox() {
    let place = Place::new();
    let _held = place.open();
    let path = place.0.path().join("o.db");
    assert!(matches!(Outbox::open(&path, true), Err(OutboxError::Busy(_))));
    assert!(matches!(
        Outbox::open(&place.0.path().join("none.db"), false),
        Err(OutboxError::Ledger(LedgerError::Missing { .. }))
    ));
}

#[test]
fn what_is_dropped_is_gone_and_what_is_sent_stays_known() {
    let place = Place::new();
    let outbox = place.open();
    let _new = outbox.begin(&BEGIN).unwrap();
    let events: Vec<_> = (1..=5).map(|n| new(item(&format!("in:{n}")), n, "x")).collect();
    let rows = outbox.keep("users", &events).unwrap();
    outbox.settle(&[(rows[0], Settled::Sent("m".into()))]).unwrap();
    assert_eq!(outbox.forget(Some(&[rows[0], rows[1], 999]), Confirmed::by_the_user()).unwrap(), 1);
    assert_eq!(outbox.waiting(0).unwrap().len(), 3);
    assert_eq!(outbox.forget(None, Confirmed::by_the_user()).unwrap(), 3);
    assert_eq!(outbox.unfinished().unwrap(), []);
}

#[test]
fn another_bus_and_a_stdin_that_was_read_are_other_publishes() {
    let place = Place::new();
    let outbox = place.open();
    assert!(!outbox.begin(&BEGIN).unwrap());
    let _rows = outbox.keep("users", &[new(item("-:1"), 1, "a")]).unwrap();
    assert!(!outbox.begin(&Begin { bus: "prod", ..BEGIN }).unwrap(), "what one bus got the other has not");
    assert!(outbox.begin(&BEGIN).unwrap());
    outbox.tidy(true).unwrap();
    assert!(outbox.begin(&BEGIN).unwrap(), "files that wait are gone on with");
    assert!(!outbox.begin(&Begin { again: false, ..BEGIN }).unwrap(), "the same text on stdin is another event");
    assert!(matches!(outbox.is_for("prod"), Err(OutboxError::Foreign { meant, .. }) if meant == "local"));
    outbox.is_for("local").unwrap();
}

#[test]
fn a_file_that_is_named_twice_is_two_inputs() {
    let place = Place::new();
    let outbox = place.open();
    let _first = outbox.begin(&BEGIN).unwrap();
    let rows = outbox.keep("users", &[new(item("a.json"), 1, "a")]).unwrap();
    outbox.settle(&[(rows[0], Settled::Sent("m".into()))]).unwrap();
    drop(outbox);
    let outbox = place.open();
    assert!(outbox.begin(&BEGIN).unwrap());
    assert_eq!(outbox.knows(&item("a.json"), "users", &[1; 32]).unwrap(), Known::Sent);
    let second = Item { source: 1, ..item("a.json") };
    assert_eq!(outbox.knows(&second, "users", &[1; 32]).unwrap(), Known::No);
}
