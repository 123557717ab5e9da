//! Receives that nobody waits for to their end.

use super::*;

/// Wakes whoever blocks on the receiving end.
struct Bell(std::sync::mpsc::Sender<()>);

impl std::task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Nobody listening any more is fine.
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_receive_that_is_dropped_half_way_gives_back_what_it_took() {
    use std::task::{Context, Poll, Waker};
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.queue("f.fifo", json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" })).await;
    for n in 0..3 {
        bench.send("q", &n.to_string()).await;
        bench.send_to_group("f.fifo", "g", &n.to_string()).await;
    }
    let rows = async || {
        // What is undone is queued behind the first of these at the latest, and done before the second.
        for _ in 0..2 {
            bench.bus.0.store.write(|_| Ok(())).await.unwrap();
        }
        let sql = "SELECT count(*), coalesce(sum(visible > 1800000000000), 0), coalesce(sum(receives), 0), count(first_received) FROM messages";
        bench
            .bus
            .0
            .store
            .read(move |c| Ok(c.query_row(sql, [], |r| Ok([r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, i64>(3)?]))?))
            .await
            .unwrap()
    };
    for (queue, attempt) in [("q", None), ("f.fifo", Some("a"))] {
        let input = json!({ "QueueUrl": format!("{URL}{queue}"), "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "ReceiveRequestAttemptId": attempt });
        let mut pending = 0;
        'more: for polls in 1.. {
            for wait_for_the_last in [false, true] {
                let (bell, rung) = std::sync::mpsc::channel();
                let waker = Waker::from(Arc::new(Bell(bell)));
                let mut future = Box::pin(sqs(&bench.bus, "ReceiveMessage", input.clone()));
                for poll in 1..=polls {
                    match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        Poll::Ready(answer) => {
                            assert_eq!(answer["Messages"].as_array().map(Vec::len), Some(3), "{answer}");
                            break 'more;
                        }
                        Poll::Pending if poll < polls || wait_for_the_last => rung.recv().unwrap(),
                        Poll::Pending => {}
                    }
                }
                drop(future);
                pending = polls;
                assert_eq!(rows().await, [6, 0, 0, 0], "dropped after {polls} polls");
            }
        }
        bench.sqs("PurgeQueue", json!({ "QueueUrl": format!("{URL}q") })).await;
        for n in 3..6 {
            bench.send("q", &n.to_string()).await;
        }
        assert!(pending >= 1, "a receive that waits for nothing shows nothing here");
    }
}

#[tokio::test]
async fn what_was_taken_for_nobody_is_given_back_even_while_the_bus_closes() {
    let bench = Bench::new();
    bench.queue("q", json!({})).await;
    bench.send("q", "one").await;
    let (path, again) = (bench.dir.path().join("bus.db"), bench.again());
    let (name, afterwards) = (names::QueueName::from_arn(&format!("{ARN}q")).unwrap(), again.0.store.afterwards());
    // Queued, never awaited to its end, and the bus is closed behind it.
    let mut taking = Box::pin(again.0.store.write(move |tx| {
        let queue = tx.catalogue.queue(tx.connection, &name)?;
        let taken = store::messages::take(tx, &queue, None, 1_800_000_000_000, 1_800_000_030_000, 10)?;
        Ok(store::messages::Taken::new(queue.id, 1_800_000_030_000, taken, None, Some(afterwards)))
    }));
    let polled = std::future::poll_fn(|context| std::task::Poll::Ready(taking.as_mut().poll(context).is_ready())).await;
    let _ = polled;
    drop(taking);
    drop(again);
    let visible: i64 = rusqlite::Connection::open(path)
        .unwrap()
        .query_row("SELECT visible FROM messages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(visible, 1_800_000_000_000);
}
