//! What is kept is what came.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test; bodies are limited")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use proptest::prelude::*;
use propylon_buffer::{BoxError, Error, Mode, RequestBody, RequestBufferLayer};
use propylon_testkit::body::Script;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt, service_fn};

type Kept = RequestBody<Script>;

/// What the inner service got.
async fn pass(layer: RequestBufferLayer, body: Script) -> Result<Kept, BoxError> {
    let inner =
        service_fn(|request: Request<Kept>| async { Ok::<_, BoxError>(Response::new(request.into_body())) });
    layer.layer(inner).oneshot(Request::new(body)).await.map(Response::into_body)
}

fn layer() -> RequestBufferLayer {
    RequestBufferLayer::new(std::env::temp_dir())
}

async fn bytes(body: Kept) -> Result<Bytes, BoxError> {
    Ok(Limited::new(body, 10_000_000).collect().await?.to_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_it_came_and_wherever_it_is_kept(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200_000), 0..6),
        memory in 0_usize..300_000,
        in_file_only: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let script = chunks.iter().fold(Script::new(), |script, chunk| script.data(chunk.clone()));
            let body = pass(layer().memory(memory).in_file_only(in_file_only), script).await.unwrap();
            let whole = chunks.concat();
            if let Some(replay) = body.replay() {
                let in_file = whole.len() > memory || (in_file_only && !whole.is_empty());
                assert_eq!(replay.is_in_file(), in_file);
                assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
                let mut begun = body.clone();
                let _ = begun.frame().await; // where another one stands is its own affair
                assert_eq!(bytes(body.clone()).await.unwrap(), whole);
                assert_eq!(bytes(begun.clone()).await.unwrap(), whole);
            }
            assert_eq!(bytes(body).await.unwrap(), whole);
        });
    }
}

#[tokio::test]
async fn trailers_are_kept() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    let body = pass(layer(), Script::new().data("abc").trailers(trailers.clone())).await.unwrap();
    for body in [body.clone(), body] {
        assert_eq!(Limited::new(body, 100).collect().await.unwrap().trailers(), Some(&trailers));
    }
}

#[tokio::test]
async fn too_large_is_refused_before_it_is_read_where_it_says_so() {
    for mode in [Mode::Whole, Mode::Stream] {
        let announced = Script::new().data("abcdef").exact();
        let watch = announced.watch();
        let error = pass(layer().mode(mode).max_size(5), announced).await.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Error::TooLarge { size: 6, limit: 5 })));
        assert_eq!(watch.polls(), 0);
        assert!(pass(layer().mode(mode).max_size(6), Script::new().data("abcdef").exact()).await.is_ok());
    }
    let error =
        pass(layer().max_size(5), Script::new().data("abc").data("def").data("ghi")).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::TooLarge { size: 6, limit: 5 })));
    let streamed =
        pass(layer().mode(Mode::Stream).max_size(5), Script::new().data("abc").data("def")).await.unwrap();
    let error = bytes(streamed).await.unwrap_err();
    assert!(error.to_string().contains("too large body"), "{error}");
}

#[tokio::test]
async fn the_clients_error_comes_through_and_nothing_is_called() {
    let error = pass(layer(), Script::new().data("abc").error("the client left")).await.unwrap_err();
    assert_eq!(error.to_string(), "the client left");
}

#[tokio::test]
async fn a_directory_that_is_not_there() {
    let layer = RequestBufferLayer::new("/nowhere/at/all").memory(1);
    let error = pass(layer, Script::new().data("abc")).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::TempFile(_))));
}

#[tokio::test]
async fn a_stream_can_be_had_once() {
    let body = pass(layer().mode(Mode::Stream), Script::new().data("abc").data("def")).await.unwrap();
    let (spare, begun) = (body.clone(), body.begun().unwrap());
    assert!(!begun.has_begun() && body.can_be_read() && spare.can_be_read());
    drop(body);
    assert!(spare.can_be_read(), "nobody has read any of it");
    let third = spare.clone();
    assert_eq!(bytes(spare).await.unwrap(), "abcdef");
    assert!(begun.has_begun() && !third.can_be_read());
    assert!(matches!(bytes(third).await.unwrap_err().downcast_ref(), Some(Error::Gone)));
}

#[tokio::test]
async fn a_stream_that_came_in_one_piece_is_kept() {
    let body = pass(layer().mode(Mode::Stream), Script::new().data("abc")).await.unwrap();
    let (again, begun) = (body.clone(), body.begun().unwrap());
    assert_eq!(bytes(body).await.unwrap(), "abc");
    assert!(!begun.has_begun() && again.can_be_read());
    assert_eq!(again.size_hint().exact(), Some(3));
    let third = again.clone();
    assert_eq!(bytes(again).await.unwrap(), "abc");
    assert_eq!(bytes(third).await.unwrap(), "abc");

    let layer = layer().mode(Mode::Stream).max_size(2);
    let body = pass(layer, Script::new().data("abc")).await.unwrap();
    let again = body.clone();
    assert!(bytes(body).await.is_err() && !again.can_be_read(), "too large to be kept");
}

#[tokio::test]
async fn a_stream_of_unknown_length_is_read_where_the_length_is_wanted() {
    let layer = || layer().mode(Mode::StreamAnnounced);
    let body = pass(layer(), Script::new().data("abc").data("def")).await.unwrap();
    assert!(body.begun().is_none() && body.size_hint().exact() == Some(6));
    assert_eq!(bytes(body).await.unwrap(), "abcdef");
    let announced = Script::new().data("abc").data("def").exact();
    let watch = announced.watch();
    let body = pass(layer(), announced).await.unwrap();
    assert!(body.begun().is_some() && watch.polls() == 0);
}

#[tokio::test]
async fn an_empty_body_goes_through() {
    let body = pass(layer(), Script::new()).await.unwrap();
    assert!(body.is_end_stream() && body.replay().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_place_that_was_reserved_is_the_one_that_is_used() {
    let inner = service_fn(|_: Request<Kept>| async { Ok::<_, BoxError>(Response::new(())) });
    let mut service = layer().layer(ConcurrencyLimit::new(inner, 1));
    for _ in 0..2 {
        let call = service.ready().await.unwrap().call(Request::new(Script::new().data("abc")));
        tokio::time::timeout(Duration::from_secs(1), call).await.unwrap().unwrap();
    }
}
