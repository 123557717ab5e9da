//! The embedded bus: SNS and SQS in one SQLite file, answered in process or behind a loopback listener.
//!
//! One request goes `connector` or `server` → [`LocalBus::handle`] → `wire` (reads it) → `sns` or `sqs` (does it) → `store`
//! (keeps it) and back. What is answered is on disk, except that messages were received: what a power failure makes forgotten
//! there is received again.
//!
//! May use the notification wrapper and the attributes of `event`, `filter`, and `clock`. Never an AWS SDK client: `connector`
//! alone knows the SDK's HTTP interface, and everything else only bytes.
//!
//! Nobody is turned away here: whoever signs with a twelve-digit access key id acts for that account, everybody else for
//! `000000000000`, and the region is the one of the signature. So one bus holds any number of accounts and regions.
//!
//! Which operations there are and how faithful each is stands in the tables of [`sns`] and [`sqs`].

mod connector;
mod developer;
mod error;
mod names;
mod overview;
mod peek;
mod policy;
mod relocate;
mod server;
mod signature;
mod sns;
mod sqs;
mod store;
mod wire;

#[cfg(test)]
mod goldens;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use rusqlite::Connection;

pub use connector::connector;
pub use overview::{BusFileError, Overview, QueueView, Removed, SubscriptionView, TopicView};
pub use server::{Access, Listening, answers, is_localstack, room_for_connections, serve};
pub use signature::Credentials;
pub use store::{OnWait, OpenError};

use crate::clock::{Clock, random_id};
use error::ApiResult;
use names::Caller;
use store::{Store, Tx};
use wire::Service;

/// How a bus is opened. The default is what everybody wants.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where now comes from.
    pub clock: Clock,
    /// How long the name of a deleted queue cannot be used again. AWS: 60 seconds; here none unless asked for.
    pub recreate_window: Duration,
    /// How long a queue cannot be purged again. AWS: 60 seconds; here none unless asked for.
    pub purge_window: Duration,
    /// Who hears that another process holds the bus file and is waited for.
    pub on_wait: OnWait,
}

/// An open bus. Cheap to clone; the file is closed with the last clone.
#[derive(Clone, Debug)]
pub struct LocalBus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    options: OpenOptions,
    plenty: sqs::Plenty,
    /// Becomes true when nobody shall wait for messages any more.
    closing: tokio::sync::watch::Sender<bool>,
    /// Whether somebody in this process drives the tasks that move messages.
    driven: AtomicBool,
}

impl Inner {
    /// Takes on the driving; `false` when somebody has it already.
    fn driver_begins(&self) -> bool {
        !self.driven.swap(true, Ordering::SeqCst)
    }

    fn driver_ended(&self) {
        self.driven.store(false, Ordering::SeqCst);
    }
}

/// One request at work: the bus and who asks.
struct Cx<'a> {
    bus: &'a Inner,
    caller: Caller,
}

impl Cx<'_> {
    /// Milliseconds since the epoch.
    fn now(&self) -> i64 {
        self.bus.options.clock.now_ms()
    }

    /// For work that waits for its turn and asks then: what it hides or delays is not to appear sooner for that, and what is
    /// sent later has a later time.
    fn clock(&self) -> Clock {
        self.bus.options.clock.clone()
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.bus.store.write(work).await
    }

    /// For what refuses before it changes anything, as the path of messages does.
    async fn write_checked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.bus.store.write_checked(work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.bus.store.read(work).await
    }
}

impl LocalBus {
    /// Opens the bus file at `path`, making it and its folder if they are not there. Several processes may have it open.
    ///
    /// Blocks: for a moment, or while another process initialises the same file.
    ///
    /// # Errors
    /// When the file is not one of ours, is newer than this program, is damaged, must not be written, or lies on a network
    /// file system.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let store = Store::open(path, options.on_wait.clone())?;
        Ok(Self(Arc::new(Inner {
            store,
            options,
            plenty: sqs::Plenty::default(),
            closing: tokio::sync::watch::Sender::new(false),
            driven: AtomicBool::new(false),
        })))
    }

    /// Why the bus file can no longer be used: its path leads to nothing, or to another file, than what was opened;
    /// or what is written cannot be brought to the disk.
    pub fn lost(&self) -> Option<String> {
        self.0.store.lost()
    }

    /// Milliseconds since the epoch, by the clock of this bus.
    fn now_ms(&self) -> i64 {
        self.0.options.clock.now_ms()
    }

    /// Answers one HTTP request as SNS, SQS or STS would. Never fails: an error is an answer, too.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let request_id = random_id().to_string();
        let origin = wire::Origin::of(&request);
        let caller = Caller {
            account: origin.account.clone(),
            region: origin.region(),
            region_told: origin.region.is_some(),
            base: base_of(&request),
            trace: request.headers().get("x-amzn-trace-id").and_then(|value| value.to_str().ok()).map(str::to_owned),
        };
        let cx = Cx { bus: &self.0, caller };
        if let Some(answer) = developer::answer(&cx, origin.region.is_some(), &request, &request_id).await {
            return answer;
        }
        if let Some(answer) = wire::other_method(request.method(), &request_id) {
            return answer;
        }
        let as_json = wire::wants_json(&request);
        let call = match wire::read(&request) {
            Ok(call) => call,
            Err((service, protocol, error)) => {
                let answer = wire::write_error(service, protocol, &error, &request_id);
                return if as_json { wire::negotiated(answer) } else { answer };
            }
        };
        // Also what another process, or an earlier one, has left to do: this request may wait for it.
        self.drive_moves();
        let outcome = match call.service {
            Service::Sqs => sqs::call(&cx, &call.operation, call.input).await,
            Service::Sns => sns::call(&cx, &call.operation, call.input).await,
            Service::Sts => sns::call_sts(&cx, &call.operation, &call.input),
        };
        self.drive_moves();
        if as_json {
            wire::write_as_json(call.service, &call.operation, outcome, &request_id)
        } else {
            wire::write(call.service, call.protocol, &call.operation, outcome, &request_id)
        }
    }
}

impl LocalBus {
    /// Answers those who wait for messages with what there is: nothing.
    fn end_waiting(&self) {
        self.0.closing.send_replace(true);
    }

    /// Goes on with the tasks that another process began and left, for who serves the bus: without requests nobody else looks.
    async fn take_over_moves(&self) {
        if !self.0.store.moving() {
            let moving = |connection: &Connection| {
                Ok(connection.query_row("SELECT moving > 0 FROM bus", [], |row| row.get::<_, bool>(0))?)
            };
            // A bus that cannot be read says so to whoever asks it for something.
            if matches!(self.0.store.read(moving).await, Ok(true)) {
                self.0.store.set_moving();
            }
        }
        self.drive_moves();
    }

    /// Sees to it that messages that a task moves are moved, for as long as this bus is open in a runtime.
    fn drive_moves(&self) {
        if self.0.store.moving()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
            && self.0.driver_begins()
        {
            runtime.spawn(sqs::drive_moves(Arc::downgrade(&self.0)));
        }
    }
}

/// Scheme and authority under which the request reached us.
fn base_of(request: &Request<Bytes>) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    // A proxy in front that speaks TLS says so; without it a client would be sent around it.
    let scheme = match (request.uri().scheme_str(), header("x-forwarded-proto")) {
        (Some(scheme), _) => scheme,
        (None, Some(outside)) if outside.eq_ignore_ascii_case("https") => "https",
        (None, _) => "http",
    };
    // A request in absolute form has its host there (RFC 9112, section 3.2.2).
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    format!("{scheme}://{}", authority.or_else(|| header(header::HOST.as_str())).unwrap_or("localhost"))
}
