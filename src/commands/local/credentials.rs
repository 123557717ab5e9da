//! The key that requests to `local serve` must be signed with: from a file or from the environment, never from the command line,
//! where every process of the machine could read it.

use std::io::Read as _;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Cx;
use crate::error::CliError;
use crate::local::Credentials;
use crate::output::quoted;

/// What a credentials file may hold at most; more is another file.
const MOST: u64 = 64 << 10;

/// What requests must be signed with: nothing on the loopback address, unless a file says so; always something on an address
/// that was chosen.
pub(super) fn wanted(cx: &Cx, bind: Option<IpAddr>, file: Option<&Path>) -> Result<Option<Credentials>, CliError> {
    if let Some(file) = file {
        return read(cx, &cx.path(file)).map(Some);
    }
    let Some(address) = bind else { return Ok(None) };
    match &cx.config.serve_credentials {
        (Some(id), Some(secret)) => {
            Ok(Some(Credentials { access_key_id: id.clone(), secret_access_key: secret.0.clone() }))
        }
        _ => Err(CliError::usage(format!(
            "`--bind {address}` needs credentials, and EVENTBUS_SERVE_ACCESS_KEY_ID or EVENTBUS_SERVE_SECRET_ACCESS_KEY is not set"
        ))
        .hint("export both or name a file that holds them (`--credentials-file FILE`), and give clients the same as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")),
    }
}

fn read(cx: &Cx, path: &Path) -> Result<Credentials, CliError> {
    let shown = cx.shown(&path.display().to_string());
    let unread =
        |error: &std::io::Error| CliError::usage(format!("the credentials file {shown} cannot be read")).because(error);
    let file = std::fs::File::open(path).map_err(|error| unread(&error))?;
    // Of the very file that is read, not of whatever the path leads to later.
    let mode = file.metadata().map_err(|error| unread(&error))?.permissions().mode();
    if mode & 0o007 != 0 {
        let found =
            format!("everybody on this machine may read the credentials file {shown} (mode {:03o})", mode & 0o777);
        return Err(CliError::usage(found)
            .hint(format!("keep it to yourself: `chmod 600 {}`", quoted(&path.display().to_string()))));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(|error| unread(&error))?;
    parse(&text).ok_or_else(|| {
        CliError::usage(format!("the credentials file {shown} holds no key: an id and a secret are expected"))
            .hint("write it as AWS does: a line `aws_access_key_id = ID` and a line `aws_secret_access_key = SECRET`")
    })
}

/// Reads the first profile of an AWS credentials file
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>), or two lines, the id and the secret.
fn parse(text: &str) -> Option<Credentials> {
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])).collect();
    if let [id, secret] = lines[..]
        && ![id, secret].iter().any(|line| line.starts_with('[') || line.contains(char::is_whitespace))
        && !id.contains('=')
    {
        return Some(Credentials { access_key_id: id.to_owned(), secret_access_key: secret.to_owned() });
    }
    let profile = lines.iter().skip_while(|line| line.starts_with('[')).take_while(|line| !line.starts_with('['));
    let settings: Vec<(String, &str)> = profile
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    let value = |name: &str| {
        let found = settings.iter().find(|(key, value)| key == name && !value.is_empty())?;
        Some(found.1.to_owned())
    };
    Some(Credentials { access_key_id: value("aws_access_key_id")?, secret_access_key: value("aws_secret_access_key")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_or_two_lines_are_a_key_and_nothing_else_is() {
        for good in [
            "[default]\naws_access_key_id = 123456789012\naws_secret_access_key = s3cret/+=\nregion = eu-west-1\n",
            "# ours\n\n[bus]\r\nAWS_ACCESS_KEY_ID=123456789012\r\naws_secret_access_key=s3cret/+=\r\n[other]\naws_access_key_id = x\n",
            "aws_access_key_id = 123456789012\naws_secret_access_key = s3cret/+=",
            "123456789012\ns3cret/+=\n",
        ] {
            let found = parse(good).unwrap_or_else(|| panic!("{good}"));
            assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("123456789012", "s3cret/+="));
        }
        for bad in [
            "",
            "123456789012\n",
            "[default]\naws_access_key_id = 1\n",
            "[default]\naws_access_key_id = 1\n[other]\naws_secret_access_key = s\n",
            "[default]\naws_access_key_id = 1\naws_secret_access_key =\n",
            "a b\nc d\n",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
