//! Bodies on their way into the store: nothing is lost, nothing that is cut short is stored, and whoever leaves spoils nothing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test"
)]

mod support;

use http::{HeaderMap, HeaderValue, Method};
use http_body::Body;
use propylon_cache::{ResponseBody, Status};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use propylon_testkit::laws;
use support::{Bench, Reply, ask, settle};

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

/// The body that a client gets of this one.
fn through(script: Script, fields: &[(&'static str, &str)], path: &str) -> ResponseBody<Script> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let bench = Bench::alone(|layer| layer);
        bench.says_body(fields, script);
        bench.call(ask(Method::GET, path, &[])).await.unwrap().into_body()
    })
}

#[test]
fn bodies_that_are_stored_obey_the_laws() {
    laws::check_all(|script| Box::pin(through(script, &[FRESH], "/")));
}

#[test]
fn bodies_that_are_not_stored_obey_the_laws() {
    laws::check_all(|script| Box::pin(through(script, &[], "/")));
    laws::check_all(|script| Box::pin(through(script, &[FRESH], "/past")));
}

#[tokio::test(start_paused = true)]
async fn trailers_pass_and_are_not_stored() {
    let bench = Bench::new();
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("x"))]);
    bench.says_body(&[FRESH], Script::new().data("hello").trailers(trailers));
    bench.get("/").await.is(Status::Miss, "hello");
    bench.get("/").await.is(Status::Hit, "hello");
}

/// "What is cut short is never stored", and whoever reads it sees that too.
#[tokio::test(start_paused = true)]
async fn what_is_cut_short_is_not_stored() {
    let bench = Bench::new();
    let gate = Gate::new();
    bench.says_body(&[FRESH, ("content-length", "9")], Script::new().data("hel").wait(&gate).error("cut"));
    let first = bench.call(ask(Method::GET, "/", &[])).await.unwrap();
    let first = tokio::spawn(Reply::read(first));
    settle().await;
    gate.open();
    let first = first.await.unwrap();
    assert_eq!((first.body, first.error.as_deref()), (None, Some("cut")));
    bench.says(200, &[FRESH], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
}

/// A fill goes on in the background, so that others have it.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_spoils_nothing() {
    for exact in [true, false] {
        let bench = Bench::new();
        let gate = Gate::new();
        let body = Script::new().data("hel").wait(&gate).data("lo");
        let body = if exact { body.exact() } else { body };
        let watch = body.watch();
        bench.says_body(&[FRESH], body);
        let response = bench.call(ask(Method::GET, "/", &[])).await.unwrap();
        drop(response);
        settle().await;
        assert!(!watch.dropped());
        gate.open();
        settle().await;
        assert!(watch.ended());
        bench.get("/").await.is(Status::Hit, "hello");
    }
}

/// Without a spawner, or without room in the background, the upstream's body is let go of.
#[tokio::test(start_paused = true)]
async fn without_a_background_it_ends_with_its_client() {
    for bench in [Bench::alone(|layer| layer), Bench::with(|layer| layer.background_limit(0))] {
        let body = Script::new().data("hel").wait(&Gate::new()).data("lo");
        let watch = body.watch();
        bench.says_body(&[FRESH], body);
        drop(bench.call(ask(Method::GET, "/", &[])).await.unwrap());
        assert!(watch.dropped_early());
        bench.says(200, &[FRESH], "hello");
        bench.get("/").await.is(Status::Miss, "hello");
    }
}

/// Who reads all of it but does not ask whether there is more has stored it.
#[tokio::test(start_paused = true)]
async fn it_is_stored_with_its_last_frame() {
    let bench = Bench::alone(|layer| layer);
    bench.says(200, &[FRESH], "hello");
    let mut body = Box::pin(bench.call(ask(Method::GET, "/", &[])).await.unwrap().into_body());
    std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().unwrap();
    assert!(body.is_end_stream());
    drop(body);
    bench.get("/").await.is(Status::Hit, "hello");
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_empty_or_in_many_pieces() {
    let bench = Bench::new();
    bench.says_body(&[FRESH], Script::new().exact());
    bench.get("/").await.is(Status::Miss, "");
    bench.get("/").await.is(Status::Hit, "");
    let mut body = Script::new();
    let mut text = String::new();
    for n in 0..5_000 {
        let piece = format!("piece {n} ");
        text.push_str(&piece);
        body = body.data(piece);
    }
    bench.says_body(&[FRESH], body);
    bench.get("/many").await.is(Status::Miss, &text);
    bench.get("/many").await.is(Status::Hit, &text);
    let reply = bench.get_with("/many", &[("range", "bytes=30000-40000")]).await;
    reply.is(Status::Hit, &text[30_000..=40_000]);
}

/// What is larger than the zone lets it be passes.
#[tokio::test(start_paused = true)]
async fn what_is_too_large_passes() {
    use propylon_cache::store::{Limits, Zone};
    let zone = || Zone::memory(Limits::default().max_object(3));
    for exact in [true, false] {
        let bench = Bench::in_zone(zone(), |layer| layer);
        for _ in 0..2 {
            let body = Script::new().data("hel").data("lo");
            bench.says_body(&[FRESH], if exact { body.exact() } else { body });
            bench.get("/").await.is(Status::Miss, "hello");
        }
    }
}
