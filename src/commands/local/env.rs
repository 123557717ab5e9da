//! `local env`: what a shell must know to reach a bus that is being served.

use std::io::Write as _;

use clap::Args;

use super::{Cx, written};
use crate::error::CliError;
use crate::local::{self, Listening};
use crate::outcome::Outcome;

/// Arguments of `local env`.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// The port on 127.0.0.1 that `local serve` listens on
    #[arg(long, value_name = "N", default_value_t = 4566, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// The shell that is to read them
    #[arg(long, value_name = "SHELL", default_value = "sh", value_enum)]
    pub shell: Shell,
}

/// A shell's way to write variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// sh, bash, zsh, dash, ksh: `export NAME=VALUE`
    #[value(alias = "bash", alias = "zsh")]
    Sh,
    /// fish: `set -gx NAME VALUE`
    Fish,
}

impl Shell {
    /// The lines that set `set` and unset `unset`; no value needs quoting.
    fn lines(self, set: &[(&str, &str)], unset: &[&str]) -> String {
        let mut lines: String = set
            .iter()
            .map(|(name, value)| match self {
                Self::Sh => format!("export {name}={value}\n"),
                Self::Fish => format!("set -gx {name} {value}\n"),
            })
            .collect();
        match self {
            Self::Sh => lines.push_str(&format!("unset {}\n", unset.join(" "))),
            Self::Fish => lines.push_str(&format!("set -e {}\n", unset.join(" "))),
        }
        lines
    }
}

pub(super) async fn run(cx: &Cx, args: &EnvArgs) -> Result<Outcome, CliError> {
    let port = args.port;
    let listening = local::answers(port).await;
    if listening == Listening::NoBus {
        return Err(CliError::failed(format!("no embedded bus answers on port {port} of 127.0.0.1"))
            .hint(format!("start one: `eventbus local serve --port {port} &`, or name its port with `--port N`")));
    }
    let url = format!("http://127.0.0.1:{port}");
    let mut set = vec![("AWS_ENDPOINT_URL", url.as_str())];
    if listening == Listening::SignedBus {
        cx.ui.note(
            "this bus wants its own key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to what it was started with",
        );
    } else {
        set.extend([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    }
    set.extend([("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-1")]);
    // A profile or a session of AWS would win over the keys, or be sent along with them; endpoints of one service over the one
    // for all.
    let unset =
        ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_STS"];
    let mut out = cx.ui.out();
    written(write!(out, "{}", args.shell.lines(&set, &unset)).and_then(|()| out.flush()))?;
    Ok(Outcome::Done)
}
