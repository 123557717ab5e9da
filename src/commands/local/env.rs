//! `local env`: what a shell must know to reach a bus that is being served.

use std::io::Write as _;

use clap::Args;

use super::{Cx, written};
use crate::error::CliError;
use crate::local;
use crate::outcome::Outcome;

/// Arguments of `local env`.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// The port on 127.0.0.1 that `local serve` listens on
    #[arg(long, value_name = "N", default_value_t = 4566, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
}

pub(super) async fn run(cx: &Cx, args: &EnvArgs) -> Result<Outcome, CliError> {
    let port = args.port;
    if !local::answers(port).await {
        return Err(CliError::failed(format!("no embedded bus answers on port {port} of 127.0.0.1"))
            .hint(format!("start one: `eventbus local serve --port {port} &`, or name its port with `--port N`")));
    }
    let mut out = cx.ui.out();
    // A profile or a session of AWS would win over the keys, or be sent along with them.
    written(
        write!(
            out,
            "export AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n\
             export AWS_ACCESS_KEY_ID=test\n\
             export AWS_SECRET_ACCESS_KEY=test\n\
             export AWS_REGION=us-east-1\n\
             export AWS_DEFAULT_REGION=us-east-1\n\
             unset AWS_PROFILE AWS_SESSION_TOKEN\n"
        )
        .and_then(|()| out.flush()),
    )?;
    Ok(Outcome::Done)
}
