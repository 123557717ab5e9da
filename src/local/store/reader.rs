//! The reading threads: each with a connection of its own, opened at its first job.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::super::error::{ApiError, ApiResult};
use super::open;
use super::place::Place;

/// Two, so that counting a queue of a million does not hold up those who only look whether there is something.
const THREADS: usize = 2;

type Job = Box<dyn FnOnce(Result<&Connection, ApiError>) + Send>;

/// The way to the reading threads; they end when it is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    jobs: Sender<Job>,
}

impl Reader {
    pub(super) fn start(path: &Path, place: &Arc<Place>) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..THREADS {
            let (queue, path, place) = (Arc::clone(&queue), path.to_owned(), Arc::clone(place));
            Builder::new().name("bus-reader".into()).spawn(move || serve(&path, &place, &queue))?;
        }
        Ok(Self { jobs })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody to answer any more is fine: a read changes nothing.
            let _ = answer.send(connection.and_then(|connection| snapshot(connection, work)));
        });
        let gone = || ApiError::internal("the bus is shutting down");
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// One transaction around all statements of `work`: they see one state.
fn snapshot<T>(connection: &Connection, work: impl FnOnce(&Connection) -> ApiResult<T>) -> ApiResult<T> {
    // By cached statements: a receive looks before it takes, and compiling these two cost as much as looking.
    connection.prepare_cached("BEGIN")?.execute([])?;
    let found = work(connection);
    // What broke while reading may have ended it already.
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    found
}

fn serve(path: &Path, place: &Place, queue: &Mutex<Receiver<Job>>) {
    let mut connection: Option<Connection> = None;
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A file without a name answers as if nothing had happened, and nobody else writes to it any more.
        if let Err(error) = place.check_file() {
            job(Err(error));
            continue;
        }
        if connection.is_none() {
            match open::connect(path) {
                Ok(opened) => connection = Some(opened),
                Err(error) => {
                    job(Err(ApiError::internal(error.to_string())));
                    continue;
                }
            }
        }
        job(connection.as_ref().ok_or_else(|| ApiError::internal("the bus file is not open")));
    }
}
