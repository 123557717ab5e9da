//! Everything that a file may get wrong, in a table; and one file that gets much of it wrong, told as it is shown.

use super::*;

fn warnings(text: &str) -> Vec<String> {
    let topology = Topology::parse(text, "t.yaml").unwrap_or_else(|problems| panic!("{problems:#?}"));
    topology.warnings.iter().map(|p| format!("{p} | {}", p.fix.as_deref().unwrap_or("no fix"))).collect()
}

#[test]
fn errors() {
    for (rest, wanted) in [
        (
            "queues:\n  q.fifo: { dead_letter: { queue: d } }\n  d: {}\n",
            "t.yaml:4:35: `queues.q.fifo.dead_letter.queue` is `d`, a standard queue, but the dead-letter queue of a FIFO queue has to be of the same type | name a queue that ends in `.fifo`, such as `q_dlq.fifo`",
        ),
        (
            "queues:\n  q.fifo: { fifo_throughput: message_group }\n",
            "which SQS takes only with that scope of deduplication | add `deduplication_scope: message_group`",
        ),
        (
            "queues:\n  q: { dead_letter: { queue: d } }\n  d: { redrive_allow: none, retention: 14d }\n",
            "whose `redrive_allow` does not let `q` use it | write `redrive_allow: [q]` for `d`",
        ),
        (
            "queues:\n  q: { dead_letter: { queue: d } }\n  o: {}\n  d: { redrive_allow: [o], retention: 14d }\n",
            "does not let `q` use it | add `q` to `queues.d.redrive_allow`",
        ),
        (
            "queues:\n  q: {}\n  d.fifo: { redrive_allow: [q] }\n",
            "names `q`, a standard queue, whose dead letters a FIFO queue does not take",
        ),
        ("queues:\n  q: {}\n  d: { redrive_allow: [q, q] }\n", "names `q` a second time | keep one of them"),
        (
            "topics: { t: }\nqueues: { q: }\nsubscriptions: [{ topic: t, queue: q, dead_letter: q }]\n",
            "the very queue that could not be delivered to",
        ),
        (
            "topics: { f.fifo: }\nqueues: { q: , d: }\nsubscriptions: [{ topic: f.fifo, queue: q, dead_letter: d }]\n",
            "| name a FIFO queue there",
        ),
        ("topics: { t: { archive: 1d } }\n", "only FIFO topics keep an archive | remove `archive`"),
        (
            "queues:\n  a: { external: true, arn: \"arn:aws:sqs:eu-west-1:111122223333:q\" }\n  b: { external: true, arn: \"arn:aws:sqs:eu-west-1:111122223333:q\" }\n",
            "`queues.b` and `queues.a` are both `arn:aws:sqs:eu-west-1:111122223333:q`",
        ),
        (
            "topics: { t: }\nqueues: { q: }\nsubscriptions: [{ topic: t, queue: q, filter: { a: b } }]\n",
            "| write `a: [b]`",
        ),
        (
            "topics: { t: }\nqueues: { q: }\nsubscriptions: [{ topic: t, queue: q, filter: { a: { b: [c] } } }]\n",
            "| add `scope: body` to the subscription",
        ),
        (
            "topics: { t: }\nqueues: { q: }\nsubscriptions: [{ topic: t, queue: q, filter: { a: [1,2,3,4,5,6], b: [1,2,3,4,5,6], c: [1,2,3,4,5,6] } }]\n",
            "the policy has 216 combinations",
        ),
    ] {
        let found = problems(&file(rest));
        assert!(found.iter().any(|problem| problem.contains(wanted)), "{rest}: {found:#?}");
    }
    let many: String = (0..101).map(|n| format!("  q{n}.fifo: {{}}\n")).collect();
    let subscribed: String = (0..101).map(|n| format!("  - {{ topic: f.fifo, queue: q{n}.fifo }}\n")).collect();
    let found = problems(&file(&format!("topics: {{ f.fifo: }}\nqueues:\n{many}subscriptions:\n{subscribed}")));
    assert!(found[0].contains("has 101 subscriptions; a FIFO topic takes up to 100"), "{found:?}");
}

#[test]
fn what_is_taken_and_regretted() {
    for (rest, wanted) in [
        ("queues:\n  q: { kms_reuse: 5m }\n", "is set without `kms_key`, so it does nothing"),
        (
            "topics: { t: }\nqueues: { q: { kms_key: alias/aws/sqs } }\nsubscriptions: [{ topic: t, queue: q }]\n",
            "which SNS may not use: nothing that a topic sends arrives there",
        ),
        (
            "topics: { t: { maximum_message_size: 1MiB } }\nqueues: { q: { maximum_message_size: 256KiB } }\nsubscriptions: [{ topic: t, queue: q }]\n",
            "`q` takes messages up to 256KiB, and `t` sends them up to 1MiB: larger ones do not arrive | write `maximum_message_size: 1MiB` for `q`",
        ),
        ("topics: { t: { success_log_percent: 5 } }\n", "without `success_log_role`, so nothing is logged"),
        (
            "topics: { t: }\nqueues: { q: }\nsubscriptions: [{ topic: t, queue: q, filter: { a: [{ anything-but: x }, { anything-but: y }] } }]\n",
            "t.yaml:5:49: `subscriptions.0.filter.a`: 2 `anything-but` in one list are alternatives",
        ),
        (
            "queues:\n  q: { dead_letter: { queue: d } }\n  d: { retention: 1d }\n",
            "t.yaml:5:19: dead letters of `q` (4d) live shorter in `d` (1d), since they keep their age | write `retention: 14d` for `d`",
        ),
    ] {
        let found = warnings(&file(rest));
        assert_eq!(found.len(), 1, "{rest}: {found:#?}");
        assert!(found[0].contains(wanted), "{rest}: {found:#?}");
    }
    let fifo = "queues:\n  q.fifo: { dead_letter: { queue: d.fifo } }\n  d.fifo: { retention: 1d }\n";
    assert!(warnings(&file(fifo)).is_empty(), "dead letters of FIFO queues start anew");
}

#[test]
fn every_problem_has_a_place_and_a_sentence_in_the_house_style() {
    let found = Topology::parse(MISTAKES, "t.yaml").unwrap_err();
    for problem in &found {
        assert!(problem.place.line > 0 && problem.place.column > 0, "{problem}");
        assert!(!problem.message.ends_with('.'), "{problem}");
        assert!(!problem.message.starts_with(char::is_uppercase), "{problem}");
    }
}

const MISTAKES: &str = r"version: 1
name: users
prefix: dev-
topics:
  users: { tracing: activ }
  orders.fifo: { fifo: false }
  theirs: { external: true, arn: orders, tags: { a: b } }
queues:
  user_events:
    visibility_timeout: 45
    retention: 20d
    dead_letter: { queue: user_events_dlq, max_receives: 1 }
  user_events_dlq: { retention: 1d, dead_letter: { queue: user_events } }
  billing.fifo: { fifo_throughput: message_group, dead_letter: { queue: user_events_dlq } }
  audit: { sse: true, kms_key: alias/x, redrive_allow: none }
subscriptions:
  - { topic: users, queue: user_event }
  - { topic: users, queue: dev-user_events }
  - { topic: users, queue: billing.fifo }
  - { topic: users, queue: audit, raw: true, filter: { eventName: UserRegistered } }
  - { topic: users, queue: audit, scope: message, dead_letter: billing.fifo }
events:
  UserRegistered: { topic: user }
  User*: { topic: users, group_by: id }
";

#[test]
fn a_file_with_many_mistakes_is_told_all_of_them() {
    insta::assert_snapshot!(problems(MISTAKES).join("\n"));
}
