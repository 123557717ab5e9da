//! The command line: global arguments and the list of verbs. Parsing touches nothing.

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::config::Overrides;
use crate::output::ColorChoice;

/// Publish, provision, tail, consume and replay events on Amazon SNS and SQS
#[derive(Debug, Parser)]
#[command(name = "eventbus", version, max_term_width = 100, propagate_version = false, disable_help_subcommand = true)]
#[command(after_help = "Without any configuration the bus is an embedded one in `.eventbus/bus.db`.\n\
    Exit codes: 0 done, 1 failed, 2 usage, 3 some items done and some not, 4 refused before sending,\n\
    5 credentials, 6 asked and the answer is no, 7 waited in vain, 130/143 ended by a signal after\n\
    draining, 255 a bug.")]
pub struct App {
    /// What applies to every verb.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every verb.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Use this context of eventbus.yaml [env: EVENTBUS_CONTEXT] [default: local]
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Use AWS with this profile
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Use AWS in this region
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Use the SNS/SQS endpoint at this URL [env: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Answer yes to questions
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Print only the answer, warnings and errors
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
    /// Say more about what is done
    #[arg(long, short = 'v', global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Print the resolved settings and where each came from, and end
    #[arg(long, global = true, hide = true)]
    pub show_settings: bool,
}

impl GlobalArgs {
    /// The flags that choose a bus, as typed.
    pub fn choosing(&self) -> Vec<(&str, &str)> {
        [
            ("--context", &self.context),
            ("--profile", &self.profile),
            ("--region", &self.region),
            ("--endpoint-url", &self.endpoint_url),
        ]
        .into_iter()
        .filter_map(|(flag, value)| value.as_deref().map(|value| (flag, value)))
        .collect()
    }

    /// The flags that choose a bus.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            context: self.context.clone(),
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
        }
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check payloads against the event's schema and publish them to its topic
    Publish(Box<commands::publish::PublishArgs>),
    /// Plan and apply topics, queues, dead-letter queues, policies and subscriptions
    Provision(commands::provision::ProvisionArgs),
    /// Show what waits in a queue, then what comes, each message once
    Tail(Box<commands::tail::TailArgs>),
    /// Say what lies in a queue or a recording: grouped, counted, aged, with one sample each
    Inspect(commands::inspect::InspectArgs),
    /// Write what waits in a queue, and what comes, into a file without losing anything of it
    Record(commands::record::RecordArgs),
    /// Run a command for each event of a queue, and acknowledge by its exit code
    Consume(Box<commands::consume::ConsumeArgs>),
    /// Send the messages of a dead-letter queue back to their origin, or those of any queue to another
    Replay(Box<commands::replay::ReplayArgs>),
    /// Run a command and publish how it ended
    Run(Box<commands::run::RunArgs>),
    /// Look at, send or forget the events that an outbox keeps
    Outbox(commands::outbox::OutboxArgs),
    /// Show the path of one entity or trace through recordings, queues and topics
    Trace(commands::trace::TraceArgs),
    /// Delete every message of a queue, after saying what is in it
    Purge(commands::purge::PurgeArgs),
    /// List the temporary queues that looking made, and remove those left behind
    Tap(commands::tap::TapArgs),
    /// Say who gets an event, and which clause of the filter stops it at the others
    Explain(commands::explain::ExplainArgs),
    /// Look at payload schemas, check payloads against them, make examples, and compare versions
    Schema(commands::schema::SchemaArgs),
    /// Look at a topology: draw it, describe it, export it, or write it from a live bus
    Topology(commands::topology::verb::TopologyVerb),
    /// Print the AWS permissions that verbs need, and no more
    IamPolicy(commands::iam_policy::IamPolicyArgs),
    /// The embedded bus: serve it to other programs, look into it, empty it
    Local(commands::local::LocalArgs),
    /// Write a small project to start from: configuration, topology, a schema, a payload and a handler
    Init(commands::init::InitArgs),
    /// Show the whole road on the embedded bus: provision, publish, explain, tail, consume, replay
    Demo(commands::demo::DemoArgs),
    /// Print the completion script of a shell
    Completions(commands::completions::CompletionsArgs),
}
