//! `eventbus replay`: dead letters back to where they came from, queues and recordings to wherever they are wanted, without losing
//! a message.

mod args;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser as _;

use super::Cx;
use crate::bus::{Bus, ConnectOptions};
use crate::cli::{App, Command};
use crate::clock::Clock;
use crate::config::{Config, Context, Env, Overrides, Target, arguments};
use crate::engine::replay::journal::{self, Facts, Journal, JournalError};
use crate::engine::replay::{self, Edit, From, Place, Plan, ReplayError, Report, Request, Source, To, Work};
use crate::engine::shutdown::Shutdown;
use crate::engine::{Confirmed, Emitter};
use crate::error::CliError;
use crate::outcome::Outcome;
use crate::output::quoted;
use crate::output::replay::ReplayReporter;
use crate::schema::Catalogue;
use crate::words::count;

pub use args::{Destination, ReplayArgs};

/// Where the journals of a project lie, beside its configuration.
const JOURNALS: &str = ".eventbus/replays";

/// Runs the verb.
///
/// # Errors
/// A queue does not exist, no origin can be told, nobody confirmed, or the bus fails (what was held is given back first).
pub async fn run(cx: &mut Cx, args: ReplayArgs) -> Result<Outcome, CliError> {
    let folder = journals(cx);
    if args.journals {
        let reported = crate::output::replay::journals(&cx.ui, args.output, &journal::list(&folder));
        return super::written(reported).map(|()| Outcome::Done);
    }
    if let Some(which) = &args.forget {
        let path = journal_path(&folder, which)?;
        journal::remove(&path).map_err(|error| journal_error(&error))?;
        cx.ui.status(format!("Removed the journal {}", cx.shown(&path.display().to_string())));
        return Ok(Outcome::Done);
    }
    match &args.resume {
        None => replay(cx, args, None).await,
        Some(which) => {
            let path = journal_path(&folder, which)?;
            let journal = Journal::open(&path, &Clock::system()).map_err(|error| journal_error(&error))?;
            let facts = journal.facts();
            let again =
                App::try_parse_from(std::iter::once("eventbus").chain(facts.arguments.iter().map(String::as_str)));
            let Ok(App { command: Command::Replay(was), .. }) = again else {
                return Err(CliError::failed(format!(
                    "journal {} names a command line that this version does not know",
                    path.display()
                )));
            };
            // The command line of old, with what says how to do it and how to tell it now.
            let rate = args.rate.or(was.rate);
            let was =
                ReplayArgs { rate, output: args.output, confirm: args.confirm, concurrency: args.concurrency, ..*was };
            cx.cwd.clone_from(&facts.folder);
            replay(cx, was, Some(journal)).await
        }
    }
}

async fn replay(cx: &mut Cx, args: ReplayArgs, resumed: Option<Journal>) -> Result<Outcome, CliError> {
    let from = source(cx, &args)?;
    let to = match &args.to {
        Destination::Origin => To::Origin,
        Destination::Queue(name) => To::Queue(name.clone()),
        Destination::Topic(name) => To::Topic(name.clone()),
        Destination::File(path) => To::File(path.display().to_string(), cx.path(path)),
    };
    if let (From::Recording(name, Some(read)), To::File(_, written)) = (&from, &to)
        && (read == written || same_file(read, written))
    {
        return Err(CliError::usage(format!("source and destination are both `{name}`")));
    }
    if args.speed.is_some() && matches!(from, From::Queue(_)) {
        return Err(CliError::usage("`--speed` is for recordings, which know when their messages were sent")
            .hint("for a queue say how many a second: `--rate 50`"));
    }
    let shown = source_name(&args).to_owned();
    let looking = cx.looking_bus().await?;
    // What shows everything at every look is of no use here: it cannot be gone through.
    let bus = if looking.peeks_from_the_start() { cx.bus().await? } else { looking };
    let other = match &args.to_context {
        Some(name) => bus_of(cx, name).await?,
        None => None,
    };
    let there = other.as_ref().map(|(bus, _)| bus);
    let plan = replay::plan(&bus, &from, &to, there).await.map_err(|error| cli_error(error, &shown))?;
    let other = other.map(|(_, context)| context);
    if let Some(journal) = &resumed {
        same_bus(cx, journal.facts(), &plan)?;
    }
    let mut request = Request {
        selection: args.select.selection(cx)?,
        limit: args.limit,
        work: Work::DryRun { copy: args.copy },
        edit: edit(cx, &args)?,
        rate: args.rate,
        speed: args.speed,
        // In process there is nobody to be throttled by, and what is asked at once is committed at once.
        concurrency: usize::from(args.concurrency.unwrap_or(if bus.is_in_process() { 32 } else { 8 })),
        journal: None,
        resume: resumed.is_some(),
        clock: Clock::system(),
    };
    if let Some(journal) = &resumed {
        // `--since 10m` was ten minutes before the first start.
        let started = jiff::Timestamp::from_millisecond(journal.facts().started_ms).unwrap_or(jiff::Timestamp::MIN);
        request.selection.since = args.select.since.map(|when| when.seen_from(started));
        request.selection.until = args.select.until.map(|when| when.seen_from(started));
    }
    let some_stay = args.copy || !request.selection.is_everything();
    let receives = !(plan.is_one_step(&bus) && request.is_plain(args.dry_run, args.copy));
    let dead_letters = plan.dead_letters(&bus, args.dry_run, some_stay);
    if let Some((dead_letters, times)) = dead_letters.filter(|_| receives && !args.force) {
        let why = format!(
            "queue `{}` moves a message to `{dead_letters}` once it was received {times} {}, and what stays is received, too",
            plan.source.name(),
            if times == 1 { "time" } else { "times" }
        );
        return Err(CliError::failed(why).hint("go on all the same, knowing that: add `--force`"));
    }
    if !args.dry_run {
        let Some(confirmed) = confirm(cx, &args, &plan, &request, other.as_ref())? else {
            return Ok(Outcome::Failed);
        };
        // What is read from a file stays there, too.
        let copies = args.copy || matches!(plan.source, Source::Recording(..));
        request.work = if copies { Work::Copy(confirmed) } else { Work::Move(confirmed) };
    }
    if args.native {
        // A dry run has no token to move with; the sentence says so.
        if let Some(why) = replay::why_not_native(&plan, &request) {
            return Err(CliError::usage(format!("`--native` is not possible: {why}")).hint("leave out `--native`"));
        }
    } else if !args.dry_run {
        request.journal = Some(Arc::new(match resumed {
            Some(journal) => journal,
            None => {
                let facts = facts(cx, &plan);
                Journal::create(&journals(cx), facts, &request.clock).map_err(|error| journal_error(&error))?
            }
        }));
    }
    carry_out(cx, &args, &bus, &plan, request).await
}

async fn carry_out(
    cx: &Cx,
    args: &ReplayArgs,
    bus: &Bus,
    plan: &Plan,
    mut request: Request,
) -> Result<Outcome, CliError> {
    // Only now: at the prompt a Ctrl-C simply ends the program.
    let shutdown = Shutdown::from_signals()?;
    let reporter = ReplayReporter::new(&cx.ui, args.output, &request, plan);
    let (source, to) = (plan.source.name().to_owned(), plan.destination());
    let (watched, wanted) = (&shutdown, &request);
    let work = |emit: Emitter| async move {
        if args.native {
            replay::run_native(bus, plan, wanted, &emit, watched).await
        } else {
            replay::run(bus, plan, wanted, &emit, watched).await
        }
    };
    let (result, told) = cx.drive_until(&shutdown, reporter, work).await?;
    let (report, failure) = match result {
        Ok(report) => (report, None),
        Err(ReplayError::Bus { error, report }) => (*report, Some(CliError::from(error))),
        Err(ReplayError::Journal { error, report }) => (*report, Some(journal_error(&error))),
        Err(ReplayError::File { name, error, report }) => {
            (*report, Some(CliError::failed(format!("`{name}` cannot be used")).because(&error)))
        }
        // Nothing was sent.
        Err(other) => (Report { skipped: 1, ..Report::default() }, Some(cli_error(other, &source))),
    };
    // A run that has touched nothing leaves nothing to go on with.
    let begun = report.done + report.earlier + report.failed + report.duplicated > 0 || !report.abandoned.is_empty();
    let finished = (!begun && !request.resume) || (failure.is_none() && report.is_finished());
    let journal = request.journal.take().and_then(Arc::into_inner);
    let left = journal.as_ref().filter(|_| !finished).map(|journal| journal.path().to_owned());
    let ended = journal.map_or(Ok(()), |journal| journal.end(finished)).map_err(|error| journal_error(&error));
    let go_on = || {
        if let Some(path) = &left {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            cx.ui.hint(format!("go on where it ended: `eventbus replay --resume {name}`"));
        }
    };
    let by_signal = || super::outcome_of_signal(shutdown.signal()).unwrap_or(Outcome::Failed);
    let silent = failure.is_some() && !begun;
    match told {
        Some((mut reporter, written)) if !silent => {
            let told = written.and_then(|()| reporter.summary(&source, &to, &report, left.as_deref()));
            if failure.is_none() {
                super::written(told)?;
            }
        }
        Some(_) => {}
        None if failure.is_none() => return Ok(by_signal()),
        None => {}
    }
    go_on();
    if let Some(failure) = failure {
        return Err(failure);
    }
    ended?;
    if report.interrupted.is_some() {
        return Ok(by_signal());
    }
    if report.late > 0 && report.done + report.earlier == 0 {
        cx.ui.hint("messages that came after the start are left to the next run; a clock of this machine that is behind makes all look so");
    }
    Ok(outcome(&report))
}

/// Where the journals of this project are.
fn journals(cx: &Cx) -> PathBuf {
    cx.config.file.as_deref().and_then(Path::parent).unwrap_or(&cx.cwd).join(JOURNALS)
}

/// The journal of this name, or the latest that nobody works on.
fn journal_path(folder: &Path, which: &str) -> Result<PathBuf, CliError> {
    if !which.is_empty() {
        let named = folder.join(format!("{}.db", which.trim_end_matches(".db")));
        return Ok(if which.contains('/') { PathBuf::from(which) } else { named });
    }
    let found = journal::list(folder).into_iter().rfind(|listed| !listed.running && listed.facts.is_some());
    found.map(|listed| listed.path).ok_or_else(|| {
        CliError::usage(format!("there is no replay to go on with: {} holds no journal", folder.display()))
            .hint("a replay that ended by itself with everything done leaves none; start one: `eventbus replay SOURCE`")
    })
}

fn facts(cx: &Cx, plan: &Plan) -> Facts {
    Facts {
        arguments: arguments(),
        folder: cx.cwd.clone(),
        bus: cx.config.context.value.describe(),
        source: identity(cx, plan),
        to: plan.destination(),
        ..Facts::default()
    }
}

/// What tells the source from its namesakes.
fn identity(cx: &Cx, plan: &Plan) -> String {
    match &plan.source {
        Source::Queue { queue, .. } => queue.arn.clone(),
        Source::Recording(_, Some(path)) => path.display().to_string(),
        Source::Recording(_, None) => format!("standard input in {}", cx.cwd.display()),
    }
}

/// A journal's messages are those of one bus: on another they would be others.
fn same_bus(cx: &Cx, facts: &Facts, plan: &Plan) -> Result<(), CliError> {
    let (bus, source) = (cx.config.context.value.describe(), identity(cx, plan));
    if bus == facts.bus && source == facts.source {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "journal `{}` is of `{}` on {}, and this is `{source}` on {bus}",
        facts.id, facts.source, facts.bus
    ))
    .hint("choose the same bus as then: `--context`, `--profile`, `--region` or `--endpoint-url`"))
}

fn source_name(args: &ReplayArgs) -> &str {
    args.source.as_deref().unwrap_or_default()
}

/// A name with a dot or a slash is no queue's, but for `.fifo`, URLs and ARNs.
fn source(cx: &Cx, args: &ReplayArgs) -> Result<From, CliError> {
    let name = source_name(args);
    if name == "-" {
        return Ok(From::Recording("stdin".into(), None));
    }
    let is_queue = name.starts_with("arn:")
        || name.starts_with("https://")
        || name.starts_with("http://")
        || !name.contains(['.', '/'])
        || (name.ends_with(".fifo") && !name.contains('/'));
    if is_queue {
        return Ok(From::Queue(name.to_owned()));
    }
    let path = cx.path(Path::new(name));
    if path.is_dir() {
        return Err(CliError::usage(format!("`{name}` is a folder, expected a recording")));
    }
    if !path.exists() {
        return Err(CliError::usage(format!("there is no recording `{name}`"))
            .hint("a queue is named without dots and slashes: `eventbus replay user_events_dlq`"));
    }
    Ok(From::Recording(name.to_owned(), Some(path)))
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn edit(cx: &Cx, args: &ReplayArgs) -> Result<Option<Edit>, CliError> {
    if args.edits.is_empty() && !args.republish {
        return Ok(None);
    }
    let folder = cx.config.schemas.value.strip_prefix(&cx.cwd).unwrap_or(&cx.config.schemas.value);
    let catalogue = Catalogue::open(folder)
        .map_err(|error| CliError::failed("the payload schemas cannot be read").because(&error))?;
    Ok(Some(Edit {
        programs: args.edits.clone(),
        republish: args.republish,
        catalogue: Some(Arc::new(catalogue)),
        trace: cx.config.trace,
    }))
}

/// The bus of another context; none where it is the one at hand.
async fn bus_of(cx: &Cx, name: &str) -> Result<Option<(Bus, Context)>, CliError> {
    let flags = Overrides { context: Some(name.to_owned()), ..Overrides::default() };
    let mut context = Config::resolve(&flags, &Env::read(), &cx.cwd)?.context.value;
    if context.target == cx.config.context.value.target {
        return Ok(None);
    }
    let options = match &context.target {
        Target::Local { path } if !path.exists() => {
            let shown = cx.shown(&path.display().to_string());
            return Err(CliError::failed(format!("there is no bus of context `{name}` yet: {shown} does not exist"))
                .hint(format!("make it from the topology: `eventbus provision --context {}`", quoted(name))));
        }
        Target::Local { path } => super::embedded(super::open_local(&cx.ui, path)?),
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
    let bus = Bus::connect(options).await?;
    context.answered_at(bus.endpoint_url());
    cx.ui.note(format!("to bus `{name}`: {}", cx.shown(&context.describe())));
    Ok(Some((bus, context)))
}

/// Shows on a terminal what would be done, and asks.
fn confirm(
    cx: &Cx,
    args: &ReplayArgs,
    plan: &Plan,
    request: &Request,
    other: Option<&Context>,
) -> Result<Option<Confirmed>, CliError> {
    if !cx.yes && cx.ui.can_prompt() {
        for line in preview(args, plan, request) {
            cx.ui.status(line);
        }
    }
    let question = question(plan, args, request);
    let is_queue = plan.source.queue().is_some();
    // A copy adds, a move takes away.
    let protected = cx.config.context.value.protected && !args.copy && is_queue;
    // To send into another context by mistake is no small thing, even though it only adds.
    let into = other.filter(|context| context.protected).map(|_| match &plan.to {
        Some(to) => to.name().to_owned(),
        None => plan.source.sources().first().map_or_else(|| "origin".to_owned(), |queue| queue.name.clone()),
    });
    if let Some(into) = into {
        let mut asked = vec![crate::output::Asked {
            why: format!("{} Context `{}` is protected", question, args.to_context.as_deref().unwrap_or_default()),
            names: vec![into],
        }];
        if protected {
            let why = format!("This bus is protected, and `{}` is emptied", plan.source.name());
            asked.push(crate::output::Asked { why, names: vec![plan.source.name().to_owned()] });
        }
        return cx.ui.confirm_names(&asked, &args.confirm);
    }
    if protected || !args.confirm.is_empty() {
        return cx.ui.confirm_name(&question, plan.source.name(), args.confirm.first().map(String::as_str));
    }
    cx.ui.confirm(&question, cx.yes, Some("`--dry-run` to only look"))
}

/// What the question does not say.
fn preview(args: &ReplayArgs, plan: &Plan, request: &Request) -> Vec<String> {
    let mut lines = Vec::new();
    if !request.selection.is_everything() && plan.source.queue().is_some() {
        lines.push("Messages that are not selected are looked at, held and given back".to_owned());
    }
    if let Some(Place::Topic(topic)) = &plan.to {
        lines.push(format!("Published to `{}` again, a message reaches every subscription that takes it", topic.name));
    }
    for program in &args.edits {
        lines.push(format!("Each is changed by `{}` and checked against its schema", program.text()));
    }
    if args.republish {
        lines.push("Each gets a fresh publish date and trace".to_owned());
    }
    if let Some(rate) = args.rate {
        lines.push(format!("At most {} a second", count(u64::from(rate), "message")));
    }
    lines
}

fn question(plan: &Plan, args: &ReplayArgs, request: &Request) -> String {
    let verb = match (args.copy, &plan.source) {
        (_, Source::Recording(..)) => "Send",
        (true, _) => "Copy",
        (false, _) => "Move",
    };
    let all = request.selection.is_everything();
    let there = match &plan.source {
        Source::Queue { attributes, .. } => format!("about {}", count(attributes.visible, "message")),
        Source::Recording(..) => "its messages".to_owned(),
    };
    let what = match (all, args.select.events.as_slice(), args.limit) {
        (true, _, None) => there,
        (true, _, Some(limit)) => format!("up to {limit} of {there}"),
        (false, [event], Some(limit)) => format!("up to {limit} `{event}` of {there}"),
        (false, [event], None) => format!("the `{event}` among {there}"),
        (false, _, Some(limit)) => format!("up to {limit} of those selected of {there}"),
        (false, _, None) => format!("those selected of {there}"),
    };
    format!("{verb} {what} from `{}` to {}?", plan.source.name(), plan.destination())
}

/// A duplicate is sent but not done: its original is still to be dealt with.
fn outcome(report: &Report) -> Outcome {
    match report.duplicated {
        // Nobody read to the end of it, so it stopped before the end.
        0 if report.output_closed => Outcome::Partial,
        // All of it seemed to come after the start: that is not what was asked for.
        0 if report.late > 0 && report.done + report.earlier + report.refused + report.failed == 0 => Outcome::Partial,
        0 => Outcome::of_items(report.done + report.earlier, report.refused, report.failed),
        _ => Outcome::Partial,
    }
}

fn journal_error(error: &JournalError) -> CliError {
    let told = match std::error::Error::source(error) {
        Some(cause) => CliError::failed(error.to_string()).because(cause),
        None => CliError::failed(error.to_string()),
    };
    match error {
        JournalError::Ledger(_) => told.hint("list the journals: `eventbus replay --journals`"),
        _ => told,
    }
}

fn cli_error(error: ReplayError, source: &str) -> CliError {
    let message = error.to_string();
    match error {
        ReplayError::Bus { error, .. } => error.into(),
        ReplayError::Journal { error, .. } => journal_error(&error),
        ReplayError::File { error, .. } => CliError::failed(message).because(&error),
        ReplayError::UnknownOrigin { sources, .. } => {
            let to = sources.first().map_or("NAME", String::as_str);
            CliError::usage(message).hint(format!("say where to: `eventbus replay {source} --to queue:{to}`"))
        }
        ReplayError::SameQueue(_) | ReplayError::FifoMismatch { .. } => CliError::usage(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_partial_where_some_were_done_and_some_not() {
        let report =
            |done, refused, failed, duplicated| Report { done, refused, failed, duplicated, ..Report::default() };
        assert_eq!(outcome(&report(3, 0, 0, 0)), Outcome::Done);
        assert_eq!(outcome(&report(0, 0, 0, 0)), Outcome::Done);
        assert_eq!(outcome(&report(3, 0, 1, 0)), Outcome::Partial);
        assert_eq!(outcome(&report(0, 0, 1, 0)), Outcome::Failed);
        assert_eq!(outcome(&report(0, 2, 0, 0)), Outcome::Refused);
        assert_eq!(outcome(&report(0, 0, 0, 1)), Outcome::Partial);
    }
}
