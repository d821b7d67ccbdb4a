//! Which responses are compressed, and what becomes of their heads and bodies.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::type_complexity,
    reason = "a test"
)]

use std::io::Read;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use propylon_compression::{BoxError, Coding, CompressionLayer, Proxied};
use tower::{Layer, ServiceExt, service_fn};

const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

/// The head of the response, one line a field, and its body.
async fn pass(
    layer: CompressionLayer,
    request: &[(&str, &str)],
    status: u16,
    response: &[(&str, &str)],
    body: &'static str,
) -> (Vec<String>, Bytes) {
    let mut answer = Response::builder().status(status);
    for (name, value) in response {
        answer = answer.header(*name, *value);
    }
    let answer = answer.body(Full::<Bytes>::from(body)).unwrap();
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let answer = answer.clone();
        async move { Ok::<_, std::convert::Infallible>(answer) } // its error is the layer's, too
    }));
    let mut asked = Request::builder();
    for (name, value) in request {
        match *name {
            "method" => asked = asked.method(*value),
            "version" => asked = asked.version(http::Version::HTTP_10),
            name => asked = asked.header(name, *value),
        }
    }
    let (parts, body) = service.oneshot(asked.body(()).unwrap()).await.unwrap().into_parts();
    let mut lines: Vec<_> =
        parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    (lines, body.collect().await.unwrap().to_bytes())
}

const LONG: &str = "some text that is long enough to be worth it";

async fn coded(
    layer: CompressionLayer,
    request: &[(&str, &str)],
    status: u16,
    response: &[(&str, &str)],
) -> bool {
    let (lines, body) = pass(layer, request, status, response, LONG).await;
    let coded = lines.iter().any(|line| line.starts_with("content-encoding: "));
    assert_eq!(coded, body != LONG, "{lines:?}");
    coded
}

#[tokio::test]
async fn the_head_of_what_is_compressed() {
    let fields =
        [HTML, ("etag", "\"a\""), ("content-length", "44"), ("accept-ranges", "bytes"), ("x-a", "b")];
    let (lines, body) =
        pass(CompressionLayer::new(ALL), &[("accept-encoding", "gzip")], 200, &fields, LONG).await;
    assert_eq!(
        lines,
        [
            "content-encoding: gzip",
            "content-type: text/html; charset=utf-8",
            "etag: W/\"a\"",
            "vary: Accept-Encoding",
            "x-a: b"
        ]
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, LONG);
}

#[tokio::test]
async fn vary_tells_caches_in_either_case() {
    let plain = pass(CompressionLayer::new(ALL), &[], 200, &[HTML], LONG).await;
    assert_eq!(plain.0, ["content-type: text/html; charset=utf-8", "vary: Accept-Encoding"]);
    let off = CompressionLayer::new(ALL).vary(false);
    let without = pass(off, &[("accept-encoding", "br")], 200, &[HTML, ("vary", "Origin")], LONG).await.0;
    assert_eq!(without, ["content-encoding: br", "content-type: text/html; charset=utf-8", "vary: Origin"]);
    let known = [HTML, ("vary", "Origin, accept-encoding")];
    let once = pass(CompressionLayer::new(ALL), &[("accept-encoding", "zstd")], 200, &known, LONG).await.0;
    assert_eq!(once[2], "vary: Origin, accept-encoding");
    let other = pass(CompressionLayer::new(ALL), &[], 200, &[("content-type", "image/png")], LONG).await.0;
    assert_eq!(other, ["content-type: image/png"]);
}

/// What is not compressed because there is no body, or a part of one, tells caches of it as the whole does.
#[tokio::test]
async fn vary_of_heads_and_parts() {
    let gzip = ("accept-encoding", "gzip");
    let layer = || CompressionLayer::new(ALL).min_length(40);
    let varies = |lines: &[String]| lines.iter().any(|line| line == "vary: Accept-Encoding");
    for (long, length) in [(true, "44"), (false, "39")] {
        let fields = [HTML, ("content-length", length)];
        let (lines, body) = pass(layer(), &[gzip, ("method", "HEAD")], 200, &fields, "").await;
        assert!(varies(&lines) == long && body.is_empty(), "{lines:?}");
        assert!(lines.contains(&format!("content-length: {length}")), "{lines:?}");
        let range = format!("bytes 5-9/{length}");
        let (lines, body) = pass(layer(), &[gzip], 206, &[HTML, ("content-range", &range)], "12345").await;
        assert!(varies(&lines) == long && body == "12345", "{lines:?}");
    }
    let (lines, _) = pass(layer(), &[("method", "HEAD")], 200, &[("content-type", "image/png")], "").await;
    assert!(!varies(&lines), "{lines:?}");
}

#[tokio::test]
async fn what_is_left_alone() {
    let layer = || CompressionLayer::new(ALL).types(["*"]);
    let gzip = ("accept-encoding", "gzip");
    for status in [200, 403, 404] {
        assert!(coded(layer(), &[gzip], status, &[HTML]).await);
    }
    for status in [201, 204, 206, 301, 304, 500, 502] {
        assert!(!coded(layer(), &[gzip], status, &[HTML]).await, "{status}");
    }
    for field in [
        ("content-encoding", "identity"),
        ("content-range", "bytes 0-1/2"),
        ("cache-control", "no-transform"),
        ("cache-control", "max-age=1, No-Transform"),
    ] {
        let (lines, body) = pass(layer(), &[gzip], 200, &[HTML, field], LONG).await;
        assert!(body == LONG && !lines.iter().any(|line| line.starts_with("vary")), "{field:?}");
    }
    for kind in [
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "application/grpc",
        "application/grpc+proto",
    ] {
        assert!(!coded(layer(), &[gzip], 200, &[("content-type", kind)]).await, "{kind}");
    }
    let kept = [HTML, ("cache-control", "no-transform")];
    assert!(coded(layer().no_transform(|_| false), &[gzip], 200, &kept).await, "it is not for this one");
    assert!(!coded(layer().no_transform(|_| true), &[gzip], 200, &[HTML]).await, "who wrote it over knew it");
    let (field, shown) = (http::HeaderName::from_static("x-kept"), http::StatusCode::OK);
    let told = layer().no_transform(move |head| head.headers.contains_key(&field)).status(move |_| shown);
    assert!(coded(told.clone(), &[gzip], 500, &[HTML]).await);
    assert!(!coded(told, &[gzip], 500, &[HTML, ("x-kept", "1")]).await);
    assert!(!coded(layer(), &[gzip, ("version", "1.0")], 200, &[HTML]).await);
    assert!(coded(layer().http_1_0(true), &[gzip, ("version", "1.0")], 200, &[HTML]).await);
    assert!(!coded(layer(), &[gzip, ("method", "HEAD")], 200, &[HTML]).await);
    assert!(!coded(layer().min_length(45), &[gzip], 200, &[HTML]).await);
    assert!(coded(layer().min_length(44), &[gzip], 200, &[HTML]).await);
    assert!(!coded(CompressionLayer::new(ALL), &[gzip], 200, &[("content-type", "text/plain")]).await);
    assert!(!coded(layer(), &[gzip], 200, &[]).await, "without a type nobody knows");
    assert!(!coded(layer().exclude(|_| true), &[gzip], 200, &[HTML]).await);
    // Nothing is acceptable: the response as it is, and its status too.
    assert!(!coded(layer(), &[("accept-encoding", "identity;q=0")], 200, &[HTML]).await);
    assert_eq!(pass(layer(), &[gzip], 200, &[HTML], "").await.1, "");
}

#[tokio::test]
async fn proxies_get_what_they_may_not_keep() {
    let date = ("date", "Wed, 25 Nov 2026 15:00:00 GMT");
    let (past, future) = ("Wed, 25 Nov 2026 14:00:00 GMT", "Wed, 25 Nov 2026 16:00:00 GMT");
    let cases: [(Proxied, &[(&str, &str)], bool); 12] = [
        (Proxied::OFF, &[], false),
        (Proxied::ANY, &[], true),
        (Proxied::EXPIRED, &[date, ("expires", past)], true),
        (Proxied::EXPIRED, &[date, ("expires", future)], false),
        (Proxied::EXPIRED, &[date, ("expires", "0")], false),
        (Proxied::EXPIRED, &[("expires", past)], true),
        (Proxied::NO_CACHE, &[("cache-control", "max-age=0, no-cache")], true),
        (Proxied::NO_STORE.or(Proxied::PRIVATE), &[("cache-control", "no-cache")], false),
        (Proxied::NO_STORE.or(Proxied::PRIVATE), &[("cache-control", "private")], true),
        (Proxied::NO_LAST_MODIFIED, &[("etag", "\"a\"")], true),
        (Proxied::NO_ETAG, &[("etag", "\"a\"")], false),
        (Proxied::NO_STORE, &[("expires", past)], false),
    ];
    let via = [("accept-encoding", "gzip"), ("via", "1.1 x")];
    for (proxied, fields, expected) in cases {
        let layer = CompressionLayer::new(ALL).proxied(proxied);
        let fields = [&[HTML], fields].concat();
        assert_eq!(coded(layer.clone(), &via, 200, &fields).await, expected, "{proxied:?} {fields:?}");
        assert!(coded(layer, &via[..1], 200, &fields).await, "a client that is no proxy");
    }
    let authorized = [via[0], via[1], ("authorization", "Basic x")];
    assert!(coded(CompressionLayer::new(ALL).proxied(Proxied::AUTH), &authorized, 200, &[HTML]).await);
}

/// Gives a piece, then waits; in the end there are trailers.
struct Trickle(u8);

impl Body for Trickle {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(Ok(Frame::data(LONG.into())))),
            2..=4 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            5 => {
                let mut trailers = http::HeaderMap::new();
                trailers.insert("x-sum", "1".parse().unwrap());
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            6 => Poll::Ready(None),
            _ => Poll::Ready(Some(Err("asked again".into()))),
        }
    }
}

#[tokio::test]
async fn what_is_there_leaves_and_trailers_pass() {
    for coding in ALL {
        let layer = CompressionLayer::new([coding]);
        let service = layer.layer(service_fn(|_: Request<()>| async {
            Ok::<_, BoxError>(Response::builder().header(HTML.0, HTML.1).body(Trickle(0)).unwrap())
        }));
        let request = Request::builder().header("accept-encoding", coding.name()).body(()).unwrap();
        let mut body = std::pin::pin!(service.oneshot(request).await.unwrap().into_body());
        let mut early = 0;
        // Until it waits for more than it got: by then the piece must have left.
        for _ in 0..3 {
            match body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(Ok(frame))) => early += frame.into_data().unwrap().len(),
                _ => break,
            }
        }
        assert!(early >= 20, "{coding:?}: {early} bytes");
        let rest = body.collect().await.unwrap();
        assert_eq!(rest.trailers().unwrap()["x-sum"], "1", "{coding:?}");
    }
}
