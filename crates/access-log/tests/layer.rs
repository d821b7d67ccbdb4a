//! The layer around a service.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a panic is how a failed check reports"
)]

mod support;

use std::fs;
use std::future::{pending, ready};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use propylon_access_log::{AccessLogLayer, Buffering, ResponseBody, Sinks, Target};
use propylon_exchange::{Address, Exchange};
use propylon_testkit::body::Script;
use propylon_testkit::service::Checked;
use propylon_testkit::{gate::Gate, laws};
use support::{LIMIT, exchange, log, sinks};
use tower::{Layer, Service, ServiceExt};

struct Fixture {
    sinks: Sinks,
    path: PathBuf,
    layer: AccessLogLayer,
    _directory: tempfile::TempDir,
}

fn fixture(format: &str) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let sinks = sinks();
    let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt).unwrap();
    Fixture { sinks, path, layer: AccessLogLayer::new(log(format, &sink)), _directory: directory }
}

impl Fixture {
    fn lines(&self) -> String {
        self.sinks.flush_all(LIMIT).unwrap();
        fs::read_to_string(&self.path).unwrap()
    }

    /// The response of a service that answers with `body`.
    async fn answer<B: Body>(&self, request: Request<Empty<Bytes>>, body: B) -> Response<ResponseBody<B>> {
        let mut body = Some(body);
        let inner = Checked::new(move |_: Request<_>| {
            ready(Ok::<_, std::io::Error>(Response::new(body.take().unwrap())))
        });
        self.layer.layer(inner).ready().await.unwrap().call(request).await.unwrap()
    }
}

const FORMAT: &str = "\"$request\" $host $status $body_bytes_sent";

fn request(method: &str) -> Request<Empty<Bytes>> {
    let builder = Request::builder().method(method).uri("/a?b").header("host", "Example.com:80");
    builder.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn line_when_the_body_was_read() {
    let fixture = fixture(FORMAT);
    let script = Script::new().data("hello").data("you").end_unannounced();
    let mut body = fixture.answer(request("GET"), script).await.into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
        assert_eq!(fixture.lines(), "");
    }
    assert!(body.frame().await.is_none());
    assert_eq!(fixture.lines(), "\"GET /a?b HTTP/1.1\" example.com 200 8\n");
    drop(body);
    assert_eq!(fixture.lines().lines().count(), 1, "one line an exchange");
}

#[tokio::test]
async fn line_when_the_body_is_dropped() {
    let fixture = fixture(FORMAT);
    let mut body = fixture.answer(request("GET"), Script::new().data("hello").data("you")).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(fixture.lines(), "\"GET /a?b HTTP/1.1\" example.com 200 5\n");
}

#[tokio::test]
async fn body_that_is_not_asked_for() {
    let fixture = fixture(FORMAT);
    drop(fixture.answer(request("HEAD"), Full::new(Bytes::from("hello"))).await);
    drop(fixture.answer(request("GET"), Full::<Bytes>::default()).await);
    assert_eq!(
        fixture.lines(),
        "\"HEAD /a?b HTTP/1.1\" example.com 200 0\n\"GET /a?b HTTP/1.1\" example.com 200 0\n"
    );
}

#[tokio::test]
async fn how_it_ended_is_recorded() {
    use propylon_exchange::End::{ClientClosed, Complete, Truncated};
    for (method, script, frames, expected) in [
        ("GET", Script::new(), 0, Complete),
        ("GET", Script::new().data("a"), 1, Complete),
        ("GET", Script::new().data("a").end_unannounced(), 1, ClientClosed),
        ("GET", Script::new().data("a").end_unannounced().exact(), 1, Complete),
        ("GET", Script::new().data("a").end_unannounced(), 2, Complete),
        ("GET", Script::new().data("a").error("broken"), 2, Truncated),
        ("HEAD", Script::new().data("a"), 0, Complete),
    ] {
        let fixture = fixture(FORMAT);
        let seen = Arc::new(Mutex::new(None));
        let (store, mut script) = (seen.clone(), Some(script));
        let inner = Checked::new(move |request: Request<Empty<Bytes>>| {
            *store.lock().unwrap() = request.extensions().get::<Exchange>().cloned();
            ready(Ok::<_, std::io::Error>(Response::new(script.take().unwrap())))
        });
        let service = fixture.layer.layer(inner);
        let mut body = service.oneshot(request(method)).await.unwrap().into_body();
        for _ in 0..frames {
            let _ = body.frame().await;
        }
        drop(body);
        let exchange = seen.lock().unwrap().take().unwrap();
        assert_eq!(exchange.end(), Some(expected), "{method}, {frames} frames");
        assert_eq!(fixture.lines().lines().count(), 1);
    }
}

#[tokio::test]
async fn dropped_future_is_499() {
    let fixture = fixture(FORMAT);
    let inner =
        Checked::new(|_: Request<Empty<Bytes>>| pending::<Result<Response<Full<Bytes>>, std::io::Error>>());
    let mut service = fixture.layer.layer(inner);
    let mut future = Box::pin(service.ready().await.unwrap().call(request("GET")));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(fixture.lines(), "");
    drop(future);
    assert_eq!(fixture.lines(), "\"GET /a?b HTTP/1.1\" example.com 499 0\n");
}

#[tokio::test]
async fn error_passes_and_has_a_line() {
    let fixture = fixture("$request_method");
    let inner = Checked::new(|_: Request<Empty<Bytes>>| {
        ready(Err::<Response<Full<Bytes>>, _>(std::io::Error::other("scripted")))
    });
    let error = fixture.layer.layer(inner).oneshot(request("GET")).await.unwrap_err();
    assert_eq!(error.to_string(), "scripted");
    assert_eq!(fixture.lines(), "GET\n");
}

#[tokio::test]
async fn client_is_found_in_the_request() {
    let mut fixture = fixture("$remote_addr");
    fixture.layer = fixture
        .layer
        .clone()
        .client(|parts| Some(Address::ip(parts.headers.get("x-from")?.to_str().ok()?.parse().ok()?, None)));
    let mut known = request("GET");
    known.headers_mut().insert("x-from", http::HeaderValue::from_static("192.0.2.1"));
    for request in [known, request("GET")] {
        drop(fixture.answer(request, Full::<Bytes>::default()).await);
    }
    assert_eq!(fixture.lines(), "192.0.2.1\nunix:\n");
}

#[tokio::test]
async fn exchange_of_somebody_else_is_not_written_to() {
    let fixture = fixture("$request $body_bytes_sent $status");
    let theirs = exchange("/theirs", &[]);
    let mut request = request("GET");
    request.extensions_mut().insert(theirs.clone());
    drop(fixture.answer(request, Full::new(Bytes::from("hello"))).await.into_body().frame().await);
    assert_eq!(fixture.lines(), "GET /theirs HTTP/1.1 0 000\n");
    assert_eq!((theirs.end(), theirs.status()), (None, None));
}

#[test]
fn body_obeys_the_laws() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fixture = fixture(FORMAT);
    laws::check_all(|script| runtime.block_on(fixture.answer(request("GET"), script)).into_body());
}

#[tokio::test]
async fn waiting_body_keeps_the_line_back() {
    let fixture = fixture(FORMAT);
    let gate = Gate::new();
    let mut body = fixture.answer(request("GET"), Script::new().wait(&gate).data("a")).await.into_body();
    let polled = std::pin::Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    assert_eq!(fixture.lines(), "");
    gate.open();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(fixture.lines().lines().count(), 1);
}
