//! Whether a request was signed with the secret it should be: Signature Version 4, in the header or presigned in the URL.
//!
//! Pure. What is signed is put together here from what was received; the keys and the signature are `aws-sigv4`'s.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! What is refused is refused as SQS does, with status 403 or 400; the names differ with the protocol of the request:
//!
//! | why | JSON | Query |
//! |---|---|---|
//! | another secret, another request, a clock that is off, a URL that has expired | `InvalidSignatureException` | `SignatureDoesNotMatch` |
//! | another key id | `UnrecognizedClientException` | `InvalidClientTokenId` |
//! | no signature at all | `MissingAuthenticationTokenException` | `MissingAuthenticationToken` |
//! | half a signature (400) | `IncompleteSignatureException` | `IncompleteSignature` |
//!
//! Texts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>; that the text of a mismatch shows
//! what should have been signed: <https://github.com/async-aws/aws/issues/1948>. That helps whoever writes a client, and tells
//! nobody anything that was not in the request.

use std::time::{Duration, SystemTime};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::error::{ApiError, ApiResult};
use crate::words::hex;

/// The key that requests must be signed with.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id; twelve digits are an account, too.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// How far a client's clock may be off.
const SKEW_MS: i64 = 15 * 60 * 1_000;
/// Seconds that a presigned URL may be valid.
const LONGEST: i64 = 604_800;
/// What AWS leaves as it is: letters, digits, and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in paths.
const ENCODED_IN_PATHS: &AsciiSet = &ENCODED.remove(b'/');

/// What a request says of its signature.
struct Claim {
    key: String,
    day: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: String,
    at: String,
    /// Seconds, of a presigned one.
    expires: Option<i64>,
}

fn incomplete(what: &str) -> ApiError {
    let message = format!("The request signature does not conform to AWS standards: {what}");
    ApiError::coded("IncompleteSignatureException", "IncompleteSignature", message)
}

fn mismatch(message: impl Into<String>) -> ApiError {
    ApiError::coded("InvalidSignatureException", "SignatureDoesNotMatch", message).status(403)
}

/// An instant as signatures write it.
fn written(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(
        |_| at_ms.to_string(),
        |at| jiff::fmt::strtime::format("%Y%m%dT%H%M%SZ", at).unwrap_or_else(|_| at.to_string()),
    )
}

/// Checks the signature of `request` at `now_ms`.
///
/// # Errors
/// As AWS answers: no signature, half a signature, an unknown key, a clock that is off, another secret or another request.
pub(crate) fn verify(request: &Request<bytes::Bytes>, wanted: &Credentials, now_ms: i64) -> ApiResult<()> {
    let claim = claimed(request, wanted)?;
    let at: jiff::Timestamp = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", &claim.at)
        .and_then(|parsed| parsed.to_datetime())
        .and_then(|at| jiff::tz::Offset::UTC.to_timestamp(at))
        .map_err(|_| incomplete("the date is not of the form 20150830T123600Z."))?;
    if !claim.at.starts_with(&claim.day) {
        return Err(mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
            claim.day,
            claim.at.get(..8).unwrap_or_default(),
            claim.at
        )));
    }
    let age = now_ms - at.as_millisecond();
    let longest = claim.expires.map_or(SKEW_MS, |seconds| seconds.clamp(0, LONGEST) * 1_000);
    if age > longest {
        let (oldest, now) = (written(now_ms - longest), written(now_ms));
        let span =
            if longest % 60_000 == 0 { format!("{} min", longest / 60_000) } else { format!("{} s", longest / 1_000) };
        return Err(mismatch(format!(
            "Signature expired: {} is now earlier than {oldest} ({now} - {span}.)",
            claim.at
        )));
    }
    if -age > SKEW_MS {
        let (newest, now) = (written(now_ms + SKEW_MS), written(now_ms));
        let sentence =
            format!("Signature not yet current: {} is still later than {newest} ({now} + 15 min.)", claim.at);
        return Err(mismatch(sentence));
    }
    let payload = hex(&Sha256::digest(request.body()));
    let told = request.headers().get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    if told.is_some_and(|told| told != payload) {
        return Err(mismatch("The body is not the one that was signed."));
    }
    let canonical = canonical(request, &claim, &payload)?;
    let scope = format!("{}/{}/{}/aws4_request", claim.day, claim.region, claim.service);
    let digest = hex(&Sha256::digest(&canonical));
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{digest}", claim.at);
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(at.as_millisecond().unsigned_abs());
    let key = generate_signing_key(&wanted.secret_access_key, time, &claim.region, &claim.service);
    if same(calculate_signature(key, text.as_bytes()).as_bytes(), claim.signature.as_bytes()) {
        return Ok(());
    }
    Err(mismatch(format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n'{canonical}'\n\n\
         The String-to-Sign should have been\n'{text}'\n"
    )))
}

/// What can be said before the body is there: whether a request claims to be signed with the wanted key.
///
/// # Errors
/// No signature, half a signature, an unknown key.
pub(crate) fn recognise<B>(request: &Request<B>, wanted: &Credentials) -> ApiResult<()> {
    claimed(request, wanted).map(drop)
}

fn claimed<B>(request: &Request<B>, wanted: &Credentials) -> ApiResult<Claim> {
    let claim = Claim::of(request)?;
    if claim.key != wanted.access_key_id {
        let message = "The security token included in the request is invalid.";
        return Err(ApiError::coded("UnrecognizedClientException", "InvalidClientTokenId", message).status(403));
    }
    Ok(claim)
}

/// Compares without telling by its time how much was right.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

impl Claim {
    fn of<B>(request: &Request<B>) -> ApiResult<Self> {
        let query = pairs(request);
        let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let (credential, signed_headers, signature, at, expires);
        if let Some(value) = request.headers().get(header::AUTHORIZATION) {
            let value = value.to_str().map_err(|_| incomplete("the header Authorization is not text."))?;
            let Some(parameters) = value.strip_prefix("AWS4-HMAC-SHA256 ") else {
                return Err(incomplete("the algorithm is not AWS4-HMAC-SHA256."));
            };
            let part = |name: &str| {
                let found = parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
                found
                    .map(str::to_owned)
                    .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
            };
            (credential, signed_headers, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
            let date = request.headers().get("x-amz-date").and_then(|date| date.to_str().ok());
            at = date
                .ok_or_else(|| incomplete("Authorization header requires existence of a 'X-Amz-Date' header."))?
                .to_owned();
            expires = None;
        } else if asked("X-Amz-Algorithm").is_some() {
            let part =
                |name: &str| asked(name).ok_or_else(|| incomplete(&format!("the parameter '{name}' is missing.")));
            (credential, signed_headers) = (part("X-Amz-Credential")?, part("X-Amz-SignedHeaders")?);
            (signature, at) = (part("X-Amz-Signature")?, part("X-Amz-Date")?);
            let seconds = part("X-Amz-Expires")?.parse().map_err(|_| incomplete("X-Amz-Expires is no number."))?;
            expires = Some(seconds);
        } else {
            let (shape, code) = ("MissingAuthenticationTokenException", "MissingAuthenticationToken");
            return Err(ApiError::coded(shape, code, "Request is missing Authentication Token").status(403));
        }
        // From the back: an access key may hold slashes, the rest never does.
        let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
        let ["aws4_request", service, region, day, key] = parts[..] else {
            return Err(incomplete("Credential must be KEY/DAY/REGION/SERVICE/aws4_request."));
        };
        let signed_headers: Vec<String> = signed_headers.split(';').map(str::to_owned).collect();
        if !signed_headers.iter().any(|name| name == "host") {
            return Err(incomplete("'host' must be a signed header."));
        }
        // What decides about the operation must not be exchanged under a good signature.
        for name in ["x-amz-target", "x-amz-security-token"] {
            if request.headers().contains_key(name) && !signed_headers.iter().any(|signed| signed == name) {
                return Err(incomplete(&format!("'{name}' must be a signed header.")));
            }
        }
        Ok(Self {
            key: key.to_owned(),
            day: day.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers,
            signature,
            at,
            expires,
        })
    }
}

/// The decoded pairs of the query string; a plus is a plus.
fn pairs<B>(request: &Request<B>) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// The canonical request.
fn canonical<B>(request: &Request<B>, claim: &Claim, payload: &str) -> ApiResult<String> {
    let mut query: Vec<(String, String)> = pairs(request)
        .iter()
        .filter(|(name, _)| claim.expires.is_none() || name != "X-Amz-Signature")
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    query.sort();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = String::new();
    for name in &claim.signed_headers {
        headers.push_str(&format!("{name}:{}\n", value_of(request.headers(), name)?));
    }
    // Every service but S3 encodes the path once more, as it is without detours.
    let path = normalised(request.uri().path());
    let path = utf8_percent_encode(&path, ENCODED_IN_PATHS);
    Ok(format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{payload}",
        request.method(),
        query.join("&"),
        claim.signed_headers.join(";")
    ))
}

/// A path without empty, `.` and `..` segments.
fn normalised(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// All values of a header, blanks at their ends left out and several made one.
fn value_of(headers: &HeaderMap, name: &str) -> ApiResult<String> {
    let mut values = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| incomplete(&format!("the header {name} is not text.")))?;
        values.push(text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
    }
    Ok(values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation, "vanilla" of its test suite for Signature Version 4:
    /// the key AKIDEXAMPLE at 2015-08-30T12:36:00Z.
    const NOW: i64 = 1_440_938_160_000;
    const SIGNATURE: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

    fn wanted() -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        }
    }

    fn vanilla(uri: &str, signature: &str) -> Request<bytes::Bytes> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        Request::builder()
            .uri(uri)
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization)
            .body(bytes::Bytes::new())
            .unwrap()
    }

    fn code(request: &Request<bytes::Bytes>, now: i64) -> &'static str {
        verify(request, &wanted(), now).err().map_or("good", |error| error.code)
    }

    #[test]
    fn the_vanilla_request_of_aws_s_test_suite_is_good_and_nothing_near_it() {
        assert_eq!(code(&vanilla("/", SIGNATURE), NOW), "good");
        assert_eq!(code(&vanilla("/", SIGNATURE), NOW + SKEW_MS), "good");
        assert_eq!(code(&vanilla("/", SIGNATURE), NOW - SKEW_MS), "good");
        for (request, now, wanted) in [
            (vanilla("/", SIGNATURE), NOW + SKEW_MS + 1, "SignatureDoesNotMatch"),
            (vanilla("/", SIGNATURE), NOW - SKEW_MS - 1, "SignatureDoesNotMatch"),
            (vanilla("/?a=b", SIGNATURE), NOW, "SignatureDoesNotMatch"),
            (vanilla("/x", SIGNATURE), NOW, "SignatureDoesNotMatch"),
            (vanilla("/", &SIGNATURE.replace('5', "6")), NOW, "SignatureDoesNotMatch"),
            (vanilla("/", ""), NOW, "SignatureDoesNotMatch"),
            (Request::new(bytes::Bytes::new()), NOW, "MissingAuthenticationToken"),
        ] {
            assert_eq!(code(&request, now), wanted, "{request:?}");
        }
        let mut other = vanilla("/", SIGNATURE);
        *other.body_mut() = bytes::Bytes::from_static(b"x");
        assert_eq!(code(&other, NOW), "SignatureDoesNotMatch");
        let mut stranger = wanted();
        stranger.access_key_id = "AKIDOTHER".into();
        assert_eq!(verify(&vanilla("/", SIGNATURE), &stranger, NOW).unwrap_err().code, "InvalidClientTokenId");
    }

    #[test]
    fn half_a_signature_is_said_so() {
        for bad in [
            "Basic dXNlcjpwYXNz",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE, SignedHeaders=host, Signature=00",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=x, Signature=00",
        ] {
            let mut request = vanilla("/", SIGNATURE);
            request.headers_mut().insert(header::AUTHORIZATION, bad.parse().unwrap());
            assert_eq!(code(&request, NOW), "IncompleteSignature", "{bad}");
        }
    }

    /// See `make.py` beside the file: signed by botocore, never by this program or its SDK.
    const SIGNED: &str = include_str!("../../tests/fixtures/sigv4/requests.json");

    fn signed_by_botocore() -> (Credentials, i64, Vec<(String, Request<bytes::Bytes>)>) {
        let file: serde_json::Value = serde_json::from_str(SIGNED).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let credentials = Credentials {
            access_key_id: text(&file["access_key_id"]),
            secret_access_key: text(&file["secret_access_key"]),
        };
        let now: jiff::Timestamp = file["now"].as_str().unwrap().parse().unwrap();
        let read = |found: &serde_json::Value| {
            let mut request = Request::builder().method(found["method"].as_str().unwrap()).uri(text(&found["target"]));
            for pair in found["headers"].as_array().unwrap() {
                let (name, value) = pair.as_str().unwrap().split_once(": ").unwrap();
                request = request.header(name, value);
            }
            (text(&found["name"]), request.body(bytes::Bytes::from(text(&found["body"]))).unwrap())
        };
        (credentials, now.as_millisecond(), file["requests"].as_array().unwrap().iter().map(read).collect())
    }

    #[test]
    fn what_botocore_signs_is_good_until_its_time_is_over() {
        let (credentials, now, requests) = signed_by_botocore();
        assert!(requests.len() >= 14);
        for (name, request) in &requests {
            let at = |ms: i64| verify(request, &credentials, now + ms).map_err(|error| (error.code, error.message));
            assert_eq!(at(0), Ok(()), "{name}");
            let query = request.uri().query().unwrap_or_default();
            let lasts = match query.split_once("X-Amz-Expires=") {
                Some((_, rest)) => rest.split('&').next().unwrap().parse::<i64>().unwrap() * 1_000,
                None => SKEW_MS,
            };
            assert_eq!(at(lasts), Ok(()), "{name}");
            let (code, message) = at(lasts + 1_000).unwrap_err();
            assert_eq!(code, "SignatureDoesNotMatch", "{name}");
            assert!(
                message.starts_with("Signature expired: 20270115T080000Z is now earlier than 20270115T080001Z ("),
                "{message}"
            );
            let (_, message) = at(-SKEW_MS - 1_000).unwrap_err();
            assert_eq!(
                message,
                "Signature not yet current: 20270115T080000Z is still later than 20270115T075959Z (20270115T074459Z + 15 min.)"
            );
        }
    }

    #[test]
    fn what_botocore_signed_is_bad_after_any_change() {
        let (credentials, now, requests) = signed_by_botocore();
        let code = |request: &Request<bytes::Bytes>, credentials: &Credentials| {
            verify(request, credentials, now).err().map_or("good", |error| error.code)
        };
        let other = Credentials { secret_access_key: "another".into(), ..credentials.clone() };
        for (name, request) in &requests {
            assert_eq!(code(request, &other), "SignatureDoesNotMatch", "{name}");
            let mut changed = request.clone();
            *changed.body_mut() = bytes::Bytes::from([request.body().as_ref(), b" "].concat());
            assert_eq!(code(&changed, &credentials), "SignatureDoesNotMatch", "{name}: body");
            let mut changed = request.clone();
            *changed.method_mut() = http::Method::PUT;
            assert_eq!(code(&changed, &credentials), "SignatureDoesNotMatch", "{name}: method");
            let mut changed = request.clone();
            let target = request.uri().to_string();
            let mark = if target.contains('?') { '&' } else { '?' };
            *changed.uri_mut() = format!("{target}{mark}more=1").parse().unwrap();
            assert_eq!(code(&changed, &credentials), "SignatureDoesNotMatch", "{name}: query");
            let signed = request
                .headers()
                .keys()
                .filter(|name| *name != header::AUTHORIZATION && *name != header::CONTENT_LENGTH);
            for header in signed {
                let mut changed = request.clone();
                let value = format!("{}x", request.headers()[header].to_str().unwrap());
                changed.headers_mut().insert(header.clone(), value.parse().unwrap());
                assert_ne!(code(&changed, &credentials), "good", "{name}: {header}");
            }
        }
        // The operation is a header: added to a good signature it must not count.
        let mut changed = requests.iter().find(|(name, _)| name == "form").unwrap().1.clone();
        changed.headers_mut().insert("x-amz-target", "AmazonSQS.PurgeQueue".parse().unwrap());
        assert_eq!(code(&changed, &credentials), "IncompleteSignature");
    }

    #[test]
    fn a_mismatch_shows_what_should_have_been_signed_and_both_protocols_have_their_name_for_it() {
        let error = verify(&vanilla("/x", SIGNATURE), &wanted(), NOW).unwrap_err();
        assert_eq!(
            (error.shape, error.code, error.status),
            ("InvalidSignatureException", "SignatureDoesNotMatch", 403)
        );
        let shown = "'GET\n/x\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n";
        assert!(error.message.contains(shown), "{}", error.message);
        assert!(!error.message.contains("wJalr"));
    }

    #[test]
    fn paths_are_signed_without_detours() {
        for (path, wanted) in
            [("/", "/"), ("", "/"), ("//", "/"), ("/a/./b/../c", "/a/c"), ("/../../a/", "/a/"), ("//a//b", "/a/b")]
        {
            assert_eq!(normalised(path), wanted, "{path}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert!(!format!("{:?}", wanted()).contains("wJalr"));
    }
}
