//! Processes that stay: events as NDJSON on their stdin, results as NDJSON on their stdout, so many events in the hands of each.
//!
//! A process that ends, or that says nothing about an event in time, is started again after a while; what it had in hand is tried
//! again.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::line::{EventLine, ResultLine};
use super::{Answer, Begun, Job, deadline, environment};
use crate::engine::backoff::{Backoff, random};
use crate::engine::consume::Progress;
use crate::engine::consume::work::Shared;
use crate::engine::exec::{BoundedLines, Captured, Failure, HandlerEnv, Job as Process, Lasting, Outcome, Program};

/// The waits before a process that ended is started again.
const RESTART: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(30) };

/// How long after the end of a process its stderr is read on.
const LINGER: Duration = Duration::from_secs(1);

/// Lines of a lane that may wait to be told.
const WORDS: usize = 1000;

/// Hands events to whichever process has a hand free.
pub(super) struct Stream {
    jobs: mpsc::Sender<Waiting>,
    lanes: JoinSet<()>,
    /// Dropped when no more comes.
    over: watch::Sender<()>,
}

struct Waiting {
    id: String,
    /// The line around its id, which has to be one of its own in its process.
    line: Box<dyn Fn(&str) -> String + Send>,
    timeout: Duration,
    begun: Begun,
    reply: oneshot::Sender<Answer>,
}

/// An event in the hands of a process.
struct InHand {
    begun: Instant,
    until: Instant,
    limit: Duration,
    reply: oneshot::Sender<Answer>,
}

struct Lane {
    program: Program,
    env: HandlerEnv,
    inflight: usize,
    jobs: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    shared: Arc<Shared>,
    process: Option<Lasting>,
    in_hand: HashMap<String, InHand>,
    /// Ends of its process in a row without a result in between.
    deaths: u32,
    not_before: Option<Instant>,
    /// What reads the processes' stderr.
    errors: JoinSet<()>,
    words: Words,
    over: watch::Receiver<()>,
}

/// What a lane says, told by a task of its own: a reporter that is behind must not keep results from being read.
#[derive(Default)]
struct Words {
    waiting: Option<mpsc::Sender<Progress>>,
    /// Lines that there was no room for.
    lost: u64,
}

impl Words {
    fn say(&mut self, progress: Progress) {
        let said = self.waiting.as_ref().is_some_and(|waiting| waiting.try_send(progress).is_ok());
        self.lost += u64::from(!said);
        if said && self.lost > 0 {
            let chatter = vec![format!("{} lines of the handler's output were lost: nobody read them", self.lost)];
            let lost = Progress::HandlerOutput { chatter, stderr: Arc::new(Captured::default()) };
            if self.waiting.as_ref().is_some_and(|waiting| waiting.try_send(lost).is_ok()) {
                self.lost = 0;
            }
        }
    }
}

/// What a lane goes on with.
enum Next {
    Line(Option<String>),
    Job(Option<Waiting>),
    Late,
    Abort,
    Again,
}

impl Stream {
    pub(super) fn start(program: &Program, workers: usize, inflight: NonZeroUsize, shared: &Arc<Shared>) -> Self {
        let (sender, jobs) = mpsc::channel(workers.saturating_mul(inflight.get()).min(10_000));
        let jobs = Arc::new(Mutex::new(jobs));
        let (over, ended) = watch::channel(());
        let mut lanes = JoinSet::new();
        for _ in 0..workers {
            let lane = Lane {
                program: program.clone(),
                env: environment("stream"),
                inflight: inflight.get(),
                jobs: jobs.clone(),
                shared: shared.clone(),
                process: None,
                in_hand: HashMap::new(),
                deaths: 0,
                not_before: None,
                errors: JoinSet::new(),
                words: Words::default(),
                over: ended.clone(),
            };
            lanes.spawn(lane.run());
        }
        Self { jobs: sender, lanes, over }
    }

    pub(super) async fn handle(&self, shared: &Shared, job: Job<'_>) -> Answer {
        let begun = Instant::now();
        let (event, received) = (job.event.clone(), job.received.clone());
        let (form, clock, queue) = (shared.request.stdin, shared.request.clock.clone(), job.queue.to_owned());
        let (attempt, timeout) = (job.name.attempt, job.timeout);
        let line = Box::new(move |id: &str| {
            let at = deadline(&clock, timeout);
            EventLine { id, attempt, queue: &queue, deadline: at.as_deref() }.write(form, &event, &received)
        });
        super::asked(&self.jobs, shared, begun, |reply| Waiting {
            id: job.received.message.id.clone(),
            line,
            timeout,
            begun: job.begun,
            reply,
        })
        .await
    }

    pub(super) async fn end(self) {
        drop((self.jobs, self.over));
        super::all_ended(self.lanes).await;
    }
}

impl Lane {
    async fn run(mut self) {
        let (waiting, mut words) = mpsc::channel(WORDS);
        self.words.waiting = Some(waiting);
        let shared = self.shared.clone();
        let telling = async move {
            while let Some(word) = words.recv().await {
                shared.tell(word).await;
            }
        };
        let telling = tokio::spawn(telling);
        // Before the first event: what takes a while to load is ready then. Whether it can run at all is told with that event.
        if let Ok(process) = self.start().await {
            self.process = Some(process);
        }
        loop {
            match self.next().await {
                Next::Line(Some(line)) => self.answered(&line),
                Next::Line(None) => self.died().await,
                Next::Job(Some(job)) => self.take(job).await,
                Next::Job(None) => break,
                Next::Late => self.late().await,
                Next::Abort => {
                    self.fail_all(|_| Outcome::Failed(Failure::Aborted));
                    break;
                }
                Next::Again => {}
            }
        }
        self.end_process().await;
        // What somebody whom it started still holds open is left to them.
        let _ = timeout(LINGER, async { while self.errors.join_next().await.is_some() {} }).await;
        self.words.waiting = None;
        let _ = telling.await;
    }

    async fn end_process(&mut self) {
        if let Some(process) = self.process.take() {
            if self.shared.is_aborting() {
                process.kill().await;
            } else {
                tokio::select! {
                    _ = process.end() => {}
                    // Dropped, it is killed.
                    () = self.shared.aborting_for(Duration::from_secs(5)) => {}
                }
            }
        }
    }

    async fn next(&mut self) -> Next {
        let late = self.in_hand.values().map(|event| event.until).min();
        // While its process waits to be started again, another's may have a hand free.
        let starts = self.not_before.filter(|at| self.process.is_none() && *at > Instant::now());
        let room = self.in_hand.len() < self.inflight && starts.is_none();
        let (jobs, shared) = (self.jobs.clone(), self.shared.clone());
        tokio::select! {
            biased;
            line = next_line(&mut self.process) => Next::Line(line),
            () = shared.aborting() => Next::Abort,
            () = until(late) => Next::Late,
            () = until(starts), if starts.is_some() => Next::Again,
            _ = self.over.changed(), if starts.is_some() => Next::Job(None),
            job = async move { jobs.lock().await.recv().await }, if room => match job {
                Some(job) => Next::Job(Some(job)),
                // No more comes, but what is in hand has an answer to come.
                None if self.in_hand.is_empty() => Next::Job(None),
                None => {
                    self.inflight = 0;
                    Next::Again
                }
            },
            () = async {}, if self.inflight == 0 && self.in_hand.is_empty() => Next::Job(None),
        }
    }

    /// Hands an event to the process, starting one if there is none.
    async fn take(&mut self, job: Waiting) {
        let begun = Instant::now();
        if self.process.is_none() {
            self.not_before = None;
            match self.start().await {
                Ok(process) => self.process = Some(process),
                Err(outcome) => {
                    self.deaths = self.deaths.saturating_add(1);
                    self.not_before = Some(Instant::now() + RESTART.after(self.deaths, random()));
                    let _ = job.reply.send(Answer::of(outcome, begun.elapsed()));
                    return;
                }
            }
        }
        let begun = Instant::now();
        (job.begun)();
        let mut id = job.id;
        // SQS may deliver a message twice at once.
        while self.in_hand.contains_key(&id) {
            id.push('+');
        }
        if let Some(process) = &self.process {
            process.write((job.line)(&id));
        }
        let until = begun + job.timeout;
        self.in_hand.insert(id, InHand { begun, until, limit: job.timeout, reply: job.reply });
    }

    async fn start(&mut self) -> Result<Lasting, Outcome> {
        let mut process = Lasting::start(&Process { program: &self.program, env: &self.env })?;
        if let Some(stderr) = process.take_stderr() {
            let shared = self.shared.clone();
            // Those that have ended are forgotten.
            while self.errors.try_join_next().is_some() {}
            self.errors.spawn(async move {
                let mut lines = BoundedLines::new(stderr);
                while let Some(line) = lines.next().await {
                    let chatter = vec![line];
                    shared.tell(Progress::HandlerOutput { chatter, stderr: Arc::new(Captured::default()) }).await;
                }
            });
        }
        Ok(process)
    }

    fn answered(&mut self, line: &str) {
        let chatter = match ResultLine::read(line) {
            Some(Ok(ResultLine { id, verdict })) => {
                let id = match id {
                    None if self.in_hand.len() == 1 => self.in_hand.keys().next().cloned(),
                    id => id,
                };
                match id.and_then(|id| self.in_hand.remove(&id)) {
                    Some(event) => {
                        self.deaths = 0;
                        let _ = event.reply.send(Answer::said(verdict, event.begun.elapsed()));
                        return;
                    }
                    None => format!("a result for no event in hand: {line}"),
                }
            }
            Some(Err(why)) => format!("no result ({why}): {line}"),
            None if line.trim().is_empty() => return,
            None => line.to_owned(),
        };
        let stderr = Arc::new(Captured::default());
        self.words.say(Progress::HandlerOutput { chatter: vec![chatter], stderr });
    }

    /// Its process writes no more: it ended, or is as good as ended.
    async fn died(&mut self) {
        let Some(process) = self.process.take() else { return };
        let outcome = process.end().await;
        self.deaths = self.deaths.saturating_add(1);
        let after = RESTART.after(self.deaths, random());
        self.not_before = Some(Instant::now() + after);
        let why = match &outcome {
            Outcome::Ack => "exit 0".to_owned(),
            Outcome::NotNow => "exit 75".to_owned(),
            Outcome::Reject => "exit 65".to_owned(),
            Outcome::CannotRun(why) => why.clone(),
            Outcome::Failed(failure) => failure.to_string(),
        };
        if !self.in_hand.is_empty() || !matches!(outcome, Outcome::Ack) {
            self.words.say(Progress::HandlerDied { handler: self.program.to_string(), why: why.clone(), after });
        }
        let outcome = match outcome {
            cannot @ Outcome::CannotRun(_) => cannot,
            _ => Outcome::Failed(Failure::NoResult(format!("its process ended: {why}"))),
        };
        self.fail_all(|_| outcome.clone());
    }

    /// An event's time is over: its process is ended, and whatever else it had in hand is tried again.
    async fn late(&mut self) {
        let now = Instant::now();
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
        self.fail_all(|event| {
            Outcome::Failed(if event.until <= now {
                Failure::Timeout(event.limit)
            } else {
                Failure::NoResult("its process was ended, because another event's time was over".into())
            })
        });
    }

    fn fail_all(&mut self, outcome: impl Fn(&InHand) -> Outcome) {
        for (_, event) in self.in_hand.drain() {
            let outcome = outcome(&event);
            let _ = event.reply.send(Answer::of(outcome, event.begun.elapsed()));
        }
    }
}

async fn next_line(process: &mut Option<Lasting>) -> Option<String> {
    match process {
        Some(process) => process.next_line().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
