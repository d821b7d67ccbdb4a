//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use propylon_h1::proto::{Decoder, Event, RequestParser, ResponseParser, ResponseToSend, encode_response};
use propylon_h1::server::{Config, Connection, Context, RequestBody, Service};
use propylon_h1::{BodyKind, BodySize, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Small, so that inputs reach them.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.first_line, limits.header_line, limits.head, limits.fields) = (256, 200, 1024, 20);
    (limits.chunk_extensions, limits.trailers, limits.trailer_fields) = (32, 200, 4);
    limits
}

/// Feeds `data` whole, or byte by byte, until `step` has an answer.
fn feed<T>(
    data: &[u8],
    whole: bool,
    mut step: impl FnMut(&mut BytesMut) -> Option<T>,
) -> (Option<T>, BytesMut) {
    let mut buffer = BytesMut::new();
    for piece in data.chunks(if whole { data.len().max(1) } else { 1 }) {
        buffer.extend_from_slice(piece);
        if let Some(answer) = step(&mut buffer) {
            return (Some(answer), buffer);
        }
    }
    (None, buffer)
}

/// Any bytes as a request: the verdict does not depend on how they are cut.
pub(crate) fn request_head(data: &[u8]) {
    let verdict = |whole| {
        let mut parser = RequestParser::new();
        let (head, mut rest) = feed(data, whole, |buffer| match parser.parse(buffer, &limits()) {
            Ok(None) => None,
            Ok(Some(head)) => {
                let fields: Vec<_> =
                    head.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                Some(Ok((head.target.as_bytes().clone(), head.body, head.keep_alive, fields)))
            }
            Err(error) => Some(Err(error.kind())),
        });
        if let Some(Ok((target, ..))) = &head {
            assert!(!target.iter().any(|byte| byte.is_ascii_control() || *byte == b' '), "{target:?}");
        }
        if head.is_none() {
            let _ = parser.eof(&rest);
            rest.clear();
        }
        head
    };
    assert_eq!(verdict(true), verdict(false));
}

/// Any bytes as a response, to requests of which the kind of body depends.
pub(crate) fn response_head(data: &[u8]) {
    for method in [Method::GET, Method::HEAD, Method::CONNECT] {
        let verdict = |whole| {
            let mut parser = ResponseParser::new();
            let (head, rest) = feed(data, whole, |buffer| match parser.parse(buffer, &method, &limits()) {
                Ok(None) => None,
                Ok(Some(head)) => Some(Ok((head.status, head.body, head.keep_alive, head.headers.len()))),
                Err(error) => Some(Err(error.kind())),
            });
            if head.is_none() {
                let _ = parser.eof(&rest);
            }
            head
        };
        assert_eq!(verdict(true), verdict(false));
    }
}

/// Any bytes as a chunked body: the same data however they are cut, and what was decoded encodes to itself.
pub(crate) fn chunked_body(data: &[u8]) {
    let decode = |whole| {
        let mut decoder = Decoder::new(BodyKind::Chunked);
        let mut body = Vec::new();
        let (end, _) = feed(data, whole, |buffer| {
            loop {
                match decoder.decode(buffer, &limits()) {
                    Ok(Event::Data(piece)) => body.extend_from_slice(&piece),
                    Ok(Event::Trailers(trailers)) => {
                        body.extend_from_slice(format!("{trailers:?}").as_bytes())
                    }
                    Ok(Event::End) => return Some(Ok(())),
                    Ok(Event::NeedMore) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
        });
        (end, body)
    };
    let (end, body) = decode(true);
    assert_eq!((&end, &body), (&decode(false).0, &decode(false).1));

    // Encoded again, whatever it is: the same.
    let head = ResponseToSend {
        status: http::StatusCode::OK,
        headers: &http::HeaderMap::new(),
        extensions: &http::Extensions::new(),
        body: BodySize::Unknown,
        method: &Method::GET,
        version: http::Version::HTTP_11,
        keep_alive: true,
        date: None,
    };
    let mut wire = BytesMut::new();
    let mut encoder = encode_response(&head, &mut wire).encoder;
    wire.clear();
    if !data.is_empty() {
        encoder.begin(data.len(), &mut wire).expect("any length will do");
        wire.extend_from_slice(data);
        encoder.end(&mut wire);
    }
    encoder.finish(None, &mut wire).expect("nothing was announced");
    let mut decoder = Decoder::new(BodyKind::Chunked);
    let mut again = Vec::new();
    loop {
        match decoder.decode(&mut wire, &Limits::default()) {
            Ok(Event::Data(piece)) => again.extend_from_slice(&piece),
            Ok(Event::End) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(again == data && wire.is_empty());
}

/// Answers with the body.
struct Echo;

#[allow(clippy::disallowed_methods, reason = "`Limited` bounds what is collected")]
impl Service for Echo {
    type Body = Full<Bytes>;
    type Error = ();

    async fn call(&self, request: Request<RequestBody>, _: Context) -> Result<Response<Full<Bytes>>, ()> {
        let body = Limited::new(request.into_body(), 1 << 20).collect().await.map_err(drop)?;
        Ok(Response::new(Full::new(body.to_bytes())))
    }
}

/// Any bytes from a client, in pieces whose size the first byte says: the connection comes to its end, and says nothing but HTTP.
pub(crate) fn server_connection(data: &[u8]) {
    let Some((size, data)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (client, server) = tokio::io::duplex(1 << 16);
        let mut config = Config::new();
        config.limits = limits();
        config.half_close = true;
        config.date = false;
        let serving = Connection::new(server, Echo, ()).config(config.into()).run();
        let (mut reader, mut writer) = tokio::io::split(client);
        let says = async {
            for piece in data.chunks(usize::from(*size) + 1) {
                if writer.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let _ = writer.shutdown().await;
        };
        let mut heard = Vec::new();
        let hears = reader.read_to_end(&mut heard);
        let ((), (), _) = tokio::join!(async { drop(serving.await) }, says, hears);
        assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 "), "{}", heard.escape_ascii());
    });
}
