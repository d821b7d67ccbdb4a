//! What a collector's answer means. Pure.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use httpdate::HttpDate;
use prost::Message;

use crate::wire::{ExportResponse, RetryInfo, RpcStatus};
use crate::{Error, span};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// How gRPC writes bytes in fields: with padding or without.
const BYTES: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How much of a message is shown.
const SHOWN: usize = 200;

/// A batch has arrived.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How many spans of it were not taken after all.
    pub(crate) rejected: u64,
    /// Why.
    pub(crate) message: String,
}

/// A message as gRPC sends it: whether it is compressed and its length go before it.
pub(crate) fn framed(message: &[u8], compressed: bool) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(compressed.into());
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// What an answer over HTTP means.
pub(crate) fn http(
    status: StatusCode,
    headers: &HeaderMap,
    body: Bytes,
    now: SystemTime,
) -> Result<Taken, Error> {
    if status.is_success() {
        let is = |kind: &str| {
            headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(kind.as_bytes()))
        };
        // Some answer without a body, or with another one: it is taken all the same.
        return if is("application/x-protobuf") { taken(body) } else { Ok(Taken::default()) };
    }
    let after = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
    let message = match RpcStatus::decode(body.clone()) {
        Ok(said) if !said.message.is_empty() => shown(said.message.as_bytes()),
        _ => shown(&body),
    };
    Err(Error::Status { status, message, after })
}

/// What an answer over gRPC means. The status stands in the trailers, or in the head where there is nothing else.
pub(crate) fn grpc(
    status: StatusCode,
    headers: &HeaderMap,
    trailers: Option<&HeaderMap>,
    mut body: Bytes,
    now: SystemTime,
) -> Result<Taken, Error> {
    let fields = trailers.filter(|trailers| trailers.contains_key(GRPC_STATUS)).unwrap_or(headers);
    let code = fields.get(GRPC_STATUS).and_then(|value| value.to_str().ok()?.parse().ok());
    match code {
        Some(0) => {}
        None if status != StatusCode::OK => {
            // Something on the way that does not speak gRPC.
            let after = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
            return Err(Error::Status { status, message: shown(&body), after });
        }
        None => return Err(Error::Answer("the gRPC status is missing".to_owned())),
        Some(code) => {
            let message = fields.get(GRPC_MESSAGE).map(|value| shown(value.as_bytes())).unwrap_or_default();
            let after = fields.get(GRPC_DETAILS).and_then(|value| retry_info(value.as_bytes()));
            return Err(Error::Grpc { code, message, after });
        }
    }
    if body.is_empty() {
        return Ok(Taken::default());
    }
    if body.len() < 5 || body.get_u8() != 0 {
        return Err(Error::Answer("the message is compressed or truncated".to_owned()));
    }
    let length = usize::try_from(body.get_u32()).unwrap_or(usize::MAX);
    if body.len() < length {
        return Err(Error::Answer("the message is truncated".to_owned()));
    }
    taken(body.split_to(length))
}

fn taken(message: Bytes) -> Result<Taken, Error> {
    let response = ExportResponse::decode(message).map_err(|error| Error::Answer(error.to_string()))?;
    let partial = response.partial_success.unwrap_or_default();
    let rejected = u64::try_from(partial.rejected_spans).unwrap_or_default();
    Ok(Taken { rejected, message: shown(partial.error_message.as_bytes()) })
}

/// The beginning of a message, on one line.
fn shown(text: &[u8]) -> String {
    let text = span::utf8(text.get(..SHOWN).unwrap_or(text));
    let text = String::from_utf8_lossy(&text);
    text.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// How long a status of gRPC asks to wait.
fn retry_info(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(&*BYTES.decode(details).ok()?).ok()?;
    let mut details = status.details.into_iter();
    let found = details.find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(found.value).ok()?.retry_delay.unwrap_or_default();
    let nanos = u32::try_from(delay.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, nanos))
}

/// How long a field asks to wait: seconds, or until a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = SystemTime::from(HttpDate::from_str(text.trim()).ok()?);
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::wire::PartialSuccess;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn partial(rejected_spans: i64) -> Bytes {
        let partial_success = Some(PartialSuccess { rejected_spans, error_message: "too old".to_owned() });
        ExportResponse { partial_success }.encode_to_vec().into()
    }

    #[test]
    fn answers_of_http() {
        let ok = StatusCode::OK;
        let proto = fields(&[("content-type", "application/x-protobuf")]);
        assert_eq!(http(ok, &HeaderMap::new(), Bytes::new(), NOW).unwrap(), Taken::default());
        assert_eq!(
            http(ok, &fields(&[("content-type", "text/html")]), "<p>".into(), NOW).unwrap().rejected,
            0
        );
        assert_eq!(
            http(ok, &proto, partial(3), NOW).unwrap(),
            Taken { rejected: 3, message: "too old".into() }
        );
        assert!(http(ok, &proto, "\u{7f}".into(), NOW).is_err());

        let status = |code: u16, headers: &[(&'static str, &'static str)]| {
            let error = http(StatusCode::from_u16(code).unwrap(), &fields(headers), "no\nroom".into(), NOW);
            let error = error.unwrap_err();
            assert!(error.to_string().ends_with(": no room"), "{error}");
            (error.is_temporary(), error.after().map(|after| after.as_secs()))
        };
        assert_eq!(status(503, &[("retry-after", "7")]), (true, Some(7)));
        assert_eq!(status(429, &[("retry-after", "Thu, 01 Jan 1970 00:01:00 GMT")]), (true, Some(60)));
        assert_eq!(status(502, &[("retry-after", "soon")]), (true, None));
        assert_eq!(
            (status(504, &[]), status(400, &[]), status(500, &[])),
            ((true, None), (false, None), (false, None))
        );
    }

    #[test]
    fn answers_of_grpc() {
        let ok = StatusCode::OK;
        let (none, good) = (HeaderMap::new(), fields(&[("grpc-status", "0")]));
        let answer = |headers: &HeaderMap, trailers: Option<&HeaderMap>, body: Bytes| {
            grpc(ok, headers, trailers, body, NOW)
        };
        assert_eq!(answer(&none, Some(&good), framed(&partial(2), false)).unwrap().rejected, 2);
        assert_eq!(answer(&none, Some(&good), framed(b"", false)).unwrap(), Taken::default());
        assert_eq!(answer(&good, None, Bytes::new()).unwrap(), Taken::default());
        assert!(answer(&none, None, Bytes::new()).is_err(), "no status");
        assert!(answer(&good, None, Bytes::from_static(&[1, 0, 0, 0, 0])).is_err(), "compressed");
        assert!(answer(&good, None, Bytes::from_static(&[0, 0, 0, 0, 9])).is_err(), "cut");

        let code = |code: &'static str| {
            let trailers = fields(&[("grpc-status", code), ("grpc-message", "busy")]);
            let error = answer(&none, Some(&trailers), Bytes::new()).unwrap_err();
            assert!(error.to_string().ends_with(": busy"), "{error}");
            error.is_temporary()
        };
        let temporary: Vec<&str> =
            ["1", "2", "3", "4", "5", "7", "8", "10", "11", "12", "13", "14", "15", "16"]
                .into_iter()
                .filter(|n| code(n))
                .collect();
        assert_eq!(temporary, ["1", "4", "10", "11", "14", "15"]);

        let gateway =
            grpc(StatusCode::SERVICE_UNAVAILABLE, &fields(&[("retry-after", "1")]), None, "x".into(), NOW);
        assert_eq!(gateway.unwrap_err().after(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_status_may_ask_for_patience() {
        use crate::wire::{Delay, Detail};
        let detail = |type_url: &str, seconds, nanos| {
            let retry_delay = Some(Delay { seconds, nanos });
            Detail { type_url: type_url.to_owned(), value: RetryInfo { retry_delay }.encode_to_vec().into() }
        };
        let check = |details: Vec<Detail>, expected: Option<Duration>| {
            let status = RpcStatus { code: 8, message: String::new(), details };
            let padded = BYTES.encode(status.encode_to_vec());
            for text in [padded.clone(), padded.trim_end_matches('=').to_owned()] {
                let mut trailers = fields(&[("grpc-status", "8")]);
                trailers.insert(GRPC_DETAILS, text.parse().unwrap());
                let error = grpc(StatusCode::OK, &HeaderMap::new(), Some(&trailers), Bytes::new(), NOW);
                let error = error.unwrap_err();
                assert_eq!((error.after(), error.is_temporary()), (expected, expected.is_some()));
            }
        };
        let info = "type.googleapis.com/google.rpc.RetryInfo";
        check(vec![detail(info, 2, 500_000_000)], Some(Duration::from_millis(2500)));
        check(vec![detail("x/google.rpc.DebugInfo", 9, 0), detail(info, 0, 0)], Some(Duration::ZERO));
        check(vec![detail(info, -1, 0)], None);
        check(vec![detail(info, 1, -1)], None);
        check(vec![], None);
        assert_eq!(retry_info(b"???"), None);
        assert_eq!(retry_info(b"////"), None);
    }

    #[test]
    fn messages_are_short_and_on_one_line() {
        assert_eq!(shown(b" a\r\nb\xff "), "a  b\u{fffd}");
        assert_eq!(shown(&[b'a'; 1000]).len(), SHOWN);
    }
}
