//! The command line of `consume`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::values;
use crate::commands::duration;
use crate::engine::consume::{self, OrderBy, PauseAfter, Rate};
use crate::output::Format;

/// Run handlers over the events of queues, and acknowledge by how they end
#[derive(Debug, Args)]
#[command(
    override_usage = "eventbus consume [OPTIONS] [QUEUE]... --exec CMD\n       eventbus consume [OPTIONS] [QUEUE]... -- CMD [ARGS]...\n       eventbus consume [OPTIONS] [QUEUE]... --on EVENT=CMD...\n       eventbus consume [OPTIONS] [QUEUE]... --forward URL\n       eventbus consume [OPTIONS] [QUEUE]..."
)]
#[command(group = ArgGroup::new("handler").args(["exec", "command", "forward"]))]
#[command(
    after_help = "The command reads the event as JSON on its stdin and finds its name, ids and deadline in EVENTBUS_* variables.\n\
    Its exit code decides: 0 acknowledge, 75 not now, 65 reject to the dead-letter queue, 126/127 cannot run: stop;\n\
    any other, a signal or a timeout: another attempt after a while, until the queue's max receives.\n\n\
    With `--protocol batch` and `stream` it reads a line for each event,\n  \
    {\"id\":\"…\",\"attempt\":1,\"queue\":\"…\",\"deadline\":\"…\",\"metadata\":{…},\"payload\":{…}}\n\
    and writes a line for each result, in any order; an event without a result is tried again:\n  \
    {\"id\":\"…\",\"outcome\":\"ack\"}    or retry, not_now, reject, with \"retry_after\": seconds and \"reason\": text\n\n\
    With `--forward` each event is a CloudEvents request (binary mode, the payload as its body); the status decides:\n\
    2xx acknowledge; 429, 503 not now, after Retry-After; 400, 413, 422 reject; any other, or none: another attempt.\n\n\
    Without a handler on the command line those of `handlers:` in eventbus.yaml run. Of several patterns the most exact\n\
    one wins. Ctrl-C or SIGTERM lets what runs finish and gives back the rest; a second one ends it.\n\n\
    Examples: eventbus consume user_events --exec ./handler.sh\n          \
    eventbus consume --drain --workers 4 -- python handle.py --fast\n          \
    eventbus consume --on UserRegistered=./welcome.sh --on 'Order*=./orders.sh' --unhandled ack\n          \
    eventbus consume orders payments --protocol stream --workers 2 -- python worker.py\n          \
    eventbus consume --forward http://localhost:8000/hook --pause-after '20 failures in 1m'"
)]
pub struct ConsumeArgs {
    /// The queues, by name, ARN or URL [default: `consume.queue` of eventbus.yaml, else the topology's only queue that is no
    /// dead-letter queue]
    #[arg(value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// Run this shell line (`sh -c`)
    #[arg(long, value_name = "CMD", allow_hyphen_values = true, help_heading = "Handlers")]
    pub exec: Option<String>,
    /// Run this command, without a shell
    #[arg(last = true, value_name = "CMD", help_heading = "Handlers")]
    pub command: Vec<OsString>,
    /// Run this shell line for events of this name; `*` stands for any text. Can be repeated; `--exec` gets the rest
    #[arg(long, value_name = "EVENT=CMD", value_parser = values::on, help_heading = "Handlers")]
    pub on: Vec<(String, String)>,
    /// Post each event to this URL
    #[arg(long, value_name = "URL", help_heading = "Handlers")]
    pub forward: Option<String>,
    /// How commands are spoken to [default: `spawn`]
    #[arg(long, value_enum, value_name = "PROTOCOL", conflicts_with = "forward", help_heading = "Handlers")]
    pub protocol: Option<ProtocolName>,
    /// Hand up to so many events to a process, with `--protocol batch`, which this chooses [default: 100]
    #[arg(long, value_name = "N", conflicts_with = "forward", help_heading = "Handlers")]
    pub batch: Option<NonZeroUsize>,
    /// Fill a batch for so long, with `--protocol batch`, which this chooses [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "forward", help_heading = "Handlers")]
    pub batch_wait: Option<Duration>,
    /// Hand so many events at once to each process, with `--protocol stream`, which this chooses [default: 1]
    #[arg(long, value_name = "K", conflicts_with = "forward", help_heading = "Handlers")]
    pub inflight: Option<NonZeroUsize>,
    /// What handlers read
    #[arg(long, value_enum, value_name = "FORM", default_value = "event", help_heading = "Handlers")]
    pub stdin: StdinForm,
    /// How many processes or requests run at once, for each handler [default: 1]
    #[arg(long, value_name = "N", help_heading = "Handlers")]
    pub workers: Option<NonZeroUsize>,
    /// How long one may run; the message is kept from others meanwhile [default: `consume.timeout` of the configuration, else the
    /// queue's visibility timeout]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Handlers")]
    pub timeout: Option<Duration>,
    /// What becomes of events without a handler
    #[arg(long, value_enum, value_name = "WHAT", default_value = "leave", help_heading = "Handlers")]
    pub unhandled: What,
    /// What becomes of messages that are no events or, with `--validate`, not as their schema says
    #[arg(long, value_enum, value_name = "WHAT", default_value = "reject", help_heading = "Handlers")]
    pub invalid: What,
    /// Check payloads against the schemas first
    #[arg(long, help_heading = "Handlers")]
    pub validate: bool,
    /// Handle events one after another that are alike in this: `entity_id`, or a JSON pointer into the payload. FIFO queues are
    /// always handled in order
    #[arg(long, value_name = "KEY", value_parser = values::order_by, help_heading = "Flow")]
    pub order_by: Option<OrderBy>,
    /// Start no more than so many, such as `10/s` or `30/m`
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = "Flow")]
    pub rate: Option<Rate>,
    /// Pause when too much fails, such as `20 failures in 1m`; then try one event at a time until one is handled
    #[arg(long, value_name = "LIMIT", value_parser = values::pause_after, help_heading = "Flow")]
    pub pause_after: Option<PauseAfter>,
    /// Hold no more than so much of bodies, such as `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Flow")]
    pub max_memory: Option<usize>,
    /// Remember what was handled for so long, and skip it when it comes again [default: 24h]
    #[arg(long, value_name = "WINDOW", value_parser = duration, num_args = 0..=1, require_equals = true,
        default_missing_value = "24h", help_heading = "Flow")]
    pub dedupe: Option<Duration>,
    /// What makes two messages the same
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        default_value = "message",
        requires = "dedupe",
        help_heading = "Flow"
    )]
    pub dedupe_by: DedupeKey,
    /// Where it is remembered; processes that name the same file share it [default: `.eventbus/handled.db`]
    #[arg(long, value_name = "FILE", requires = "dedupe", help_heading = "Flow")]
    pub dedupe_file: Option<PathBuf>,
    /// Publish this event for each handled one, with the handler's stdout as payload if that is a JSON object, else with the
    /// event's own
    #[arg(long, value_name = "EVENT", help_heading = "Outcome events")]
    pub on_success: Option<String>,
    /// Publish this event when one failed for good
    #[arg(long, value_name = "EVENT", help_heading = "Outcome events")]
    pub on_failure: Option<String>,
    /// After which failures `--on-failure` is published
    #[arg(
        long,
        value_enum,
        value_name = "WHICH",
        default_value = "final",
        requires = "on_failure",
        help_heading = "Outcome events"
    )]
    pub failure_on: FailureOn,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "When to end")]
    pub count: Option<u64>,
    /// End when nothing came for so long
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "When to end")]
    pub idle: Option<Duration>,
    /// End when nothing is left to receive
    #[arg(long, help_heading = "When to end")]
    pub drain: bool,
    /// After the first signal, end commands that still run after so long [default: their own timeout]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "When to end")]
    pub drain_timeout: Option<Duration>,
    /// Exit with 3 if an event failed, was rejected or was left
    #[arg(long)]
    pub fail_on_error: bool,
    /// Show which handler would get which waiting message, and do nothing. On the embedded bus looking is free
    #[arg(long)]
    pub dry_run: bool,
    /// With `--dry-run`: look even where each look is a receive
    #[arg(long, requires = "dry_run")]
    pub force: bool,
    /// Answer `/metrics` (Prometheus), `/healthz` and `/readyz` here; a port alone is on the loopback address
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    pub metrics: Option<SocketAddr>,
    /// What stderr is written as
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    pub log: LogForm,
    /// `pretty`: the commands' stdout on stdout, what became of each event on stderr. `json`: the summary on stdout; `ndjson`:
    /// a line for each event and the summary; with these two the commands' stdout goes to stderr
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "pretty",
        value_parser = Format::one_of(&[Format::Pretty, Format::Json, Format::Ndjson]))]
    pub output: Format,
}

/// How a command is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// A process for each event
    Spawn,
    /// A process for each batch of events: lines in, lines out
    Batch,
    /// Processes that stay: lines in, lines out
    Stream,
}

/// What becomes of a message without a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Acknowledge it
    Ack,
    /// Leave it: it is seen again after its visibility timeout
    Leave,
    /// Move it to the dead-letter queue; leave it where there is none
    Reject,
}

impl From<What> for consume::Unclaimed {
    fn from(what: What) -> Self {
        match what {
            What::Ack => Self::Ack,
            What::Leave => Self::Leave,
            What::Reject => Self::Reject,
        }
    }
}

/// What makes two messages the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DedupeKey {
    /// The message's id
    Message,
    /// Event name, entity id, publish date and payload
    Event,
}

/// After which failures an event is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailureOn {
    /// The last attempt that the queue allows, and rejections
    Final,
    /// Every attempt
    Every,
}

/// What the conversation is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    /// Sentences
    Text,
    /// A JSON object a line, with ids and trace
    Json,
}

/// What a handler reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StdinForm {
    /// `{"metadata":{…},"payload":{…}}` in one line
    Event,
    /// The payload alone
    Payload,
    /// The record: event, body, attributes and system fields in one line
    Record,
    /// The queue's body, to the last byte
    Body,
}

impl From<StdinForm> for consume::Stdin {
    fn from(form: StdinForm) -> Self {
        match form {
            StdinForm::Event => Self::Event,
            StdinForm::Payload => Self::Payload,
            StdinForm::Record => Self::Record,
            StdinForm::Body => Self::Body,
        }
    }
}
