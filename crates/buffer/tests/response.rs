//! A response is read as fast as it comes, whatever the client does, and arrives as it came.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "a test; bodies are limited"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, Limited};
use proptest::prelude::*;
use propylon_buffer::{BoxError, Event, Report, ResponseBody, ResponseBufferLayer, Way, Why};
use propylon_testkit::body::{Script, Watch};
use propylon_testkit::gate::Gate;
use propylon_testkit::laws;
use tokio::task::yield_now;
use tower::{Layer, ServiceExt, service_fn};

type Kept = ResponseBody<Script>;

fn layer() -> ResponseBufferLayer {
    ResponseBufferLayer::new(std::env::temp_dir()).count(4).size(1000)
}

fn keep(layer: &ResponseBufferLayer, body: Script) -> Kept {
    layer.body(Way::Kept, body, None)
}

/// `count` frames of `size` bytes, each of its own letter, and what they are together.
fn frames(count: usize, size: usize) -> (Script, Vec<u8>) {
    let frames: Vec<Vec<u8>> = (0..count).map(|n| vec![b'a' + (n % 26) as u8; size]).collect();
    let script = frames.iter().fold(Script::new(), |script, frame| script.data(frame.clone()));
    (script, frames.concat())
}

fn poll(body: &mut Kept) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

async fn next(body: &mut Kept) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

async fn rest(body: Kept) -> Result<Vec<u8>, BoxError> {
    Ok(Limited::new(body, 1 << 30).collect().await?.to_bytes().into())
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if what() {
            return;
        }
        yield_now().await;
    }
    panic!("in vain");
}

/// Until the upstream is left alone.
async fn settled(watch: &Watch) {
    let (mut polls, mut same) = (watch.polls(), 0);
    while same < 100 {
        yield_now().await;
        same = if watch.polls() == polls { same + 1 } else { 0 };
        polls = watch.polls();
    }
}

fn counting() -> (Report, Arc<[AtomicUsize; 2]>) {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let told = counts.clone();
    let report: Report = Box::new(move |event| {
        told[usize::from(!matches!(event, Event::Spilled))].fetch_add(1, SeqCst);
    });
    (report, counts)
}

#[test]
fn laws_without_a_runtime() {
    laws::check_all(|script| keep(&layer(), script));
    laws::check_all(|script| layer().body(Way::AtOnce(Why::Off), script, None));
}

#[tokio::test]
async fn laws_in_a_runtime() {
    laws::check_all(|script| keep(&layer(), script));
}

#[tokio::test]
async fn the_upstream_is_read_while_the_client_is_busy() {
    for (count, size) in [(2, 100), (40, 100), (100, 1000), (10, 30_000)] {
        let (script, expected) = frames(count, size);
        let watch = script.watch();
        let mut body = keep(&layer(), script.exact());
        let first = next(&mut body).await;
        until(|| watch.dropped()).await;
        assert!(watch.ended(), "its connection is free");
        assert_eq!(body.size_hint().exact(), Some((expected.len() - first.len()) as u64));
        assert!(!body.is_end_stream());
        let mut whole = first.to_vec();
        whole.extend(rest(body).await.unwrap());
        assert!(whole == expected, "{count} x {size}");
    }
}

#[tokio::test]
async fn what_fits_never_touches_the_disk() {
    let (report, counts) = counting();
    let (script, expected) = frames(40, 100);
    let watch = script.watch();
    let nowhere = ResponseBufferLayer::new("/nowhere").count(4).size(1000);
    let mut body = nowhere.body(Way::Kept, script, Some(report));
    let mut whole = next(&mut body).await.to_vec();
    until(|| watch.dropped()).await;
    whole.extend(rest(body).await.unwrap());
    assert!(whole == expected);
    assert_eq!(counts[0].load(SeqCst), 0);
}

#[tokio::test]
async fn without_a_file_the_upstream_waits() {
    let (script, expected) = frames(100, 100);
    let watch = script.watch();
    let mut body = keep(&layer().max_temp_file_size(0), script);
    let mut whole = next(&mut body).await.to_vec();
    settled(&watch).await;
    assert!((20..=42).contains(&watch.polls()), "{} of 100 frames, 4000 bytes", watch.polls());
    for _ in 0..4 {
        whole.extend(next(&mut body).await);
    }
    let before = watch.polls();
    settled(&watch).await;
    assert!(watch.polls() > before, "there is room again");
    whole.extend(rest(body).await.unwrap());
    assert!(whole == expected);
}

#[tokio::test]
async fn a_full_file_makes_the_upstream_wait_and_begins_anew() {
    let (script, expected) = frames(200, 1000);
    let watch = script.watch();
    let (report, counts) = counting();
    let mut body = layer().max_temp_file_size(20_000).body(Way::Kept, script, Some(report));
    let mut whole = next(&mut body).await.to_vec();
    until(|| watch.polls() >= 20).await;
    settled(&watch).await;
    assert!((20..=30).contains(&watch.polls()), "{}", watch.polls());
    assert!(!watch.dropped());
    whole.extend(rest(body).await.unwrap());
    assert!(whole == expected);
    assert_eq!(counts[0].load(SeqCst), 1, "told once");
}

#[tokio::test]
async fn a_disk_that_fails_makes_the_upstream_wait() {
    let (script, expected) = frames(100, 1000);
    let watch = script.watch();
    let (report, counts) = counting();
    let nowhere = ResponseBufferLayer::new("/nowhere").count(4).size(1000);
    let mut body = nowhere.body(Way::Kept, script, Some(report));
    let mut whole = next(&mut body).await.to_vec();
    until(|| counts[1].load(SeqCst) == 1).await;
    settled(&watch).await;
    assert!(watch.polls() < 10);
    whole.extend(rest(body).await.unwrap());
    assert!(whole == expected, "nothing is lost");
    assert_eq!(counts[1].load(SeqCst), 1, "told once");
}

#[tokio::test]
async fn an_event_is_not_delayed() {
    let (first, second) = (Gate::new(), Gate::new());
    let script = Script::new().wait(&first).data("a").wait(&second).data("b").wait(&Gate::new());
    let mut body = keep(&layer(), script);
    assert!(poll(&mut body).is_pending());
    first.open();
    let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else { panic!("it is there") };
    assert_eq!(frame.into_data().unwrap(), "a");
    // Whoever reads the upstream meanwhile, the waiting client is who is woken.
    for _ in 0..3 {
        yield_now().await;
    }
    let waiting = tokio::spawn(async move { next(&mut body).await });
    yield_now().await;
    second.open();
    assert_eq!(waiting.await.unwrap(), "b");
}

#[tokio::test]
async fn a_cut_is_told_after_what_came_before_it() {
    for (count, size) in [(3, 100), (100, 1000)] {
        let (script, expected) = frames(count, size);
        let watch = Script::watch(&script);
        let mut body = keep(&layer(), script.error("scripted fault"));
        let mut whole = next(&mut body).await.to_vec();
        until(|| watch.dropped()).await;
        let error = loop {
            assert!(!body.is_end_stream());
            match body.frame().await.unwrap() {
                Ok(frame) => whole.extend(frame.into_data().unwrap()),
                Err(error) => break error,
            }
        };
        assert!(whole == expected);
        assert_eq!(error.to_string(), "scripted fault");
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn trailers_come_last() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    for (count, size) in [(3, 100), (100, 1000)] {
        let (script, expected) = frames(count, size);
        let watch = Script::watch(&script);
        let mut body = keep(&layer(), script.trailers(trailers.clone()));
        let first = next(&mut body).await;
        until(|| watch.dropped()).await;
        let collected = Limited::new(body, 1 << 30).collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(first.len() + collected.to_bytes().len(), expected.len());
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_all_with_it() {
    // While the driver waits for the upstream, while it waits for room, and before it ever ran.
    for (extra, max_file, settle) in [(1, 0, true), (100, 0, true), (100, 1 << 20, true), (1, 0, false)] {
        let (script, _) = frames(extra, 1000);
        let script = script.data("x").wait(&Gate::new());
        let watch = script.watch();
        let mut body = keep(&layer().max_temp_file_size(max_file), script);
        next(&mut body).await;
        if settle {
            settled(&watch).await;
        }
        drop(body);
        assert!(watch.dropped_early(), "at once");
    }
}

#[tokio::test]
async fn an_empty_one_is_at_its_end() {
    let body = keep(&layer(), Script::new());
    assert!(body.is_end_stream() && !body.is_kept());
}

#[tokio::test]
async fn as_a_layer() {
    let answer = |kind: &'static str| {
        layer().layer(service_fn(move |_: Request<()>| async move {
            let response = Response::builder().header("content-type", kind);
            Ok::<_, BoxError>(response.body(Full::new(Bytes::from("data: 1\n\n")))?)
        }))
    };
    for (kind, kept) in [("text/plain", true), ("text/event-stream", false)] {
        let response = answer(kind).oneshot(Request::new(())).await.unwrap();
        assert_eq!(response.body().is_kept(), kept);
        assert_eq!(response.body().size_hint().exact(), Some(9));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "data: 1\n\n");
    }
    let connect = Request::builder().method("CONNECT").body(()).unwrap();
    assert!(!answer("text/plain").oneshot(connect).await.unwrap().body().is_kept());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whoever comes first: the driver runs `pauses[n]` turns before the client's n-th frame.
    #[test]
    fn whatever_the_pace(
        sizes in prop::collection::vec(0_usize..9000, 1..60),
        pauses in prop::collection::vec(0_usize..12, 1..40),
        max_file in prop::sample::select(vec![0_u64, 3000, 50_000, 1 << 30]),
        piece in 1_usize..20_000,
        exact: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut expected = Vec::new();
            let mut script = Script::new();
            for (n, &size) in sizes.iter().enumerate() {
                let data: Vec<u8> = (n..n + size).map(|byte| byte as u8).collect();
                expected.extend_from_slice(&data);
                script = script.data(data);
            }
            let script = if exact { script.exact() } else { script.end_unannounced() };
            let layer = layer().max_temp_file_size(max_file).temp_file_write_size(piece);
            let mut body = keep(&layer, script);
            let mut whole = Vec::new();
            let mut turns = pauses.iter().cycle();
            while let Some(frame) = body.frame().await {
                whole.extend(frame.unwrap().into_data().unwrap());
                if exact {
                    assert_eq!(body.size_hint().exact(), Some((expected.len() - whole.len()) as u64));
                }
                for _ in 0..*turns.next().unwrap() {
                    yield_now().await;
                }
            }
            assert!(body.is_end_stream());
            assert!(whole == expected);
        });
    }
}
