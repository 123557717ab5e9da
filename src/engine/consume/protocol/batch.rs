//! A process for each batch: events as NDJSON on its stdin, results as NDJSON on its stdout. An event without a result is tried
//! again; what the process ends with matters for those alone.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::line::{EventLine, ResultLine, Verdict};
use super::{Answer, Begun, Job, deadline, environment};
use crate::engine::consume::Progress;
use crate::engine::consume::work::Shared;
use crate::engine::exec::{Captured, Failure, Finished, Job as Process, Limits, Outcome, Program, Running};

/// Collects events and runs processes over them.
pub(super) struct Batch {
    jobs: mpsc::Sender<Waiting>,
    workers: JoinSet<()>,
}

struct Waiting {
    id: String,
    line: String,
    timeout: Duration,
    begun: Begun,
    reply: oneshot::Sender<Answer>,
}

struct Worker {
    program: Program,
    most: usize,
    wait: Duration,
    jobs: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    shared: Arc<Shared>,
}

impl Batch {
    pub(super) fn start(
        program: &Program,
        workers: usize,
        most: NonZeroUsize,
        wait: Duration,
        shared: &Arc<Shared>,
    ) -> Self {
        let (sender, jobs) = mpsc::channel(most.get());
        let jobs = Arc::new(Mutex::new(jobs));
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            let (program, jobs, shared) = (program.clone(), jobs.clone(), shared.clone());
            tasks.spawn(Worker { program, most: most.get(), wait, jobs, shared }.work());
        }
        Self { jobs: sender, workers: tasks }
    }

    pub(super) async fn handle(&self, shared: &Shared, job: Job<'_>) -> Answer {
        let begun = Instant::now();
        let id = job.received.message.id.clone();
        let at = deadline(&shared.request.clock, job.timeout);
        let line = EventLine { id: &id, attempt: job.name.attempt, queue: job.queue, deadline: at.as_deref() };
        let line = line.write(shared.request.stdin, job.event, job.received);
        super::asked(&self.jobs, shared, begun, |reply| Waiting {
            id,
            line,
            timeout: job.timeout,
            begun: job.begun,
            reply,
        })
        .await
    }

    pub(super) async fn end(self) {
        drop(self.jobs);
        super::all_ended(self.workers).await;
    }
}

impl Worker {
    async fn work(self) {
        loop {
            let batch = self.collect().await;
            if batch.is_empty() {
                return;
            }
            self.run(batch).await;
        }
    }

    /// The next batch, full or as full as it became; empty when no more comes.
    async fn collect(&self) -> Vec<Waiting> {
        // Batches are filled one at a time: two that are half full would be two processes for the work of one.
        let mut jobs = self.jobs.lock().await;
        let Some(first) = jobs.recv().await else { return Vec::new() };
        let mut batch = vec![first];
        let over = Instant::now() + self.wait;
        while batch.len() < self.most {
            tokio::select! {
                biased;
                job = jobs.recv() => match job {
                    Some(job) => batch.push(job),
                    None => break,
                },
                () = self.shared.ending() => break,
                () = sleep_until(over) => break,
            }
        }
        batch
    }

    async fn run(&self, batch: Vec<Waiting>) {
        batch.iter().for_each(|waiting| (waiting.begun)());
        // The shortest: all of them are answered by one process.
        let timeout = batch.iter().map(|waiting| waiting.timeout).min().unwrap_or_default();
        let mut input = String::new();
        for waiting in &batch {
            input.push_str(&waiting.line);
            input.push('\n');
        }
        let mut env = environment("batch");
        env.set("EVENTBUS_DEADLINE", deadline(&self.shared.request.clock, timeout).as_deref());
        let finished = match Running::start(&Process { program: &self.program, env: &env }) {
            Ok(running) => {
                running.finish(input.as_bytes(), Limits::with_timeout(timeout), self.shared.aborting()).await
            }
            Err(outcome) => {
                Finished { outcome, stdout: Captured::default(), stderr: Captured::default(), took: Duration::ZERO }
            }
        };
        let Finished { outcome, stdout, stderr, took } = finished;
        let ids = batch.iter().map(|waiting| waiting.id.as_str()).collect();
        let (mut results, chatter) = read(&stdout, &ids);
        for waiting in batch {
            let alone = results.remove("").filter(|_| !results.contains_key(&waiting.id));
            let answer = match results.remove(&waiting.id).or(alone) {
                Some(verdict) => Answer::said(verdict, took),
                None => Answer::of(without_result(&outcome), took),
            };
            // Nobody waits any more: then nobody wants to know.
            let _ = waiting.reply.send(answer);
        }
        // After the answers: a reporter that is behind must not keep what was handled from being acknowledged.
        self.shared.tell(Progress::HandlerOutput { chatter, stderr: Arc::new(stderr) }).await;
    }
}

/// The results by id (the empty one: of the only event), and what is none. Of two results for one event the first stands, as it does
/// for a process that stays, whose first result has been acted upon by then.
fn read(stdout: &Captured, ids: &HashSet<&str>) -> (HashMap<String, Verdict>, Vec<String>) {
    let mut text = Vec::new();
    let (mut results, mut chatter) = (HashMap::new(), Vec::new());
    if let Err(error) = stdout.copy_to(&mut text) {
        chatter.push(format!("the results cannot be read: {error}"));
    }
    for line in String::from_utf8_lossy(&text).lines() {
        match ResultLine::read(line) {
            Some(Ok(ResultLine { id: Some(id), .. })) if !ids.contains(id.as_str()) => {
                chatter.push(format!("a result for no event of the batch: {line}"));
            }
            Some(Ok(ResultLine { id: None, .. })) if ids.len() != 1 => {
                chatter.push(format!("no result (it has no `id`, and there are {} events): {line}", ids.len()));
            }
            Some(Ok(ResultLine { id, verdict })) => match results.entry(id.unwrap_or_default()) {
                Entry::Vacant(place) => {
                    place.insert(verdict);
                }
                Entry::Occupied(_) => chatter.push(format!("a second result for one event: {line}")),
            },
            Some(Err(why)) => chatter.push(format!("no result ({why}): {line}")),
            None if line.trim().is_empty() => {}
            None => chatter.push(line.to_owned()),
        }
    }
    (results, chatter)
}

/// What becomes of an event that its batch said nothing about.
fn without_result(outcome: &Outcome) -> Outcome {
    let no_result = |why: &str| Outcome::Failed(Failure::NoResult(why.into()));
    match outcome {
        Outcome::Ack => no_result("the batch ended with 0 and said nothing about this event"),
        Outcome::Reject => no_result("the batch ended with 65, which rejects no single event"),
        other => other.clone(),
    }
}
