//! Who is let in: nobody's web page, nobody who takes this machine for another, nobody without the right signature, and nothing
//! that is too large, too slow or packed in an unknown way.

use std::io::Read as _;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};

use super::super::developer;
use super::super::error::{ApiError, ApiResult};
use super::super::signature::{self, Credentials};

/// Bytes of a body at most: ten messages of 1 MiB in all, every byte escaped, with room to spare.
const MOST_BYTES: usize = 8 << 20;
/// Bytes of a request's headers at most, names and values.
pub(super) const MOST_HEADERS: usize = 64 << 10;
/// A request's body must be complete so long after its head.
const BODY_TIME: Duration = Duration::from_secs(60);

/// What Celery's workers call themselves where they receive (`DEFAULT_USER_AGENT` in
/// <https://github.com/celery/kombu/blob/main/kombu/asynchronous/http/curl.py>). No page can make a browser say so.
const CELERY: &[u8] = b"Mozilla/5.0 (compatible; pycurl)";

/// Who may ask what the listener hears. The default is right for the loopback address: everybody on this machine, no web page.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The key that every request must be signed with, but those for the health of the bus.
    pub credentials: Option<Credentials>,
    /// Names under which this machine is asked, besides `localhost`, its addresses and those of AWS.
    pub hosts: Vec<String>,
    /// Origins (`http://localhost:3000`) whose web pages may ask.
    pub origins: Vec<String>,
}

impl Access {
    /// The allowed origin that a request comes from, if it does.
    fn origin<'r, B>(&self, request: &'r Request<B>) -> Option<&'r HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        self.origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes())).then_some(origin)
    }

    /// Why a request is not answered: it comes from a web page.
    fn page<B>(&self, request: &Request<B>) -> Option<String> {
        if self.origin(request).is_some() {
            return None;
        }
        let headers = request.headers();
        if let Some(origin) = headers.get(header::ORIGIN) {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            let allow = "start the bus with `--allow-origin ORIGIN` to allow those of one origin";
            return Some(format!("requests of web pages are refused, and this one is of `{origin}`; {allow}"));
        }
        // An image or a form of any site can ask for an address of this machine, without an Origin. Browsers say so where they
        // trust the address; `none` is what a person typed.
        let by_site = match headers.get("sec-fetch-site") {
            Some(site) => site != "none",
            // Where they do not (a name that is not localhost), their own name and the page they come from give them away.
            None => {
                let agent = headers.get(header::USER_AGENT).map_or(b"".as_slice(), HeaderValue::as_bytes);
                let browser = agent.starts_with(b"Mozilla/") && agent != CELERY;
                browser || headers.contains_key(header::REFERER)
            }
        };
        by_site.then(|| "requests of web pages are refused".to_owned())
    }

    /// Why a request is not answered: it was sent to a name that only looks like this machine.
    fn stranger<B>(&self, request: &Request<B>) -> Option<String> {
        // A name that is not this machine's is one that a signature vouches for.
        if self.credentials.is_some() {
            return None;
        }
        let hosts = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or("?"));
        let mut asked = request.uri().authority().map(http::uri::Authority::as_str).into_iter().chain(hosts);
        let foreign = asked.find(|host| !self.knows(host))?;
        let allow = "start the bus with `--allow-host NAME` if it is";
        Some(format!("the Host of the request, `{foreign}`, is not known to be this machine; {allow}"))
    }

    fn knows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let below = |domain: &str| {
            address.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        address.is_empty()
            || address.parse::<IpAddr>().is_ok()
            // The last one leads to 127.0.0.1 for everybody; clients of LocalStack are set up with it.
            || ["localhost", "amazonaws.com", "amazonaws.com.cn", "localhost.localstack.cloud"].into_iter().any(below)
            || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(address))
    }

    /// The answer to a browser that asks beforehand whether a page of an allowed origin may ask.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Bytes>> {
        let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        if request.method() != Method::OPTIONS || self.stranger(request).is_some() {
            return None;
        }
        self.origin(request)?;
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = http::StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        if let Some(names) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        if request.headers().contains_key("access-control-request-private-network") {
            headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        Some(answer)
    }

    /// What an answer must say for the page of an allowed origin to see it.
    pub(super) fn shown_to<B>(&self, request: &Request<B>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(origin) = self.origin(request) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            let exposed = HeaderValue::from_static("x-amzn-requestid, x-amzn-query-error");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        headers
    }
}

/// The request with its whole body, or why it is turned away.
pub(super) async fn admit(request: Request<Incoming>, access: &Access, now_ms: i64) -> ApiResult<Request<Bytes>> {
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        return Err(ApiError::new("InvalidRequest", "the request has more than one Host"));
    }
    if let Some(reason) = access.page(&request).or_else(|| access.stranger(&request)) {
        return Err(ApiError::new("AccessDenied", reason).status(403));
    }
    let credentials = access.credentials.as_ref().filter(|_| request.uri().path() != developer::HEALTH);
    if let Some(credentials) = credentials {
        // Nobody makes us hold bodies who does not even know the key's id.
        signature::recognise(&request, credentials)?;
    }
    let (parts, body) = request.into_parts();
    // What came in one piece may be larger than the buffer that waits for the rest.
    if parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > MOST_HEADERS {
        let reason = format!("the headers are longer than {MOST_HEADERS} bytes");
        return Err(ApiError::new("RequestHeaderFieldsTooLarge", reason).status(431));
    }
    let too_large = || {
        let reason = format!("the body is incomplete or longer than {MOST_BYTES} bytes");
        ApiError::new("RequestEntityTooLarge", reason).status(413)
    };
    // Said before the client is asked to go on sending it.
    if body.size_hint().lower() > MOST_BYTES as u64 {
        return Err(too_large());
    }
    let body = match tokio::time::timeout(BODY_TIME, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(too_large()),
        Err(_) => return Err(ApiError::new("RequestTimeout", "the body took too long").status(408)),
    };
    let signed = Request::from_parts(parts, body);
    if let Some(credentials) = credentials {
        signature::verify(&signed, credentials, now_ms)?;
    }
    let (mut parts, body) = signed.into_parts();
    let encoding = parts.headers.remove(header::CONTENT_ENCODING);
    let body = match encoding.as_ref().map(|encoding| encoding.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"" | b"identity") => body,
        Some(b"gzip" | b"x-gzip") => {
            let mut plain = Vec::with_capacity(body.len().saturating_mul(4).min(MOST_BYTES));
            // One byte more than allowed is enough to know: what a small body swells to is never held.
            let read = MultiGzDecoder::new(&*body).take(MOST_BYTES as u64 + 1).read_to_end(&mut plain);
            read.map_err(|e| ApiError::new("MalformedInput", format!("the body is not gzip: {e}")))?;
            if plain.len() > MOST_BYTES {
                return Err(too_large());
            }
            Bytes::from(plain)
        }
        Some(_) => {
            return Err(ApiError::new("UnsupportedMediaType", "a body may be compressed with gzip alone").status(415));
        }
    };
    Ok(Request::from_parts(parts, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(access: &Access, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        access.page(&request).or_else(|| access.stranger(&request)).is_some()
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let access = Access { hosts: vec!["bus".into()], ..Access::default() };
        for good in [
            "127.0.0.1:4100",
            "localhost",
            "LocalHost:1",
            "localhost.",
            "[::1]:80",
            "10.1.2.3",
            "sqs.us-east-1.amazonaws.com",
            "sqs.cn-north-1.amazonaws.com.cn",
            "a.localhost:3",
            "sqs.eu-west-1.localhost.localstack.cloud:4566",
            "Bus:4566",
            "",
        ] {
            assert!(!refused(&access, &[("host", good)]), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "xlocalhost",
            "evilamazonaws.com",
            "bus.evil.example",
            "a.bus",
            "127.0.0.1.evil.example",
        ] {
            assert!(refused(&access, &[("host", bad)]), "{bad}");
        }
        let absolute = Request::builder().uri("http://evil.example/").header("host", "localhost").body(()).unwrap();
        assert!(access.stranger(&absolute).is_some());
        let credentials = Credentials { access_key_id: "k".into(), secret_access_key: "s".into() };
        let signed = Access { credentials: Some(credentials), ..Access::default() };
        assert!(!refused(&signed, &[("host", "bus.example")]), "a signature vouches for the name");
        assert!(refused(&signed, &[("origin", "http://localhost")]), "but not for a page");
    }

    #[test]
    fn web_pages_are_refused_however_they_ask() {
        let access = Access::default();
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        for page in [
            [("origin", "https://evil.example"), ("user-agent", firefox)],
            [("origin", "null"), ("user-agent", firefox)],
            [("origin", "http://localhost:4566"), ("user-agent", firefox)],
            [("sec-fetch-site", "cross-site"), ("user-agent", firefox)],
            [("sec-fetch-site", "same-site"), ("user-agent", firefox)],
            // An image, asked for under a name that browsers do not trust, by a page without a referrer.
            [("host", "localhost.localstack.cloud"), ("user-agent", firefox)],
            [("referer", "https://evil.example/"), ("user-agent", "")],
        ] {
            assert!(refused(&access, &page), "{page:?}");
        }
        // What a person typed, and programs.
        assert!(!refused(&access, &[("sec-fetch-site", "none"), ("user-agent", firefox)]));
        let celery = "Mozilla/5.0 (compatible; pycurl)";
        for program in ["curl/8.9", "Boto3/1.40 md/Botocore#1.40", "aws-sdk-js/3.700.0 ua/2.1 os/linux", celery] {
            assert!(!refused(&access, &[("user-agent", program)]), "{program}");
        }
    }

    #[test]
    fn pages_of_an_allowed_origin_are_answered_and_their_browsers_told() {
        let origin = "http://localhost:3000";
        let access = Access { origins: vec![origin.into()], ..Access::default() };
        assert!(!refused(&access, &[("origin", origin), ("sec-fetch-site", "same-site")]));
        assert!(refused(&access, &[("origin", "http://localhost:3001")]));
        assert!(refused(&access, &[("sec-fetch-site", "cross-site")]), "an image says no origin");
        assert!(refused(&access, &[("origin", origin), ("host", "evil.example")]));
        let asked = |from: &str| {
            Request::builder()
                .method(Method::OPTIONS)
                .header("origin", from)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,x-amz-target")
                .body(())
                .unwrap()
        };
        let answer = access.preflight(&asked(origin)).unwrap();
        assert_eq!(answer.headers()["access-control-allow-headers"], "authorization,x-amz-target");
        assert_eq!(access.shown_to(&asked(origin))["access-control-allow-origin"], origin);
        assert!(access.preflight(&asked("https://evil.example")).is_none());
        assert!(access.shown_to(&asked("https://evil.example")).is_empty());
    }
}
