//! One span.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message;

use crate::{SpanId, TraceContext, TraceState, wire};

/// How long a name or a value may be; what is longer is cut.
const LONGEST: usize = 4096;

/// How many attributes a span may have; others are dropped, and the span says how many.
const MOST: usize = 128;

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something within the process.
    Internal,
    /// A request that was answered.
    Server,
    /// A request that was sent.
    Client,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Value(wire::AnyValue);

impl Value {
    /// A text that never changes: it is not copied.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Self {
        Self(wire::AnyValue { value: Some(wire::Any::Text(Bytes::from_static(text.as_bytes()))) })
    }

    /// A text; what is not UTF-8 of it is replaced, and what is longer than 4 KiB is cut.
    #[must_use]
    pub fn text(text: &[u8]) -> Self {
        wire::Any::Text(utf8(text)).into()
    }

    /// A list of texts.
    #[must_use]
    pub fn texts<'v>(texts: impl IntoIterator<Item = &'v [u8]>) -> Self {
        let values = texts.into_iter().map(|text| wire::Any::Text(utf8(text)).into());
        let values = values.map(|Self(value)| value).collect();
        wire::Any::List(wire::ArrayValue { values }).into()
    }

    /// A number.
    #[must_use]
    pub fn integer(number: u64) -> Self {
        wire::Any::Integer(i64::try_from(number).unwrap_or(i64::MAX)).into()
    }

    /// Yes or no.
    #[must_use]
    pub fn bool(yes: bool) -> Self {
        wire::Any::Bool(yes).into()
    }
}

impl From<wire::Any> for Value {
    fn from(value: wire::Any) -> Self {
        Self(wire::AnyValue { value: Some(value) })
    }
}

/// What was done for a trace, and how long that took. [`Spans`](crate::Spans) take it.
#[derive(Clone, Debug, PartialEq)]
pub struct Span(wire::Span);

impl Span {
    /// A span of this kind, which others know as `context`.
    #[must_use]
    pub fn new(kind: Kind, context: &TraceContext, name: &[u8]) -> Self {
        Self(wire::Span {
            trace_id: Bytes::copy_from_slice(&context.trace_id.to_bytes()),
            span_id: Bytes::copy_from_slice(&context.span_id.to_bytes()),
            name: utf8(name),
            kind: match kind {
                Kind::Internal => 1,
                Kind::Server => 2,
                Kind::Client => 3,
            },
            // Also says that it is known where the parent is.
            flags: u32::from(context.flags.bits()) | HAS_IS_REMOTE,
            ..wire::Span::default()
        })
    }

    /// Its parent is a span of this process.
    pub fn parent(&mut self, parent: SpanId) {
        self.0.parent_span_id = Bytes::copy_from_slice(&parent.to_bytes());
    }

    /// Its parent is a span of another process.
    pub fn remote_parent(&mut self, parent: SpanId) {
        self.parent(parent);
        self.0.flags |= IS_REMOTE;
    }

    /// What tracing systems pass on of the trace.
    pub fn state(&mut self, state: &TraceState) {
        self.0.trace_state = state.to_bytes();
    }

    /// When it began, and when it ended.
    pub fn times(&mut self, began: SystemTime, ended: SystemTime) {
        self.0.start_time_unix_nano = nanos(began);
        self.0.end_time_unix_nano = nanos(ended.max(began));
    }

    /// An attribute whose name never changes; [`semantic`](crate::semantic) has those that everybody knows.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.add(Bytes::from_static(name.as_bytes()), value);
    }

    /// An attribute of any name.
    pub fn set_named(&mut self, name: &str, value: Value) {
        self.add(utf8(name.as_bytes()), value);
    }

    /// The last one of a name counts.
    fn add(&mut self, key: Bytes, Value(value): Value) {
        let attributes = &mut self.0.attributes;
        let value = Some(value);
        if let Some(known) = attributes.iter_mut().find(|known| known.key == key) {
            known.value = value;
        } else if attributes.len() < MOST {
            attributes.push(wire::KeyValue { key, value });
        } else {
            self.0.dropped_attributes_count += 1;
        }
    }

    /// Something happened at this time.
    pub fn event(&mut self, name: &'static str, at: SystemTime) {
        let name = Bytes::from_static(name.as_bytes());
        self.0.events.push(wire::Event { time_unix_nano: nanos(at), name });
    }

    /// It has failed.
    pub fn failed(&mut self) {
        self.0.status = Some(wire::Status { code: ERROR });
    }

    /// As it goes on the wire.
    pub(crate) fn encode(&self) -> Bytes {
        self.0.encode_to_vec().into()
    }
}

const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
const ERROR: i32 = 2;

/// An attribute of whatever sends.
pub(crate) fn attribute(name: &str, value: &str) -> wire::KeyValue {
    let Value(value) = Value::text(value.as_bytes());
    wire::KeyValue { key: utf8(name.as_bytes()), value: Some(value) }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A text as a collector takes it: one that is not UTF-8 would cost all spans that are sent with it.
pub(crate) fn utf8(text: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(text.get(..LONGEST).unwrap_or(text));
    match text {
        Cow::Borrowed(text) => Bytes::copy_from_slice(text.as_bytes()),
        Cow::Owned(mut text) => {
            text.truncate(text.floor_char_boundary(LONGEST)); // what stands for a byte is longer
            text.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flags;

    #[test]
    fn texts_are_utf8_and_not_too_long() {
        assert_eq!(utf8("ä".as_bytes()), "ä");
        assert_eq!(utf8(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(utf8(&[b'a'; 5000]).len(), 4096);
        let cut = utf8("ä".repeat(3000).as_bytes());
        assert!(std::str::from_utf8(&cut).is_ok() && cut.len() <= 4096, "{}", cut.len());
        assert_eq!(utf8(&[0xff; 5000]).len(), 4095);
    }

    #[test]
    fn what_is_encoded_is_what_was_said() {
        let context = TraceContext { flags: Flags::SAMPLED, ..TraceContext::root() };
        let mut span = Span::new(Kind::Client, &context, b"GET");
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        span.times(began, SystemTime::UNIX_EPOCH);
        span.set("a", Value::fixed("b"));
        span.set("a", Value::integer(u64::MAX));
        span.set_named("c", Value::texts([&b"d"[..], b"e"]));
        span.failed();
        let parent = SpanId::new(7).unwrap();
        span.remote_parent(parent);
        let again = wire::Span::decode(span.encode()).unwrap();
        assert_eq!(again, span.0);
        assert_eq!((again.kind, again.flags, again.attributes.len()), (3, 0x301, 2));
        assert_eq!((again.start_time_unix_nano, again.end_time_unix_nano), (1_000_000_000, 1_000_000_000));
        assert_eq!(again.parent_span_id, parent.to_bytes()[..]);
        assert_eq!(again.attributes[0].value, Some(Value::integer(i64::MAX as u64).0));
    }

    #[test]
    fn a_span_has_room_for_so_many_attributes() {
        let mut span = Span::new(Kind::Internal, &TraceContext::root(), b"");
        (0..200).for_each(|n| span.set_named(&n.to_string(), Value::bool(true)));
        assert_eq!((span.0.attributes.len(), span.0.dropped_attributes_count), (128, 72));
    }
}
