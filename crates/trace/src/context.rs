//! `traceparent`: which trace a request belongs to, and which span is its parent. Pure.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{SpanId, TraceId, TraceState};

/// `traceparent`
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// `tracestate`
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// How long `traceparent` of version 00 is.
const LENGTH: usize = 55;

/// The flags of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// None is set.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded its span.
    pub const SAMPLED: Self = Self(1);
    /// The trace's id is random.
    pub const RANDOM: Self = Self(2);

    /// Those of these bits that are known; others are nothing that may be passed on.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// Their bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether the span is recorded.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// The same, with the span recorded or not.
    #[must_use]
    pub const fn sampled(self, sampled: bool) -> Self {
        Self(self.0 & !Self::SAMPLED.0 | if sampled { Self::SAMPLED.0 } else { 0 })
    }
}

/// A span, as others are told of it (W3C Trace Context): its trace, its id, and the flags.
///
/// ```
/// use propylon_trace::TraceContext;
///
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";
/// let context = TraceContext::parse(text.as_bytes()).unwrap();
/// assert_eq!(context.span_id.to_string(), "b9c7c989f97918e1");
/// assert!(context.flags.is_sampled());
/// assert_eq!(context.to_string(), text);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span: whoever gets this has it as its parent.
    pub span_id: SpanId,
    /// The flags.
    pub flags: Flags,
}

impl TraceContext {
    /// Reads the value of `traceparent`. `None`: it is none, and there is no parent then.
    ///
    /// Of a version that is not known yet what version 00 has is read, as the recommendation wants it; blanks around it have been the
    /// field's.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let [version, trace_id, span_id, flags] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let version = u8::try_from(hex(version, 2)?).ok()?;
        let ends = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        if !ends || parts.next().is_some() {
            return None;
        }
        Some(Self {
            trace_id: TraceId::new(hex(trace_id, 32)?)?,
            span_id: SpanId::new(u64::try_from(hex(span_id, 16)?).ok()?)?,
            flags: Flags::from_bits(u8::try_from(hex(flags, 2)?).ok()?),
        })
    }

    /// The parent that a request names. Two lines of it are none: which one is meant is not known.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::of_lines(headers.get_all(TRACEPARENT).iter().map(HeaderValue::as_bytes))
    }

    /// The same, of the lines of `traceparent`.
    #[must_use]
    pub fn of_lines<'v>(lines: impl IntoIterator<Item = &'v [u8]>) -> Option<Self> {
        let mut lines = lines.into_iter();
        let first = lines.next()?;
        if lines.next().is_some() { None } else { Self::parse(first) }
    }

    /// A new trace, which begins with this span.
    #[must_use]
    pub fn root() -> Self {
        Self { trace_id: TraceId::random(), span_id: SpanId::random(), flags: Flags::NONE }
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: SpanId::random(), ..*self }
    }

    /// The value of `traceparent`, in version 00.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        let text = self.to_string();
        // Digits and hyphens can stand in a field.
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).unwrap_or(HeaderValue::from_static(""))
    }

    /// Writes it into the fields of a request, in the place of what is there, with the state of the trace, if there is any.
    pub fn write(&self, state: Option<&TraceState>, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.value());
        match state {
            Some(state) => drop(headers.insert(TRACESTATE, state.value().clone())),
            None => drop(headers.remove(TRACESTATE)),
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags.0)
    }
}

/// Digits of a hexadecimal number, in lower case and just as many.
fn hex(text: &[u8], digits: usize) -> Option<u128> {
    if text.len() != digits {
        return None;
    }
    text.iter().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "12345678901234567890123456789012";

    #[test]
    fn what_is_a_parent_and_what_is_none() {
        let check = |text: &str, expected: Option<u8>| {
            let found = TraceContext::parse(text.as_bytes());
            assert_eq!(found.map(|context| context.flags.bits()), expected, "{text}");
            if let Some(context) = found {
                assert_eq!(context.trace_id.to_string(), TRACE);
                assert_eq!(context.span_id.to_string(), "1234567890123456");
            }
        };
        check(&format!("00-{TRACE}-1234567890123456-01"), Some(1));
        check(&format!("00-{TRACE}-1234567890123456-00"), Some(0));
        check(&format!(" \t00-{TRACE}-1234567890123456-01\t "), Some(1));
        // Flags: of those that nobody knows yet nothing is read.
        check(&format!("00-{TRACE}-1234567890123456-03"), Some(3));
        check(&format!("00-{TRACE}-1234567890123456-ff"), Some(3));
        check(&format!("00-{TRACE}-1234567890123456-fe"), Some(2));
        // Versions.
        check(&format!("00-{TRACE}-1234567890123456-01."), None);
        check(&format!("00-{TRACE}-1234567890123456-01-what-the-future-will-be-like"), None);
        check(&format!("cc-{TRACE}-1234567890123456-01"), Some(1));
        check(&format!("cc-{TRACE}-1234567890123456-01-what-the-future-will-be-like"), Some(1));
        check(&format!("cc-{TRACE}-1234567890123456-01.what-the-future-will-be-like"), None);
        check(&format!("ff-{TRACE}-1234567890123456-01"), None);
        check(&format!("FE-{TRACE}-1234567890123456-01"), None);
        check(&format!(".0-{TRACE}-1234567890123456-01"), None);
        check(&format!("0.-{TRACE}-1234567890123456-01"), None);
        check(&format!("000-{TRACE}-1234567890123456-01"), None);
        check(&format!("0-{TRACE}-1234567890123456-01"), None);
        // Ids.
        check("00-00000000000000000000000000000000-1234567890123456-01", None);
        check(&format!("00-{TRACE}-0000000000000000-01"), None);
        check("00-.2345678901234567890123456789012-1234567890123456-01", None);
        check("00-1234567890123456789012345678901A-1234567890123456-01", None);
        check("00-123456789012345678901234567890123-1234567890123456-01", None);
        check("00-1234567890123456789012345678901-1234567890123456-01", None);
        check(&format!("00-{TRACE}-123456789012345.-01"), None);
        check(&format!("00-{TRACE}-12345678901234567-01"), None);
        check(&format!("00-{TRACE}-123456789012345-01"), None);
        check(&format!("00-{TRACE}-1234567890123456-.0"), None);
        check(&format!("00-{TRACE}-1234567890123456-0A"), None);
        check(&format!("00-{TRACE}-1234567890123456-001"), None);
        check(&format!("00-{TRACE}-1234567890123456-1"), None);
        check(&format!("00-{TRACE}-1234567890123456-"), None);
        check(&format!("00_{TRACE}-1234567890123456-01"), None);
        check("", None);
        check("-", None);
        // As long as one, and with another hyphen in it.
        check("00-1234567890123456-7890123456789012-1234567890123456-1", None);
    }

    #[test]
    fn two_lines_are_none() {
        let line = format!("00-{TRACE}-1234567890123456-01");
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::of(&headers), None);
        headers.append(TRACEPARENT, line.parse().unwrap());
        assert!(TraceContext::of(&headers).is_some());
        headers.append(TRACEPARENT, line.parse().unwrap());
        assert_eq!(TraceContext::of(&headers), None);
    }

    #[test]
    fn what_is_written_takes_the_place_of_what_was_there() {
        let context = TraceContext::root();
        let mut headers = HeaderMap::new();
        for (name, value) in
            [(TRACEPARENT, "a"), (TRACEPARENT, "b"), (TRACESTATE, "c=1"), (TRACESTATE, "d=1")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        context.write(None, &mut headers);
        assert_eq!((headers.len(), TraceContext::of(&headers)), (1, Some(context)));
        let state = TraceState::parse([&b"e=1"[..]]).unwrap();
        context.write(Some(&state), &mut headers);
        assert_eq!(headers.get(TRACESTATE).unwrap(), "e=1");
    }

    #[test]
    fn children_are_of_the_same_trace() {
        let root = TraceContext { flags: Flags::RANDOM.sampled(true), ..TraceContext::root() };
        let child = root.child();
        assert_eq!((child.trace_id, child.flags), (root.trace_id, root.flags));
        assert_ne!(child.span_id, root.span_id);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in 1..u128::MAX, span in 1..u64::MAX, bits: u8) {
            let context = TraceContext {
                trace_id: TraceId::new(trace).unwrap(),
                span_id: SpanId::new(span).unwrap(),
                flags: Flags::from_bits(bits),
            };
            prop_assert_eq!(context.to_string().len(), LENGTH);
            prop_assert_eq!(TraceContext::parse(context.value().as_bytes()), Some(context));
        }

        /// What is read was written just so, but for blanks, flags and what follows in later versions.
        #[test]
        fn nothing_else_is_read(text in "(0[01]|f[ef]|.{2})[-.]?[0-9a-fA-F]{31,33}-[0-9a-f.]{15,17}[-_][0-9a-f]{1,3}(-.*)?|.*") {
            if let Some(context) = TraceContext::parse(text.as_bytes()) {
                let (trimmed, again) = (text.trim_ascii(), context.to_string());
                prop_assert_eq!(trimmed.get(2..53), again.get(2..53));
                prop_assert!(!trimmed.starts_with("ff"));
                prop_assert!(trimmed.len() == LENGTH || !trimmed.starts_with("00"));
            }
        }

        #[test]
        fn bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&bytes);
            let _ = TraceState::parse([&bytes[..]]);
        }
    }
}
