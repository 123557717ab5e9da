//! Reading and checking payloads against their schema, with nothing else around it.

use std::hint::black_box;

use eventbus::event::json::Document;
use eventbus::schema::Catalogue;

use crate::support::{Project, Verdict, figure, median};

/// Small events a second of processor time.
const BOUND: f64 = 200_000.0;

/// Small payloads, each parsed as strictly as `publish` does and checked against the schema that `init` writes, on one thread.
pub(crate) fn run(quick: bool) -> Verdict {
    let (events, rounds) = if quick { (10_000, 2) } else { (300_000, 5) };
    let project = Project::new();
    let catalogue = Catalogue::open(&project.path("schemas")).unwrap();
    let schema = catalogue.schema("UserRegistered", None).unwrap().unwrap();
    let payloads: Vec<String> = (0..1_000)
        .map(|n| format!(r#"{{"id":"00000000-0000-4000-8000-{n:012}","email":"{n}@example.org"}}"#))
        .collect();
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let Some(before) = processor_seconds() else {
            return Verdict::NotMeasured("this system has no /proc/thread-self/schedstat".into());
        };
        for n in 0..events {
            let text = &payloads[n % payloads.len()];
            let document = Document::parse(black_box(text.as_bytes())).unwrap();
            let value = document.to_value().unwrap();
            assert!(schema.check(&value, document.text()).is_empty());
        }
        rates.push(events as f64 / (processor_seconds().unwrap() - before));
    }
    let rate = median(&rates);
    figure(&format!("checked a second of processor time (at least {BOUND:.0})"), &format!("{rate:.0}"));
    if rate >= BOUND { Verdict::Holds } else { Verdict::Broken(format!("{rate:.0} a second, not {BOUND:.0}")) }
}

/// What this thread has taken of a processor: others that run beside it do not count.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
