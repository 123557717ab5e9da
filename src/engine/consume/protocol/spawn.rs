//! A process for each event: the event on its stdin and in its environment, its exit code the outcome.

use std::pin::pin;
use std::time::Duration;

use super::{Answer, Job};
use crate::engine::consume::work::Shared;
use crate::engine::consume::{Progress, handler};
use crate::engine::exec::{Finished, Job as Process, Limits, Program, Running};

pub(super) async fn handle(program: &Program, shared: &Shared, job: Job<'_>) -> Answer {
    let stdin = handler::stdin(shared.request.stdin, job.event, job.received, job.queue);
    let env = handler::environment(&job, &shared.request.clock);
    match Running::start(&Process { program, env: &env }) {
        Ok(running) => {
            let started = Progress::HandlerStarted { event: job.name.clone(), pid: running.pid() };
            let limits = Limits::with_timeout(job.timeout);
            (job.begun)();
            let mut finished = pin!(running.finish(&stdin, limits, shared.aborting()));
            let mut telling = pin!(shared.tell(started));
            let mut told = false;
            let Finished { outcome, stdout, stderr, took } = loop {
                tokio::select! {
                    biased;
                    () = &mut telling, if !told => told = true,
                    // A reporter that is behind must not keep what was handled from being acknowledged.
                    finished = &mut finished => break finished,
                }
            };
            Answer { stdout, stderr, ..Answer::of(outcome, took) }
        }
        Err(outcome) => Answer::of(outcome, Duration::ZERO),
    }
}
