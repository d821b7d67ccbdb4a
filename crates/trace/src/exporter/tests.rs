//! Against collectors of the tests' own, over real sockets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use flate2::read::GzDecoder;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::wire;
use crate::{Kind, Protocol, Span, TraceContext, Value};

/// What a collector got.
struct Got {
    headers: HeaderMap,
    path: String,
    request: ExportRequest,
}

/// A collector, which gives the answers that it was told, then 200.
struct Peer {
    address: SocketAddr,
    got: mpsc::Receiver<Got>,
    accepted: Arc<std::sync::atomic::AtomicUsize>,
    task: JoinHandle<()>,
}

type Answers = Vec<Response<Full<Bytes>>>;

impl Peer {
    async fn start(protocol: Protocol, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, got) = mpsc::channel(100);
        let answers = Arc::new(parking(answers));
        let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = accepted.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let (told, answers) = (told.clone(), answers.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (told, answers) = (told.clone(), answers.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        #[expect(clippy::disallowed_methods, reason = "a test")]
                        let mut body = body.collect().await.unwrap().to_bytes();
                        if protocol == Protocol::Grpc {
                            let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
                            let compressed = head.headers.contains_key("grpc-encoding");
                            assert_eq!((body[0], body.len()), (compressed.into(), length as usize + 5));
                            body = body.slice(5..);
                        }
                        let gzip = |name| head.headers.get(name).is_some_and(|coding| coding == "gzip");
                        if gzip("grpc-encoding") || gzip("content-encoding") {
                            let mut plain = Vec::new();
                            GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
                            body = plain.into();
                        }
                        let request = ExportRequest::decode(body).unwrap();
                        let path = head.uri.path().to_owned();
                        told.send(Got { headers: head.headers, path, request }).await.unwrap();
                        let answer = answers.lock().unwrap().pop_front();
                        Ok::<_, Infallible>(answer.unwrap_or_else(|| good(protocol)))
                    }
                });
                let io = TokioIo::new(stream);
                tokio::spawn(async move {
                    match protocol {
                        Protocol::HttpProtobuf => {
                            let _ = http1::Builder::new().serve_connection(io, service).await;
                        }
                        Protocol::Grpc => {
                            let _ =
                                http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
                        }
                    }
                });
            }
        });
        Self { address, got, accepted, task }
    }

    async fn got(&mut self) -> Got {
        // What never comes is a failure, not a test without an end.
        tokio::time::timeout(Duration::from_secs(30), self.got.recv()).await.expect("a batch").unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn parking(answers: Answers) -> std::sync::Mutex<VecDeque<Response<Full<Bytes>>>> {
    std::sync::Mutex::new(answers.into())
}

fn good(protocol: Protocol) -> Response<Full<Bytes>> {
    let response = Response::builder();
    match protocol {
        Protocol::Grpc => response.header("grpc-status", "0"),
        Protocol::HttpProtobuf => response.header("content-type", "application/x-protobuf"),
    }
    .body(Full::default())
    .unwrap()
}

fn answer(status: u16, fields: &[(&'static str, &'static str)], body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    response
}

fn span(name: &str) -> Span {
    let mut span = Span::new(Kind::Server, &TraceContext::root(), name.as_bytes());
    span.set("a", Value::fixed("b"));
    span
}

fn names(got: &Got) -> Vec<String> {
    let spans =
        got.request.resource_spans.iter().flat_map(|spans| &spans.scope_spans).flat_map(|spans| &spans.spans);
    let name =
        |span: &Bytes| String::from_utf8(wire::Span::decode(span.clone()).unwrap().name.to_vec()).unwrap();
    spans.map(name).collect()
}

fn settings(peer: &Peer, protocol: Protocol) -> Settings {
    let count = |count| NonZeroUsize::new(count).unwrap();
    Settings::new(&peer.address.to_string(), protocol)
        .unwrap()
        .interval(Duration::from_secs(3600))
        .batch_size(count(2))
        .queue(count(4))
        .resource("service.name", "test")
        .header("x-token".parse().unwrap(), "secret".parse().unwrap())
}

/// The ends of an exporter, with what it tells.
fn start(settings: Settings) -> (Spans, JoinHandle<()>, Arc<std::sync::Mutex<Vec<String>>>) {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = told.clone();
    let builder =
        Exporter::builder(settings).observer(move |event| tell.lock().unwrap().push(event.to_string()));
    let (spans, exporter) = builder.build();
    (spans, tokio::spawn(exporter.run()), told)
}

async fn both(test: impl AsyncFn(Protocol)) {
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        test(protocol).await;
    }
}

#[tokio::test]
async fn a_batch_is_sent_as_soon_as_it_is_whole_and_what_waits_at_the_end() {
    both(async |protocol| {
        let mut peer = Peer::start(protocol, vec![]).await;
        let (spans, task, told) = start(settings(&peer, protocol));
        spans.record(&span("one"));
        spans.record(&span("two"));
        let got = peer.got().await;
        assert_eq!(names(&got), ["one", "two"]);
        assert_eq!(got.headers["x-token"], "secret");
        let (path, kind) = match protocol {
            Protocol::Grpc => {
                ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "application/grpc")
            }
            Protocol::HttpProtobuf => ("/v1/traces", "application/x-protobuf"),
        };
        assert_eq!((&*got.path, got.headers["content-type"].to_str().unwrap()), (path, kind));
        let resource = got.request.resource_spans[0].resource.as_ref().unwrap();
        assert_eq!(resource.attributes, [crate::span::attribute("service.name", "test")]);
        spans.record(&span("three"));
        spans.finish();
        task.await.unwrap();
        assert_eq!(names(&peer.got().await), ["three"]);
        assert_eq!((spans.counts().exported(), spans.counts().failed(), spans.waiting()), (3, 0, 0));
        assert_eq!(peer.accepted.load(std::sync::atomic::Ordering::Relaxed), 1, "one connection does");
        assert!(told.lock().unwrap().is_empty());
        spans.record(&span("late"));
        assert_eq!(spans.counts().dropped(), 1, "nobody is there any more");
    })
    .await;
}

#[tokio::test]
async fn the_last_handle_ends_it() {
    let mut peer = Peer::start(Protocol::Grpc, vec![]).await;
    let (spans, task, _) = start(settings(&peer, Protocol::Grpc));
    let other = spans.clone();
    drop(spans);
    other.record(&span("one"));
    drop(other);
    task.await.unwrap();
    assert_eq!(names(&peer.got().await), ["one"]);
}

#[tokio::test]
async fn what_is_less_than_a_batch_goes_after_the_interval() {
    let mut peer = Peer::start(Protocol::Grpc, vec![]).await;
    let (spans, _task, _) = start(settings(&peer, Protocol::Grpc).interval(Duration::from_millis(1)));
    spans.record(&span("one"));
    assert_eq!(names(&peer.got().await), ["one"]);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_and_told() {
    let mut peer = Peer::start(Protocol::HttpProtobuf, vec![]).await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = told.clone();
    let builder = Exporter::builder(settings(&peer, Protocol::HttpProtobuf));
    let (spans, exporter) =
        builder.observer(move |event| tell.lock().unwrap().push(event.to_string())).build();
    (0..10).for_each(|n| spans.record(&span(&n.to_string())));
    assert_eq!((spans.waiting(), spans.counts().dropped()), (4, 6));
    spans.finish();
    exporter.run().await;
    assert_eq!(names(&peer.got().await), ["0", "1"]);
    assert_eq!(names(&peer.got().await), ["2", "3"]);
    assert_eq!(*told.lock().unwrap(), ["6 spans were dropped: the queue was full"]);
}

#[tokio::test]
async fn batches_may_be_compressed() {
    both(async |protocol| {
        let mut peer = Peer::start(protocol, vec![]).await;
        let (spans, _task, _) = start(settings(&peer, protocol).gzip());
        ["one", "two"].into_iter().for_each(|name| spans.record(&span(name)));
        let got = peer.got().await;
        assert_eq!(names(&got), ["one", "two"]);
        let name = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(got.headers[name], "gzip");
    })
    .await;
}

/// Servers of gRPC take messages of 4 MiB.
#[tokio::test]
async fn large_spans_make_small_batches() {
    let mut peer = Peer::start(Protocol::Grpc, vec![]).await;
    let count = |count| NonZeroUsize::new(count).unwrap();
    let (spans, exporter) =
        Exporter::builder(settings(&peer, Protocol::Grpc).batch_size(count(100)).queue(count(100))).build();
    let mut large = span("large");
    (0..100).for_each(|n| large.set_named(&n.to_string(), Value::text(&[b'x'; 4096])));
    (0..12).for_each(|_| spans.record(&large));
    spans.finish();
    exporter.run().await;
    let got = std::iter::from_fn(|| peer.got.try_recv().ok());
    assert_eq!(got.map(|got| names(&got).len()).collect::<Vec<_>>(), [6, 6]);
}

#[tokio::test]
async fn what_cannot_be_taken_now_is_sent_again() {
    both(async |protocol| {
        let busy = || match protocol {
            Protocol::HttpProtobuf => answer(503, &[("retry-after", "0")], b"busy".to_vec()),
            Protocol::Grpc => answer(200, &[("grpc-status", "14"), ("grpc-message", "busy")], vec![]),
        };
        let mut peer = Peer::start(protocol, vec![busy()]).await;
        let (spans, _task, told) = start(settings(&peer, protocol));
        spans.record(&span("one"));
        spans.record(&span("two"));
        assert_eq!(names(&peer.got().await), ["one", "two"]);
        assert_eq!(names(&peer.got().await), ["one", "two"]);
        // Whatever is sent next is sent when this is counted.
        spans.record(&span("three"));
        spans.record(&span("four"));
        assert_eq!(names(&peer.got().await), ["three", "four"]);
        assert!(spans.counts().exported() >= 2 && spans.counts().failed() == 0);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("busy") && told[0].contains("this is logged once"), "{told:?}");
        assert!(told[1].ends_with("again; 0 were lost"), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_lost_and_told_once() {
    both(async |protocol| {
        let wrong = || match protocol {
            Protocol::HttpProtobuf => answer(400, &[], b"no".to_vec()),
            Protocol::Grpc => answer(200, &[("grpc-status", "3"), ("grpc-message", "no")], vec![]),
        };
        let mut peer = Peer::start(protocol, vec![wrong(), wrong()]).await;
        let (spans, task, told) = start(settings(&peer, protocol));
        for batch in [["1", "2"], ["3", "4"], ["5", "6"]] {
            batch.into_iter().for_each(|name| spans.record(&span(name)));
            assert_eq!(names(&peer.got().await), batch);
        }
        spans.finish();
        task.await.unwrap();
        assert_eq!((spans.counts().exported(), spans.counts().failed()), (2, 4));
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].ends_with("again; 4 were lost"), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn a_part_may_be_refused() {
    let partial_success =
        Some(wire::PartialSuccess { rejected_spans: 1, error_message: "too old".to_owned() });
    let body = wire::ExportResponse { partial_success }.encode_to_vec();
    let partly = answer(200, &[("content-type", "application/x-protobuf")], body);
    let mut peer = Peer::start(Protocol::HttpProtobuf, vec![partly]).await;
    let (spans, task, told) = start(settings(&peer, Protocol::HttpProtobuf));
    ["1", "2"].into_iter().for_each(|name| spans.record(&span(name)));
    peer.got().await;
    spans.finish();
    task.await.unwrap();
    assert_eq!((spans.counts().exported(), spans.counts().failed()), (1, 1));
    assert!(told.lock().unwrap()[0].contains("rejected 1 spans of a batch: \"too old\""));
}

#[tokio::test]
async fn nobody_waits_for_a_collector_that_is_not_there() {
    both(async |protocol| {
        let peer = Peer::start(protocol, vec![]).await;
        let settings = settings(&peer, protocol);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gone = Settings { port: listener.local_addr().unwrap().port(), ..settings };
        drop(listener);
        let (spans, task, told) = start(gone);
        (0..3).for_each(|n| spans.record(&span(&n.to_string())));
        spans.finish();
        task.await.unwrap();
        assert_eq!((spans.counts().exported(), spans.counts().failed()), (0, 3));
        let told = told.lock().unwrap();
        assert!(told.len() == 1 && told[0].contains("onnection refused"), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn a_collector_that_hangs_costs_a_batch_its_time_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let settings =
        Settings::new(&address, Protocol::HttpProtobuf).unwrap().timeout(Duration::from_millis(20));
    let (spans, task, told) = start(settings);
    spans.record(&span("one"));
    spans.finish();
    task.await.unwrap();
    assert_eq!(spans.counts().failed(), 1);
    assert!(told.lock().unwrap()[0].contains("no answer within 20ms"));
    drop(listener);
}

#[tokio::test]
async fn a_connection_that_the_collector_has_closed_is_no_failure() {
    let mut peer =
        Peer::start(Protocol::HttpProtobuf, vec![answer(200, &[("connection", "close")], vec![])]).await;
    let (spans, task, told) = start(settings(&peer, Protocol::HttpProtobuf));
    for batch in [["1", "2"], ["3", "4"]] {
        batch.into_iter().for_each(|name| spans.record(&span(name)));
        assert_eq!(names(&peer.got().await), batch);
    }
    spans.finish();
    task.await.unwrap();
    assert_eq!(peer.accepted.load(std::sync::atomic::Ordering::Relaxed), 2);
    assert!(told.lock().unwrap().is_empty());
}
