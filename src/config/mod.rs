//! What a run is to work with: flags over environment over `eventbus.yaml` over defaults.
//!
//! The only reader of the environment and of the configuration file. May use event's types; never the bus, the engine or the
//! network: resolving touches nothing but files.

mod env;
mod file;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use env::{CHOOSING_VARIABLES, Env, Otlp, Secret, arguments, environment_variable, program};
pub use file::{ContextKind, FILE_NAME, HandlerFile, RetryFile};

use crate::error::CliError;
use crate::event::{EnvelopeStyle, TraceParent};
use crate::words;
use file::ConfigFile;

/// Where the embedded bus lives unless somebody says otherwise.
pub const DEFAULT_BUS: &str = ".eventbus/bus.db";

/// What the global flags say, as typed.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--context`
    pub context: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--region`
    pub region: Option<String>,
    /// `--endpoint-url`
    pub endpoint_url: Option<String>,
}

impl Overrides {
    fn choose_aws(&self) -> bool {
        self.profile.is_some() || self.region.is_some() || self.endpoint_url.is_some()
    }
}

/// A value and where it came from (`flag`, `env NAME`, a file, `default`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Its source, for people.
    pub from: String,
}

impl<T> Sourced<T> {
    fn new(value: T, from: impl Into<String>) -> Self {
        Self { value, from: from.into() }
    }
}

/// The bus of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The context's name; none when it was put together from flags or `AWS_ENDPOINT_URL`.
    pub name: Option<String>,
    /// Which bus.
    pub target: Target,
    /// Ask for the resource's typed name before anything destructive.
    pub protected: bool,
}

/// Where the bus is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The embedded bus in this file.
    Local {
        /// The bus file.
        path: PathBuf,
    },
    /// SNS and SQS, or an endpoint that answers as they do.
    Aws(AwsTarget),
}

/// How to reach SNS and SQS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsTarget {
    /// The profile; none: the SDK's default.
    pub profile: Option<String>,
    /// The region; none: the SDK's default chain.
    pub region: Option<String>,
    /// The account, where it is known beforehand.
    pub account: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint_url: Option<String>,
    /// A loopback endpoint that nobody gave credentials for: `test`/`test` are used.
    pub test_credentials: bool,
}

/// Where a bus comes from that the environment's endpoint chose.
const FROM_ENDPOINT: &str = "env AWS_ENDPOINT_URL";

/// What a run is to work with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The configuration file, if one was found.
    pub file: Option<PathBuf>,
    /// The bus.
    pub context: Sourced<Context>,
    /// The embedded bus that would be chosen if `AWS_ENDPOINT_URL` did not name a loopback address, as it does in a shell after
    /// `eval "$(eventbus local env)"`.
    pub beside: Option<Context>,
    /// `metadata.publisherName`.
    pub publisher: Option<Sourced<String>>,
    /// The topology file; the default need not exist.
    pub topology: Sourced<PathBuf>,
    /// The folder of payload schemas; the default need not exist.
    pub schemas: Sourced<PathBuf>,
    /// How the envelope is written.
    pub envelope: Sourced<EnvelopeStyle>,
    /// Refuse events without a schema.
    pub require_schema: bool,
    /// The queue that `consume` takes by default.
    pub consume_queue: Option<Sourced<String>>,
    /// How long a handler of `consume` may take by default.
    pub consume_timeout: Option<Sourced<Duration>>,
    /// What `consume` runs over which events, by pattern.
    pub handlers: Vec<(String, HandlerFile)>,
    /// The folder that the file's paths are relative to; the working directory without a file.
    pub folder: PathBuf,
    /// The command that sees each event before it is sent.
    pub publish_before: Option<String>,
    /// The command that is told what became of each.
    pub publish_after: Option<String>,
    /// The span that started this program (`TRACEPARENT`).
    pub trace: Option<TraceParent>,
    /// What requests to `local serve --bind` must be signed with, each half as the environment has it.
    pub serve_credentials: (Option<String>, Option<Secret>),
    /// `PATH`, in which handlers are looked up.
    pub path: Option<std::ffi::OsString>,
    /// Where spans go.
    pub otlp: Option<Otlp>,
    /// `AWS_PROFILE` while the bus is local: the user may believe to be on AWS.
    pub stray_profile: Option<String>,
}

impl Config {
    /// Resolves everything for a run in `cwd`.
    ///
    /// # Errors
    /// An unreadable or invalid file, an unknown context, or flags that contradict each other: all usage errors.
    pub fn resolve(flags: &Overrides, env: &Env, cwd: &Path) -> Result<Self, CliError> {
        let path = match &env.config {
            Some(path) => Some(cwd.join(path)),
            None => file::find(cwd),
        };
        let (file, base) = match &path {
            Some(path) => (file::load(path)?, path.parent().unwrap_or(cwd).to_owned()),
            None => (ConfigFile::default(), cwd.to_owned()),
        };
        let named = path.as_deref().map_or_else(|| FILE_NAME.to_owned(), |path| path.display().to_string());
        let from_file = |value: Option<&String>| value.map(|value| Sourced::new(value.clone(), &named));
        let in_base = |value: &Option<String>, default: &str| match value {
            Some(value) => Sourced::new(base.join(value), &named),
            None => Sourced::new(base.join(default), "default"),
        };
        let context = resolve_context(flags, env, &file, &base, &named)?;
        let served = env.aws_endpoint_url.as_deref().is_some_and(is_loopback) && context.from == FROM_ENDPOINT;
        let beside = served
            .then(|| resolve_context(flags, &Env { aws_endpoint_url: None, ..env.clone() }, &file, &base, &named))
            .transpose()?
            .map(|context| context.value)
            .filter(|context| matches!(context.target, Target::Local { .. }));
        Ok(Self {
            beside,
            publisher: env
                .publisher
                .as_ref()
                .map(|value| Sourced::new(value.clone(), "env EVENTBUS_PUBLISHER"))
                .or_else(|| from_file(file.publisher.as_ref())),
            topology: in_base(&file.topology, "topology.yaml"),
            schemas: in_base(&file.schemas, "schemas"),
            envelope: match file.envelope {
                Some(style) => Sourced::new(style, &named),
                None => Sourced::new(EnvelopeStyle::default(), "default"),
            },
            require_schema: file.require_schema.unwrap_or(false),
            consume_queue: from_file(file.consume.queue.as_ref()),
            consume_timeout: match file.consume.timeout.as_deref() {
                Some(text) => Some(Sourced::new(handler_timeout(text, &named)?, &named)),
                None => None,
            },
            handlers: file.handlers.clone().into_iter().collect(),
            folder: base.clone(),
            publish_before: file.publish.before,
            publish_after: file.publish.after,
            trace: TraceParent::read(env.traceparent.as_deref()),
            serve_credentials: (env.serve_access_key_id.clone(), env.serve_secret_access_key.clone()),
            path: env.path.clone(),
            otlp: env.otlp.clone(),
            stray_profile: match context.value.target {
                Target::Local { .. } => env.aws_profile.clone(),
                Target::Aws(_) => None,
            },
            context,
            file: path,
        })
    }

    /// What was resolved and from where, a line each: `key = value  (source)`.
    pub fn show(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |key: &str, value: String, from: &str| lines.push(format!("{key} = {value}  ({from})"));
        let none = || "none".to_owned();
        line("config", self.file.as_ref().map_or_else(none, |path| path.display().to_string()), "searched upwards");
        let context = &self.context.value;
        line("context", context.name.clone().unwrap_or_else(|| "ad hoc".into()), &self.context.from);
        line("bus", context.describe(), &self.context.from);
        line("protected", context.protected.to_string(), &self.context.from);
        let optional = |value: &Option<Sourced<String>>| match value {
            Some(found) => (found.value.clone(), found.from.clone()),
            None => (none(), "default".to_owned()),
        };
        let (value, from) = optional(&self.publisher);
        line("publisher", value, &from);
        line("topology", self.topology.value.display().to_string(), &self.topology.from);
        line("schemas", self.schemas.value.display().to_string(), &self.schemas.from);
        line("envelope", self.envelope.value.to_string(), &self.envelope.from);
        line("require_schema", self.require_schema.to_string(), "default, or the file");
        let (value, from) = optional(&self.consume_queue);
        line("consume.queue", value, &from);
        let timeout = self.consume_timeout.as_ref();
        let shown = timeout.map_or_else(none, |found| humantime::format_duration(found.value).to_string());
        line("consume.timeout", shown, timeout.map_or("default", |found| &found.from));
        line("publish.before", self.publish_before.clone().unwrap_or_else(none), "default, or the file");
        line("publish.after", self.publish_after.clone().unwrap_or_else(none), "default, or the file");
        lines.join("\n")
    }
}

impl Context {
    /// Takes note of the endpoint that the AWS configuration turned out to name, where the context names none itself.
    pub fn answered_at(&mut self, endpoint: Option<&str>) {
        let (Target::Aws(aws), Some(url)) = (&mut self.target, endpoint) else { return };
        if aws.endpoint_url.is_none() {
            aws.endpoint_url = Some(url.to_owned());
            // A context of the file says itself whether it is protected.
            self.protected = if self.name.is_some() { self.protected } else { !is_loopback(url) };
        }
    }

    /// The bus in a few words: `local .eventbus/bus.db`, `aws profile prod, region eu-west-1`.
    pub fn describe(&self) -> String {
        match &self.target {
            Target::Local { path } => format!("embedded, {}", path.display()),
            Target::Aws(aws) => {
                let mut parts = Vec::new();
                if let Some(url) = &aws.endpoint_url {
                    parts.push(redact_userinfo(url));
                }
                if let Some(profile) = &aws.profile {
                    parts.push(format!("profile {profile}"));
                }
                if let Some(region) = &aws.region {
                    parts.push(format!("region {region}"));
                }
                if let Some(account) = &aws.account {
                    parts.push(format!("account {account}"));
                }
                if parts.is_empty() {
                    parts.push("default profile and region".into());
                }
                let kind = if aws.endpoint_url.is_some() { "endpoint" } else { "aws" };
                format!("{kind} {}", parts.join(", "))
            }
        }
    }
}

fn handler_timeout(text: &str, named: &str) -> Result<Duration, CliError> {
    match humantime::parse_duration(text) {
        Ok(found) if !found.is_zero() => Ok(found),
        _ => Err(CliError::usage(format!("{named}: `consume.timeout` is `{text}`; expected a duration such as `30s`"))
            .hint("write `timeout: 30s`")),
    }
}

fn resolve_context(
    flags: &Overrides,
    env: &Env,
    file: &ConfigFile,
    base: &Path,
    named: &str,
) -> Result<Sourced<Context>, CliError> {
    let chosen = flags.context.as_ref().map(|name| Sourced::new(name.clone(), "flag --context"));
    if chosen.is_none() && flags.choose_aws() {
        return ad_hoc(flags, env, "flags");
    }
    let chosen = chosen.or_else(|| env.context.as_ref().map(|name| Sourced::new(name.clone(), "env EVENTBUS_CONTEXT")));
    if chosen.is_none() && env.aws_endpoint_url.is_some() {
        return ad_hoc(flags, env, FROM_ENDPOINT);
    }
    let chosen = chosen
        .or_else(|| file.context.as_ref().map(|name| Sourced::new(name.clone(), named)))
        .unwrap_or_else(|| Sourced::new("local".into(), "default"));

    let Some(found) = file.contexts.get(&chosen.value) else {
        if chosen.value == "local" {
            let context = Context {
                name: Some("local".into()),
                target: Target::Local { path: base.join(DEFAULT_BUS) },
                protected: false,
            };
            return no_aws_flags(flags, Sourced::new(context, chosen.from));
        }
        let mut known: Vec<&str> = file.contexts.keys().map(String::as_str).collect();
        if !known.contains(&"local") {
            known.push("local");
        }
        let error = CliError::usage(format!(
            "context `{}` ({}) is not in {named}; known: {}",
            chosen.value,
            chosen.from,
            words::list(&known)
        ));
        return Err(match words::did_you_mean(&chosen.value, known) {
            Some(meant) => error.hint(meant),
            None => error,
        });
    };
    match found.kind {
        ContextKind::Local => {
            for (key, given) in [
                ("profile", found.profile.is_some()),
                ("region", found.region.is_some()),
                ("account", found.account.is_some()),
                ("endpoint_url", found.endpoint_url.is_some()),
            ] {
                if given {
                    return Err(CliError::usage(format!(
                        "{named}: `{key}` makes no sense in the local context `{}`; expected only `path`",
                        chosen.value
                    ))
                    .hint(format!("remove `{key}`, or write `kind: aws`")));
                }
            }
            let path = base.join(found.path.as_deref().unwrap_or(DEFAULT_BUS));
            let context =
                Context { name: Some(chosen.value), target: Target::Local { path }, protected: found.protected };
            no_aws_flags(flags, Sourced::new(context, chosen.from))
        }
        ContextKind::Aws => {
            if found.path.is_some() {
                return Err(CliError::usage(format!(
                    "{named}: `path` makes no sense in the AWS context `{}`; it is for `kind: local`",
                    chosen.value
                )));
            }
            if let Some(account) =
                found.account.as_deref().filter(|a| a.len() != 12 || !a.bytes().all(|b| b.is_ascii_digit()))
            {
                return Err(CliError::usage(format!(
                    "{named}: account `{account}` of context `{}` is not twelve digits",
                    chosen.value
                ))
                .hint("quote it (`account: \"012345678901\"`): YAML drops leading zeros of a bare number"));
            }
            let target = aws(
                flags.profile.clone().or_else(|| found.profile.clone()),
                flags.region.clone().or_else(|| found.region.clone()),
                found.account.clone(),
                flags.endpoint_url.clone().or_else(|| found.endpoint_url.clone()),
                env,
            )?;
            let context = Context { name: Some(chosen.value), target: Target::Aws(target), protected: found.protected };
            Ok(Sourced::new(context, chosen.from))
        }
    }
}

/// A local bus and flags that choose AWS contradict each other: nothing local reaches AWS by accident, nor the reverse.
fn no_aws_flags(flags: &Overrides, context: Sourced<Context>) -> Result<Sourced<Context>, CliError> {
    if flags.choose_aws() {
        return Err(CliError::usage(format!(
            "context `{}` is the embedded bus, but `--profile`, `--region` or `--endpoint-url` choose another",
            context.value.name.as_deref().unwrap_or("local")
        ))
        .hint("leave out `--context` to use the endpoint, or the other flags to use the embedded bus"));
    }
    Ok(context)
}

fn ad_hoc(flags: &Overrides, env: &Env, from: &str) -> Result<Sourced<Context>, CliError> {
    let url = flags.endpoint_url.clone().or_else(|| env.aws_endpoint_url.clone());
    let target = aws(flags.profile.clone(), flags.region.clone(), None, url, env)?;
    let protected = !target.endpoint_url.as_deref().is_some_and(is_loopback);
    Ok(Sourced::new(Context { name: None, target: Target::Aws(target), protected }, from))
}

fn aws(
    profile: Option<String>,
    region: Option<String>,
    account: Option<String>,
    endpoint_url: Option<String>,
    env: &Env,
) -> Result<AwsTarget, CliError> {
    if let Some(url) = &endpoint_url {
        check_url(url)?;
    }
    let loopback = endpoint_url.as_deref().is_some_and(is_loopback);
    let profile = profile.or_else(|| env.aws_profile.clone());
    // A loopback endpoint must work without an account. Real default credentials are not handed to whatever listens there
    // unless a profile or the environment names them.
    let test_credentials = loopback && profile.is_none() && !env.has_credentials;
    let region = region.or_else(|| env.aws_region.clone());
    let region = if loopback && profile.is_none() { region.or_else(|| Some("us-east-1".into())) } else { region };
    Ok(AwsTarget { profile, region, account, endpoint_url, test_credentials })
}

fn check_url(url: &str) -> Result<(), CliError> {
    let parsed: Result<http::Uri, _> = url.parse();
    match parsed {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() => Ok(()),
        _ => Err(CliError::usage(format!("endpoint `{}` is not an http(s) URL", redact_userinfo(url)))
            .hint("write it as `http://127.0.0.1:4566`")),
    }
}

/// `user:password@` taken out of a URL, which is printed and logged.
fn redact_userinfo(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}***{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

/// Whether `url` is an address of this machine.
pub fn is_loopback(url: &str) -> bool {
    let Some(uri) = url.parse::<http::Uri>().ok() else { return false };
    let Some(host) = uri.host() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
