//! One file a verb: its arguments, and `run`: resolve, call the engine, choose a reporter, say how it ended.
//!
//! May use every room but the AWS SDK, which is the bus's. Never prints by itself: that is output's.

pub mod attribute;
pub mod completions;
pub mod consume;
pub mod demo;
pub mod explain;
pub mod iam_policy;
pub mod init;
pub mod inspect;
pub mod local;
pub mod look;
pub mod outbox;
pub mod provision;
pub mod publish;
pub mod purge;
pub mod record;
pub mod replay;
pub mod run;
pub mod schema;
pub mod select;
pub mod tail;
pub mod tap;
pub mod topology;
pub mod trace;
pub mod wait;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bus::{Bus, ConnectOptions};
use crate::cli::Command;
use crate::config::{Config, DEFAULT_BUS, Target, is_loopback};
use crate::engine::shutdown::Shutdown;
use crate::engine::{self, Emitter};
use crate::error::CliError;
use crate::local::{Listening, LocalBus, OnWait, OpenError, OpenOptions};
use crate::outcome::Outcome;
use crate::output::{Reporter, Ui, dispatch, quoted};

/// How long after the second signal a reader of stdout has for what is still to be told.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What every verb is handed.
#[derive(Debug)]
pub struct Cx {
    /// The streams.
    pub ui: Ui,
    /// The resolved settings.
    pub config: Config,
    /// The directory that paths on the command line are relative to.
    pub cwd: PathBuf,
    /// `--yes`.
    pub yes: bool,
    bus: Option<Bus>,
}

impl Cx {
    /// A context of a run.
    pub fn new(ui: Ui, config: Config, cwd: PathBuf, yes: bool) -> Self {
        Self { ui, config, cwd, yes, bus: None }
    }

    /// Connects to the chosen bus, once, and says on stderr which one it is.
    ///
    /// # Errors
    /// There is no bus file, it cannot be used, or the AWS configuration cannot be loaded.
    pub async fn bus(&mut self) -> Result<Bus, CliError> {
        if let Target::Local { path } = &self.config.context.value.target
            && !path.exists()
        {
            let next = if self.config.topology.value.exists() {
                "make it from the topology: `eventbus provision`"
            } else {
                "make a project to start from (`eventbus init`), or go to the folder that has one"
            };
            let shown = self.shown(&path.display().to_string());
            return Err(CliError::failed(format!("there is no bus here yet: {shown} does not exist")).hint(next));
        }
        self.bus_or_new().await
    }

    /// The same, making the embedded bus's file if it is not there: for those who create what is in it.
    ///
    /// # Errors
    /// The bus file cannot be used, or the AWS configuration cannot be loaded.
    pub async fn bus_or_new(&mut self) -> Result<Bus, CliError> {
        if let Some(bus) = &self.bus {
            return Ok(bus.clone());
        }
        let options = match &self.config.context.value.target {
            Target::Local { path } => {
                self.say_bus();
                embedded(open_local(&self.ui, path)?)
            }
            Target::Aws(aws) => ConnectOptions {
                endpoint_url: aws.endpoint_url.clone(),
                region: aws.region.clone(),
                profile: aws.profile.clone(),
                account: aws.account.clone(),
                static_credentials: aws.test_credentials.then(|| ("test".into(), "test".into())),
                http_client: None,
                peek: false,
            },
        };
        let in_process = options.http_client.is_some();
        let connected = Bus::connect(options).await;
        if !in_process {
            // Only now is it known: the AWS configuration may name an endpoint, too.
            self.config.context.value.answered_at(connected.as_ref().ok().and_then(Bus::endpoint_url));
            self.say_bus();
        }
        let bus = connected?;
        self.bus = Some(bus.clone());
        Ok(bus)
    }

    /// [`Cx::bus`] for those who look into queues: an endpoint of this machine is asked whether it shows messages without
    /// receiving them, as the embedded bus and LocalStack do.
    ///
    /// # Errors
    /// As [`Cx::bus`].
    pub async fn looking_bus(&mut self) -> Result<Bus, CliError> {
        let bus = self.bus().await?;
        let port = bus.endpoint_url().filter(|url| is_loopback(url)).and_then(port_of);
        let Some(port) = port.filter(|_| !bus.can_peek()) else { return Ok(bus) };
        if crate::local::answers(port).await != Listening::NoBus {
            return Ok(bus.peeking(false));
        }
        Ok(if crate::local::is_localstack(port).await { bus.peeking(true) } else { bus })
    }

    fn say_bus(&self) {
        let context = &self.config.context.value;
        let name = context.name.as_deref().unwrap_or("ad hoc");
        self.ui.note(format!("bus `{name}`: {}", self.shown(&context.describe())));
        if let Some(profile) = &self.config.stray_profile {
            self.ui.note(format!(
                "AWS_PROFILE is `{profile}`, but this is the embedded bus; add `--profile {profile}` to use AWS"
            ));
        }
    }

    /// Runs the engine's `work` with `reporter` listening on a thread of its own.
    ///
    /// Returns what the work returned, and the reporter with what writing to stdout answered. After the second signal a
    /// reporter that cannot write is waited for no longer than [`LAST_WORDS`], and left where it is: then there is none to
    /// return.
    ///
    /// # Errors
    /// A failure of the dispatcher itself, which is a bug.
    pub async fn drive_until<R, T, F>(
        &self,
        shutdown: &Shutdown,
        reporter: R,
        work: impl FnOnce(Emitter) -> F,
    ) -> Result<(T, Option<(R, io::Result<()>)>), CliError>
    where
        R: Reporter + 'static,
        F: Future<Output = T>,
    {
        let (emitter, events) = engine::channel();
        let dispatcher = tokio::task::spawn_blocking(move || dispatch(events, reporter));
        let done = work(emitter).await;
        let over = async {
            shutdown.aborting().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let told = tokio::select! {
            biased;
            told = dispatcher => {
                Some(told.map_err(|error| CliError::failed("the reporter ended unexpectedly").because(&error))?)
            }
            () = over => {
                self.ui.warn("stdout is not being read: what was still to be written there is lost");
                None
            }
        };
        Ok((done, told))
    }

    /// `path` as the user would write it from the working directory.
    pub fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.cwd.display()), "")
    }

    /// `path` of the command line as a path that can be opened.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.cwd.join(path)
    }
}

/// Opens the embedded bus in `path`, making the file if it is not there. Says so when another process keeps it waiting, now or
/// later.
///
/// # Errors
/// The file cannot be used; with the fix where there is one.
pub fn open_local(ui: &Ui, path: &Path) -> Result<LocalBus, CliError> {
    open_local_with(ui, path, OpenOptions::default())
}

/// As [`open_local`], otherwise than everybody wants it; who waits is told in any case.
///
/// # Errors
/// As [`open_local`].
pub fn open_local_with(ui: &Ui, path: &Path, options: OpenOptions) -> Result<LocalBus, CliError> {
    // Past a limit on the size of files the system ends a program, unless it takes this signal: then the write is refused, which
    // is said like a full disk. Where it cannot be taken all stays as it was.
    let limit = tokio::signal::unix::SignalKind::from_raw(nix::sys::signal::Signal::SIGXFSZ as i32);
    let _ = tokio::signal::unix::signal(limit);
    let (told, shown) = (ui.clone(), path.display().to_string());
    let on_wait = OnWait::new(move || {
        told.warn(format!("the bus file {shown} is locked by another process; waiting for it, for 30 s at most"));
    });
    LocalBus::open(path, OpenOptions { on_wait, ..options }).map_err(|error| {
        let file = quoted(&path.display().to_string());
        let hint = match &error {
            OpenError::ReadOnly { path, .. } => {
                Some(format!("make it writable: `chmod u+w {}`", quoted(&path.display().to_string())))
            }
            OpenError::NotADatabase { .. } | OpenError::Foreign { .. } | OpenError::NotAFile { .. } => {
                Some(format!("name another file in eventbus.yaml: `contexts: {{ local: {{ kind: local, path: {DEFAULT_BUS} }} }}`"))
            }
            OpenError::Newer { .. } => Some("update eventbus, or name another file in eventbus.yaml".to_owned()),
            OpenError::Corrupt { .. } => {
                Some(format!("move it away and make a new one: `mv {file} {file}.damaged && eventbus provision`"))
            }
            OpenError::Network { .. } => {
                Some("name a file on a local disk in eventbus.yaml: `contexts: { local: { kind: local, path: /var/tmp/bus.db } }`".to_owned())
            }
            OpenError::DiskFull { .. } => Some("free some space on that disk and try again".to_owned()),
            OpenError::Busy { .. } => {
                Some(format!("see who holds it: `fuser -v {file}`, or try again"))
            }
            _ => None,
        };
        let unusable = CliError::failed(format!("the bus file {} cannot be used", path.display())).because(&error);
        match hint {
            Some(hint) => unusable.hint(hint),
            None => unusable,
        }
    })
}

/// The port of a plain HTTP endpoint.
fn port_of(url: &str) -> Option<u16> {
    let uri: http::Uri = url.parse().ok()?;
    (uri.scheme_str() == Some("http")).then(|| uri.port_u16().unwrap_or(80))
}

/// How the embedded bus is reached: in process, as the account and in the region that everything local has.
fn embedded(bus: LocalBus) -> ConnectOptions {
    ConnectOptions {
        endpoint_url: Some("http://localhost".into()),
        region: Some("us-east-1".into()),
        profile: None,
        account: Some("000000000000".into()),
        static_credentials: Some(("test".into(), "test".into())),
        http_client: Some(crate::local::connector(bus)),
        peek: true,
    }
}

/// The longest duration of the command line.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

/// A duration of the command line, such as `30s` or `5m`; not zero, which none of the flags has a meaning for.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(found) if found.is_zero() => Err("it must be longer than nothing, such as `30s`".into()),
        // No clock counts as far as some durations can be written.
        Ok(found) if found > LONGEST => Err("it must be at most ten years".into()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{error}; expected something like `30s` or `5m`")),
    }
}

/// What a failed write to stdout means for the run: nothing when the reader went away, a failure otherwise.
///
/// # Errors
/// stdout could not be written for another reason (a full disk).
pub fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failed("stdout cannot be written").because(&error))
        }
        _ => Ok(()),
    }
}

/// The outcome of a run that ended by a signal, if it did.
pub fn outcome_of_signal(signal: Option<engine::shutdown::Signal>) -> Option<Outcome> {
    signal.map(|signal| match signal {
        engine::shutdown::Signal::Interrupt => Outcome::Interrupted,
        engine::shutdown::Signal::Terminate => Outcome::Terminated,
    })
}

/// What `look` finds, or how the run ends when a signal comes before: nothing was begun that would have to be finished.
///
/// # Errors
/// What `look` answers.
pub async fn unless_signalled<T>(
    shutdown: &engine::shutdown::Shutdown,
    look: impl Future<Output = Result<T, CliError>>,
) -> Result<Result<T, Outcome>, CliError> {
    tokio::select! {
        biased;
        () = shutdown.draining() => Ok(Err(outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Done))),
        found = look => found.map(Ok),
    }
}

/// Runs `command`.
///
/// # Errors
/// Whatever made the verb give up.
pub async fn run(cx: &mut Cx, command: Command) -> Result<Outcome, CliError> {
    match command {
        Command::Publish(args) => publish::run(cx, *args).await,
        Command::Init(args) => init::run(cx, &args),
        Command::Provision(args) => provision::run(cx, &args).await,
        Command::Local(args) => local::run(cx, args).await,
        Command::Demo(args) => demo::run(cx, &args).await,
        Command::Consume(args) => consume::run(cx, *args).await,
        Command::Topology(args) => topology::verb::run(cx, args).await,
        Command::IamPolicy(args) => iam_policy::run(cx, &args),
        Command::Explain(args) => explain::run(cx, &args).await,
        Command::Inspect(args) => inspect::run(cx, args).await,
        Command::Purge(args) => purge::run(cx, args).await,
        Command::Record(args) => record::run(cx, args).await,
        Command::Tap(args) => tap::run(cx, args).await,
        Command::Trace(args) => trace::run(cx, args).await,
        Command::Tail(args) => tail::run(cx, *args).await,
        Command::Replay(args) => replay::run(cx, *args).await,
        Command::Outbox(args) => outbox::run(cx, args).await,
        Command::Run(args) => run::run(cx, *args).await,
        Command::Schema(args) => schema::run(cx, args),
        Command::Completions(args) => completions::run(&cx.ui, &args),
    }
}
