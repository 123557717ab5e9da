//! `eventbus iam-policy`: the AWS permissions that verbs need on a topology.

use std::path::PathBuf;

use clap::Args;

use super::topology::TopologyArgs;
use super::{Cx, written};
use crate::bus;
use crate::config::Target;
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::topology as output;
use crate::topology::iam::{self, IamFault, Narrowed, Verb};
use crate::topology::live::Arns;
use crate::words;

/// Print the AWS permissions that verbs need, and no more
#[derive(Debug, Args)]
#[command(
    after_help = "Reads the topology and reaches for no bus. The actions are those that the verbs call: a test records them.\n\
    Keys are named as the topology names them; an alias becomes a condition.\n\n\
    Example: eventbus iam-policy consume --queue user_events --account 123456789012 --region eu-west-1"
)]
pub struct IamPolicyArgs {
    /// What is to be allowed (can be repeated)
    #[arg(value_name = "VERB", required = true, value_enum)]
    pub verbs: Vec<VerbName>,
    /// The topology [default: `topology:` of eventbus.yaml, else topology.yaml]
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// For `publish`: only this topic (can be repeated) [default: those that events go to]
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// For `consume`, `tail` and `replay`: only this queue (can be repeated) [default: all working queues; for `replay`, all
    /// dead-letter queues]
    #[arg(long = "queue", value_name = "QUEUE")]
    pub queues: Vec<String>,
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
    /// `eventbus consume`; the topics of `--on-success` and `--on-failure` need `publish` as well
    Consume,
    /// `eventbus tail --mode receive`; a tap makes a queue and a subscription, and needs more
    Tail,
    /// `eventbus replay` of a dead-letter queue to its origin
    Replay,
    /// `eventbus provision`
    Provision,
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
    let verbs: Vec<Verb> = args
        .verbs
        .iter()
        .map(|verb| match verb {
            VerbName::Publish => Verb::Publish,
            VerbName::Consume => Verb::Consume,
            VerbName::Tail => Verb::Tail,
            VerbName::Replay => Verb::Replay,
            VerbName::Provision => Verb::Provision { prune: args.prune },
        })
        .collect();
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

/// Where the topics and queues are: flags, else the context. Nobody is asked: a policy is often written for another account
/// than one's own.
fn arns(cx: &Cx, args: &IamPolicyArgs) -> Result<Arns, CliError> {
    let (region, account) = match &cx.config.context.value.target {
        Target::Local { .. } => (Some("us-east-1".to_owned()), Some("000000000000".to_owned())),
        Target::Aws(aws) => (aws.region.clone(), aws.account.clone()),
    };
    let Some(account) = args.account.clone().or(account) else {
        return Err(CliError::usage("the account of the topics and queues is not known")
            .hint("name it: `--account 123456789012`, or `account:` of the context in eventbus.yaml"));
    };
    let Some(region) = region else {
        return Err(CliError::usage("the region of the topics and queues is not known")
            .hint("name it: `--region eu-west-1`, or `region:` of the context in eventbus.yaml"));
    };
    Ok(Arns { partition: bus::partition(&region).to_owned(), region, account })
}
