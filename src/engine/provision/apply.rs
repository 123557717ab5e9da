//! Makes the changes of a plan: each as soon as what it needs is done, several at a time, all outcomes reported.

use std::sync::atomic::AtomicBool;

use futures::stream::{FuturesUnordered, StreamExt as _};

use super::patience::Told;
use super::read::CONCURRENCY;
use super::work::Worker;
use super::{Progress, Report, RowOutcome};
use crate::bus::{Bus, BusError, BusErrorKind};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Confirmed, Emitter};
use crate::topology::plan::Plan;

/// Makes the changes of `plan`. A plan that destroys something takes a confirmation that named it.
///
/// A row whose needs failed is not tried; the others go on. The first signal starts nothing new and waits for what runs.
///
/// # Errors
/// `Auth` when the credentials are not of the account that the plan is for: then nothing was changed.
pub async fn apply(
    bus: &Bus,
    plan: &Plan,
    _confirmed: Confirmed,
    emit: &Emitter,
    shutdown: &Shutdown,
) -> Result<Report, BusError> {
    bus.verify_account().await?;
    let mut rows: Vec<Option<RowOutcome>> =
        plan.changes.iter().map(|change| change.action.is_rest().then_some(RowOutcome::Unchanged)).collect();
    let throttled = AtomicBool::new(false);
    let told = Told::new(Some((emit, shutdown)), &throttled);
    let worker = Worker::new(bus, plan, told);
    let worker = &worker;
    let mut running = FuturesUnordered::new();
    let mut started = vec![false; rows.len()];
    loop {
        blocked(plan, &mut rows, &started);
        for index in 0..rows.len() {
            if running.len() >= CONCURRENCY || shutdown.is_draining() {
                break;
            }
            let change = &plan.changes[index];
            let there = |need: &usize| matches!(rows[*need], Some(RowOutcome::Done | RowOutcome::Unchanged));
            if rows[index].is_some() || started[index] || !change.needs.iter().all(there) {
                continue;
            }
            started[index] = true;
            told.tell(Progress::Started { index, change: change.clone() }).await;
            running.push(async move { (index, worker.one(change).await) });
        }
        let Some((index, result)) = running.next().await else { break };
        let change = plan.changes[index].clone();
        rows[index] = Some(match result {
            Ok(()) => {
                told.tell(Progress::Done { index, change }).await;
                RowOutcome::Done
            }
            Err(error) => {
                let auth = error.kind == BusErrorKind::Auth;
                let error = chain(&error);
                told.tell(Progress::Failed { index, change, error: error.clone() }).await;
                RowOutcome::Failed { error, auth }
            }
        });
    }
    let ended = || RowOutcome::NotTried("the run was ended".into());
    Ok(Report { rows: rows.into_iter().map(|row| row.unwrap_or_else(ended)).collect() })
}

/// Marks what cannot be tried any more, through as many steps as there are.
fn blocked(plan: &Plan, rows: &mut [Option<RowOutcome>], started: &[bool]) {
    loop {
        let mut more = false;
        for (index, change) in plan.changes.iter().enumerate() {
            if rows[index].is_some() || started[index] {
                continue;
            }
            let gone =
                |need: &&usize| matches!(rows[**need], Some(RowOutcome::Failed { .. } | RowOutcome::NotTried(_)));
            if let Some(need) = change.needs.iter().find(gone) {
                let need = &plan.changes[*need];
                rows[index] = Some(RowOutcome::NotTried(format!("needs the {} `{}`", need.kind.noun(), need.name)));
                more = true;
            }
        }
        if !more {
            return;
        }
    }
}

fn chain(error: &BusError) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut at = std::error::Error::source(error);
    while let Some(cause) = at {
        texts.push(cause.to_string());
        at = cause.source();
    }
    texts
}
