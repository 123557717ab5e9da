//! The two-stage shutdown, owned by one value: the first signal drains (nothing new is taken, what was taken is finished), the
//! second aborts (what still runs is ended).
//!
//! May use tokio. Never prints and never exits: who waits on a [`Shutdown`] decides what ending means, and the command turns
//! [`Signal`] into the exit code.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The signal that began the shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGINT, Ctrl-C.
    Interrupt,
    /// SIGTERM, what systemd and Kubernetes send.
    Terminate,
}

impl Signal {
    /// The exit code of a run that ended by this signal: 130 or 143 (128 + the signal's number).
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    /// Its usual name, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// How far the shutdown is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Running,
    Draining,
    Aborting,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    stage: Stage,
    signal: Option<Signal>,
}

/// What receivers and workers watch. Cheap to clone; every clone sees the same stages.
#[derive(Clone, Debug)]
pub struct Shutdown {
    state: watch::Receiver<State>,
    /// The task that listens for signals, ended with the last clone.
    _listener: Option<Arc<Listener>>,
}

/// Moves a [`Shutdown`] on by hand. Dropping it leaves the shutdown where it is.
#[derive(Clone, Debug)]
pub struct Trigger(watch::Sender<State>);

#[derive(Debug)]
struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shutdown {
    /// A shutdown that never comes.
    pub fn never() -> Self {
        Self::manual().1
    }

    /// A shutdown moved on by its [`Trigger`] alone.
    pub fn manual() -> (Trigger, Self) {
        let (sender, state) = watch::channel(State::default());
        (Trigger(sender), Self { state, _listener: None })
    }

    /// A shutdown moved on by SIGINT and SIGTERM: the first of either drains, the next of either aborts.
    ///
    /// From this call on neither signal ends the process by itself any more. Errors when the handlers cannot be installed.
    /// Must be called within a tokio runtime with its I/O driver enabled.
    pub fn from_signals() -> io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (trigger, mut shutdown) = Self::manual();
        let listener = tokio::spawn(async move {
            loop {
                let came = tokio::select! {
                    Some(()) = interrupts.recv() => Signal::Interrupt,
                    Some(()) = terminations.recv() => Signal::Terminate,
                    else => return,
                };
                trigger.signal(came);
            }
        });
        shutdown._listener = Some(Arc::new(Listener(listener)));
        Ok(shutdown)
    }

    /// Returns once the first signal has come, at once if it already has. May be dropped and asked again at any time.
    pub async fn draining(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Returns once the second signal has come, at once if it already has. May be dropped and asked again at any time.
    pub async fn aborting(&self) {
        self.reached(Stage::Aborting).await;
    }

    /// Whether the first signal has come.
    pub fn is_draining(&self) -> bool {
        self.state.borrow().stage >= Stage::Draining
    }

    /// Whether the second signal has come.
    pub fn is_aborting(&self) -> bool {
        self.state.borrow().stage >= Stage::Aborting
    }

    /// The signal that began the shutdown, which is the one the exit code tells.
    pub fn signal(&self) -> Option<Signal> {
        self.state.borrow().signal
    }

    async fn reached(&self, stage: Stage) {
        let mut state = self.state.clone();
        if state.wait_for(|now| now.stage >= stage).await.is_err() {
            // Nobody is left who could move it on.
            std::future::pending().await
        }
    }
}

impl Trigger {
    /// What one signal does: drain, or abort if already draining.
    pub fn signal(&self, signal: Signal) {
        self.0.send_modify(|state| {
            state.stage = if state.stage == Stage::Running { Stage::Draining } else { Stage::Aborting };
            state.signal.get_or_insert(signal);
        });
    }

    /// Drains without a signal (a limit was reached, the output closed): [`Shutdown::signal`] stays as it is.
    pub fn drain(&self) {
        self.0.send_modify(|state| state.stage = state.stage.max(Stage::Draining));
    }

    /// Aborts without a signal.
    pub fn abort(&self) {
        self.0.send_modify(|state| state.stage = Stage::Aborting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn the_first_signal_drains_and_the_second_aborts() {
        let (trigger, shutdown) = Shutdown::manual();
        assert!(!shutdown.is_draining());
        assert_eq!(shutdown.draining().now_or_never(), None);

        trigger.signal(Signal::Terminate);
        assert!(shutdown.is_draining() && !shutdown.is_aborting());
        assert_eq!(shutdown.draining().now_or_never(), Some(()));
        assert_eq!(shutdown.aborting().now_or_never(), None);

        trigger.signal(Signal::Interrupt);
        assert_eq!(shutdown.aborting().now_or_never(), Some(()));
        assert_eq!(shutdown.signal(), Some(Signal::Terminate), "the first signal names the exit code");
        assert_eq!(shutdown.signal().map(Signal::exit_code), Some(143));
    }

    #[test]
    fn it_waits_on_when_nobody_can_move_it() {
        let shutdown = Shutdown::never();
        assert_eq!(shutdown.draining().now_or_never(), None);
        assert_eq!(shutdown.aborting().now_or_never(), None);
    }

    #[test]
    fn draining_by_hand_names_no_signal_and_never_goes_back() {
        let (trigger, shutdown) = Shutdown::manual();
        trigger.abort();
        trigger.drain();
        assert!(shutdown.is_aborting());
        assert_eq!(shutdown.signal(), None);
    }

    #[tokio::test]
    async fn real_signals_move_it_on() {
        let shutdown = Shutdown::from_signals().expect("handlers are installed");
        let itself = nix::unistd::Pid::this();
        nix::sys::signal::kill(itself, nix::sys::signal::Signal::SIGINT).expect("we may signal ourselves");
        shutdown.draining().await;
        assert_eq!(shutdown.signal(), Some(Signal::Interrupt));
        nix::sys::signal::kill(itself, nix::sys::signal::Signal::SIGTERM).expect("we may signal ourselves");
        shutdown.aborting().await;
        assert_eq!(shutdown.signal(), Some(Signal::Interrupt));
    }
}
