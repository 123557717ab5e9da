//! W3C trace context: the `traceparent` that travels in an event's metadata.
//!
//! Format: <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::fmt;
use std::str::FromStr;

use crate::words;

/// What the Python library writes where nobody traces; read as "no trace".
pub const ZERO_TRACEPARENT: &str = "00-00000000000000000000000000000000-0000000000000000-01";

/// One span of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// A text that is no `traceparent`, or the all-zero one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no traceparent, expected `00-<32 hex digits>-<16 hex digits>-<2 hex digits>` with ids that are not zero"
)]
pub struct NoTraceParent(String);

impl TraceParent {
    /// The same trace and flags with another span: what a program does that acts on an event it received.
    ///
    /// `span` is random; an all-zero one, which the format forbids, gets its last bit set.
    #[must_use]
    pub fn continued(self, mut span: [u8; 8]) -> Self {
        if span == [0; 8] {
            span[7] = 1;
        }
        Self { span, ..self }
    }

    /// Whether the trace is recorded, as far as whoever began it knows.
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }

    /// A new trace; `random` yields its ids.
    pub fn new(random: [u8; 16], span: [u8; 8], sampled: bool) -> Self {
        let mut trace = random;
        if trace == [0; 16] {
            trace[15] = 1;
        }
        Self { trace, span, flags: u8::from(sampled) }.continued(span)
    }

    /// The trace's id, as 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        words::hex(&self.trace)
    }

    /// The span's id, as 16 hexadecimal digits.
    pub fn span_id(self) -> String {
        words::hex(&self.span)
    }

    /// Reads a `traceparent` for which the absent, the empty, the broken and the all-zero are alike: there is no trace.
    pub fn read(text: Option<&str>) -> Option<Self> {
        text?.parse().ok()
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NoTraceParent(super::json::shorten(text, 80).into_owned());
        let mut parts = text.split('-');
        let (version, trace, span, flags) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(version), Some(trace), Some(span), Some(flags)) => (version, trace, span, flags),
            _ => return Err(wrong()),
        };
        let [version] = hex::<1>(version).ok_or_else(wrong)?;
        // A later version may add fields behind these; version 00 may not, and ff is not one.
        if version == 0xFF || (version == 0 && parts.next().is_some()) {
            return Err(wrong());
        }
        let trace = hex::<16>(trace).filter(|id| *id != [0; 16]).ok_or_else(wrong)?;
        let span = hex::<8>(span).filter(|id| *id != [0; 8]).ok_or_else(wrong)?;
        let [flags] = hex::<1>(flags).ok_or_else(wrong)?;
        Ok(Self { trace, span, flags })
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.span_id(), self.flags)
    }
}
