//! `eventbus iam-policy`: the AWS permissions that verbs need on a topology.

use std::path::PathBuf;

use clap::Args;

use super::replay::Destination;
use super::topology::TopologyArgs;
use super::{Cx, written};
use crate::bus;
use crate::config::{Config, Env, Overrides, Target};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::topology as output;
use crate::topology::Topology;
use crate::topology::iam::{self, IamFault, Looking, Narrowed, Verb};
use crate::topology::live::Arns;
use crate::words;

/// Print the AWS permissions that verbs need, and no more
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the topology and reaches for no bus. The actions are those that the verbs call: a test records them.\n\
    Keys are named as the topology names them; an alias becomes a condition.\n\n\
    Examples: eventbus iam-policy consume --queue user_events --account 123456789012 --region eu-west-1\n          \
    eventbus iam-policy tail --mode receive --queue user_events\n          \
    eventbus iam-policy replay --to topic:users --to-context staging"
)]
pub struct IamPolicyArgs {
    /// What is to be allowed (can be repeated)
    #[arg(value_name = "VERB", required = true, value_enum)]
    pub verbs: Vec<VerbName>,
    /// The topology [default: `topology:` of eventbus.yaml, else topology.yaml]
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// For `publish` and `tail`: only this topic (can be repeated) [default: those that events go to; for `tail`, those that feed
    /// its queues]
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// For `consume`, `tail` and `replay`: only this queue (can be repeated) [default: all working queues; for `replay`, all
    /// dead-letter queues]
    #[arg(long = "queue", value_name = "QUEUE")]
    pub queues: Vec<String>,
    /// For `consume`: publish this event for each handled one, too
    #[arg(long, value_name = "EVENT")]
    pub on_success: Option<String>,
    /// For `consume`: publish this event when one failed, too
    #[arg(long, value_name = "EVENT")]
    pub on_failure: Option<String>,
    /// For `tail`: how it looks [default: auto]
    #[arg(long, value_enum, value_name = "MODE")]
    pub mode: Option<TailMode>,
    /// For `replay`: where to: `origin`, `queue:NAME`, `topic:NAME` or `file:FILE` [default: origin]
    #[arg(long, value_name = "WHERE")]
    pub to: Option<Destination>,
    /// For `replay`: to this context of eventbus.yaml. The credentials of both need the policy; each uses what is in its account
    #[arg(long, value_name = "NAME", conflicts_with = "native")]
    pub to_context: Option<String>,
    /// For `replay`: SQS moves the whole queue by itself
    #[arg(long)]
    pub native: bool,
    /// For `provision`: deletions too (`--prune`, `--destroy`, `--allow-replace`). Queues only where they carry the topology's
    /// tag; SNS has no such condition, so any topic of the prefix (without one: any topic) may be deleted by who has this policy
    #[arg(long)]
    pub prune: bool,
    /// The account of the topics and queues [default: the context's]
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    pub account: Option<String>,
    /// Variables and overlays of the topology
    #[command(flatten)]
    pub topology_args: TopologyArgs,
}

/// A verb with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum VerbName {
    /// `eventbus publish`
    Publish,
    /// `eventbus consume`
    Consume,
    /// `eventbus tail` and `record`; `publish --wait-for` with `--mode tap`
    Tail,
    /// `eventbus replay` of a queue
    Replay,
    /// `eventbus provision`
    Provision,
}

/// How `tail` looks, as its own `--mode` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TailMode {
    /// Through a tap, else by receiving
    Auto,
    /// Only through a tap
    Tap,
    /// By receiving and giving back
    Receive,
    /// By receiving and deleting
    Drain,
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account is twelve digits".into())
}

/// Runs the verb.
///
/// # Errors
/// No topology, a name that it does not have, or an account or region that nobody named.
pub fn run(cx: &mut Cx, args: &IamPolicyArgs) -> Result<Outcome, CliError> {
    let path = args.topology.as_deref().map_or_else(|| cx.config.topology.value.clone(), |file| cx.path(file));
    let topology = cx.topology_from(&path, &args.topology_args)?;
    let arns = arns(cx, args)?;
    check(args)?;
    let verbs = verbs(cx, args, &topology)?;
    let narrowed = Narrowed { topics: args.topics.clone(), queues: args.queues.clone() };
    let policy = iam::policy(&topology, &verbs, &narrowed, &arns).map_err(|fault| {
        let refused = CliError::refused(fault.to_string());
        let IamFault::Unknown { kind, name } = &fault else { return refused };
        let near = if *kind == "topic" {
            words::did_you_mean(name, topology.topics.iter().map(|topic| topic.key.as_str()))
        } else {
            words::did_you_mean(name, topology.queues.iter().map(|queue| queue.key.as_str()))
        };
        match near {
            Some(near) => refused.hint(near),
            None => refused,
        }
    })?;
    written(output::write(&cx.ui, &format!("{policy:#}\n")))?;
    Ok(Outcome::Done)
}

/// A flag without the verb that it is about would be passed over without a word.
fn check(args: &IamPolicyArgs) -> Result<(), CliError> {
    let flags = [
        ("--on-success", VerbName::Consume, args.on_success.is_some()),
        ("--on-failure", VerbName::Consume, args.on_failure.is_some()),
        ("--mode", VerbName::Tail, args.mode.is_some()),
        ("--to", VerbName::Replay, args.to.is_some()),
        ("--to-context", VerbName::Replay, args.to_context.is_some()),
        ("--native", VerbName::Replay, args.native),
        ("--prune", VerbName::Provision, args.prune),
    ];
    for (flag, verb, given) in flags {
        if given && !args.verbs.contains(&verb) {
            let verb = format!("{verb:?}").to_lowercase();
            return Err(CliError::usage(format!("`{flag}` is about `{verb}`, which is not among the verbs")));
        }
    }
    if args.native && matches!(args.to, Some(Destination::Topic(_) | Destination::File(_))) {
        return Err(CliError::usage("`--native` moves from queue to queue").hint("leave out `--native`"));
    }
    let looks = args.topics.is_empty() || args.verbs.contains(&VerbName::Publish);
    if !looks && matches!(args.mode, Some(TailMode::Receive | TailMode::Drain)) {
        return Err(CliError::usage("a topic holds no messages: it can only be looked at through a tap")
            .hint("name queues: `--queue NAME`, or leave out `--mode`"));
    }
    Ok(())
}

fn verbs(cx: &Cx, args: &IamPolicyArgs, topology: &Topology) -> Result<Vec<Verb>, CliError> {
    let announced = |flag: &str, event: &Option<String>| {
        let Some(event) = event else { return Ok(Vec::new()) };
        let publisher = cx.config.publisher.as_ref().map_or("", |publisher| publisher.value.as_str());
        match topology.route(publisher, event) {
            Some(route) => Ok(route.topics.clone()),
            None => Err(CliError::refused(format!("`{flag} {event}`: the event has no topic to go to"))
                .hint(format!("add `{event}: {{ topic: NAME }}` to `events:` of the topology"))),
        }
    };
    let mut announces = announced("--on-success", &args.on_success)?;
    announces.extend(announced("--on-failure", &args.on_failure)?);
    let to = match &args.to {
        None | Some(Destination::Origin) => iam::Destination::Origin,
        Some(Destination::Queue(name)) => iam::Destination::Queue(name.clone()),
        Some(Destination::Topic(name)) => iam::Destination::Topic(name.clone()),
        Some(Destination::File(_)) => iam::Destination::File,
    };
    let there = match &args.to_context {
        Some(name) => {
            let flags = Overrides { context: Some(name.clone()), ..Overrides::default() };
            let context = Config::resolve(&flags, &Env::read(), &cx.cwd)?.context.value;
            Some(place(&context.target, None, &format!("context `{name}`"))?)
        }
        None => None,
    };
    let looking = match args.mode {
        None | Some(TailMode::Auto) => Looking::Auto,
        Some(TailMode::Tap) => Looking::Tap,
        Some(TailMode::Receive) => Looking::Receive,
        Some(TailMode::Drain) => Looking::Drain,
    };
    let verb = |name: &VerbName| match name {
        VerbName::Publish => Verb::Publish,
        VerbName::Consume => Verb::Consume { announces: announces.clone() },
        VerbName::Tail => Verb::Tail(looking),
        VerbName::Replay => Verb::Replay { to: to.clone(), native: args.native, there: there.clone() },
        VerbName::Provision => Verb::Provision { prune: args.prune },
    };
    Ok(args.verbs.iter().map(verb).collect())
}

/// Where the topics and queues are: flags, else the context. Nobody is asked: a policy is often written for another account
/// than one's own.
fn arns(cx: &Cx, args: &IamPolicyArgs) -> Result<Arns, CliError> {
    place(&cx.config.context.value.target, args.account.as_deref(), "the topics and queues")
}

fn place(target: &Target, account: Option<&str>, of: &str) -> Result<Arns, CliError> {
    let (region, known) = match target {
        Target::Local { .. } => (Some("us-east-1".to_owned()), Some("000000000000".to_owned())),
        Target::Aws(aws) => (aws.region.clone(), aws.account.clone()),
    };
    let Some(account) = account.map(str::to_owned).or(known) else {
        return Err(CliError::usage(format!("the account of {of} is not known"))
            .hint("name it: `--account 123456789012`, or `account:` of the context in eventbus.yaml"));
    };
    let Some(region) = region else {
        return Err(CliError::usage(format!("the region of {of} is not known"))
            .hint("name it: `--region eu-west-1`, or `region:` of the context in eventbus.yaml"));
    };
    Ok(Arns { partition: bus::partition(&region).to_owned(), region, account })
}
