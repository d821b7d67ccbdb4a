//! What becomes of responses: their heads and their bodies.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::panic,
    reason = "a test"
)]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_TYPE, RANGE};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use propylon_charset::{CharsetLayer, Map, MapError, ResponseBody};
use propylon_testkit::{body::Script, gate::Gate, laws};
use tower::{Layer, ServiceExt, service_fn};

async fn answer(
    layer: CharsetLayer,
    request: Request<()>,
    response: Response<&'static [u8]>,
) -> Response<ResponseBody<Full<Bytes>>> {
    let response = response.map(|body| Full::new(Bytes::from_static(body)));
    let service = layer.layer(service_fn(move |request: Request<()>| {
        let mut response = response.clone();
        if let Some(range) = request.headers().get(RANGE) {
            response.headers_mut().insert("asked", range.clone());
        }
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    service.oneshot(request).await.unwrap()
}

async fn kind(layer: CharsetLayer, status: u16, kind: &str) -> String {
    let response = Response::builder().status(status).header(CONTENT_TYPE, kind).body(&b""[..]).unwrap();
    let response = answer(layer, Request::new(()), response).await;
    response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned()
}

fn koi8() -> Map {
    Map::to_utf8("koi8-r", [(0xC1, 'а'), (0xC2, 'б')]).unwrap()
}

fn html(body: &'static [u8]) -> Response<&'static [u8]> {
    Response::builder()
        .header(CONTENT_TYPE, "text/html")
        .header(CONTENT_LENGTH, body.len())
        .header(ACCEPT_RANGES, "bytes")
        .body(body)
        .unwrap()
}

#[tokio::test]
async fn which_responses_are_named() {
    let layer = || CharsetLayer::new("utf-8");
    assert_eq!(kind(layer(), 200, "text/html").await, "text/html; charset=utf-8");
    assert_eq!(kind(layer(), 404, "Text/HTML; a=b").await, "Text/HTML; a=b; charset=utf-8");
    assert_eq!(kind(layer(), 200, "image/png").await, "image/png");
    assert_eq!(kind(layer(), 200, "text/html; charset=x").await, "text/html; charset=x");
    assert_eq!(kind(layer(), 302, "text/html").await, "text/html");
    assert_eq!(kind(layer(), 307, "text/html").await, "text/html; charset=utf-8");
    assert_eq!(kind(layer().types(["*"]), 200, "image/png").await, "image/png; charset=utf-8");
    assert_eq!(kind(layer().types(["a/b"]), 200, "text/html").await, "text/html");
    let bare = answer(layer(), Request::new(()), Response::new(&b""[..])).await;
    assert!(bare.headers().get(CONTENT_TYPE).is_none());
}

#[tokio::test]
async fn a_response_that_names_its_charset() {
    let layer = || CharsetLayer::new("utf-8").override_charset(true);
    assert_eq!(kind(layer(), 200, "text/html; charset=UTF-8").await, "text/html; charset=utf-8");
    assert_eq!(kind(layer(), 200, "text/html; charset=koi8-r").await, "text/html; charset=koi8-r");
    let mapped = layer().map(koi8());
    assert_eq!(kind(mapped, 200, "a/b; charset=\"KOI8-R\"").await, "a/b; charset=utf-8");
}

#[tokio::test]
async fn bodies_to_utf8_and_back() {
    let forth = CharsetLayer::new("utf-8").source("koi8-r").map(koi8());
    let response = answer(forth, Request::new(()), html(b"\xC1\xC2\xFF!")).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(
        !response.headers().contains_key(CONTENT_LENGTH) && !response.headers().contains_key(ACCEPT_RANGES)
    );
    assert_eq!(response.body().size_hint().exact(), None);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "аб?!");

    let back = CharsetLayer::new("koi8-r").source("utf-8").map(koi8());
    let response = answer(back, Request::new(()), html("а€\u{1F600}".as_bytes())).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=koi8-r");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), &b"\xC1&#8364;&#128512;"[..]);
}

#[tokio::test]
async fn single_bytes_keep_lengths_and_ranges() {
    let layer = || CharsetLayer::new("a").source("b").map(Map::bytes("a", "b", [(b'Y', b'X')]).unwrap());
    let ranged = |range: &str| Request::builder().header(RANGE, range).body(()).unwrap();
    let response = answer(layer(), ranged("bytes=0-1"), html(b"XZ")).await;
    assert_eq!(
        (&response.headers()[CONTENT_LENGTH], &response.headers()["asked"]),
        (&"2".parse().unwrap(), &"bytes=0-1".parse().unwrap())
    );
    assert_eq!(response.body().size_hint().exact(), Some(2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "YZ");

    let several = answer(layer(), ranged("bytes=0-1,3-4"), html(b"XZ")).await;
    assert!(!several.headers().contains_key("asked"), "parts would not be recoded");
    let utf8 = CharsetLayer::new("utf-8").source("koi8-r").map(koi8());
    assert!(!answer(utf8.clone(), ranged("bytes=0-1"), html(b"")).await.headers().contains_key("asked"));
    let unmapped = CharsetLayer::new("utf-8").map(koi8());
    assert!(answer(unmapped, ranged("bytes=0-1"), html(b"")).await.headers().contains_key("asked"));

    let mut part = html(b"\xC1");
    part.headers_mut().insert("content-range", "bytes 0-0/9".parse().unwrap());
    let part = answer(utf8, Request::new(()), part).await;
    assert_eq!(part.headers()[CONTENT_TYPE], "text/html", "half a body is sent as it is");
}

#[tokio::test]
async fn what_cannot_be_recoded_is_left_alone() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let layer = CharsetLayer::new("utf-8").source("cp1251").map(koi8()).on_missing(move |from, to| {
        tell.lock().unwrap().push((from.to_vec(), to.to_vec()));
    });
    let response = answer(layer, Request::new(()), html(b"\xC1")).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), &b"\xC1"[..]);
    assert_eq!(*told.lock().unwrap(), [(b"cp1251".to_vec(), b"utf-8".to_vec())]);

    let mut coded = html(b"\xC1");
    coded.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    let layer = CharsetLayer::new("utf-8").source("koi8-r").map(koi8());
    assert_eq!(answer(layer, Request::new(()), coded).await.headers()[CONTENT_TYPE], "text/html");
}

#[tokio::test]
async fn charsets_that_are_chosen() {
    let order =
        |parts: &http::response::Parts| Some(Bytes::copy_from_slice(parts.headers.get("order")?.as_bytes()));
    let layer = || {
        CharsetLayer::choosing(|parts| Some(Bytes::copy_from_slice(parts.headers.get("wanted")?.as_bytes())))
            .map(koi8())
            .order_with(order)
    };
    let with = |name: &'static str, value: &'static str| {
        let mut response = html(b"");
        response.headers_mut().insert(name, value.parse().unwrap());
        response
    };
    let kind = |response: &Response<ResponseBody<Full<Bytes>>>| response.headers()[CONTENT_TYPE].clone();
    assert_eq!(kind(&answer(layer(), Request::new(()), html(b"")).await), "text/html");
    let chosen = answer(layer(), Request::new(()), with("wanted", "latin1")).await;
    assert_eq!(kind(&chosen), "text/html; charset=latin1");
    let ordered = answer(layer(), Request::new(()), with("order", "KOI8-R")).await;
    assert_eq!(kind(&ordered), "text/html; charset=KOI8-R");
    let unknown = answer(layer(), Request::new(()), with("order", "x")).await;
    assert_eq!(kind(&unknown), "text/html", "an order that nobody knows is none");
}

#[test]
fn maps_that_make_no_sense() {
    assert_eq!(Map::bytes("a", "A", []).unwrap_err(), MapError::Same);
    assert_eq!(Map::bytes("UTF-8", "a", []).unwrap_err(), MapError::FromUtf8);
    assert_eq!(Map::to_utf8("utf-8", []).unwrap_err(), MapError::Same);
}

/// A body behind the layer, recoded or not.
fn wrap(layer: &CharsetLayer, body: Script) -> ResponseBody<Script> {
    let response = Response::builder().header(CONTENT_TYPE, "text/html").body(body).unwrap();
    let response = std::cell::RefCell::new(Some(response));
    let service = layer.layer(service_fn(|_: Request<()>| {
        let response = response.borrow_mut().take().unwrap();
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(service.oneshot(Request::new(()))).unwrap().into_body()
}

#[test]
fn bodies_obey_the_laws() {
    let plain = CharsetLayer::new("utf-8");
    laws::check_all(|script| wrap(&plain, script));
    let bytes = CharsetLayer::new("a").source("b").map(Map::bytes("a", "b", []).unwrap());
    laws::check_all(|script| wrap(&bytes, script));
    let utf8 = CharsetLayer::new("koi8-r").source("utf-8").map(koi8());
    laws::frames_pass_in_order(|script| wrap(&utf8, script));
    laws::trailers_survive(|script| wrap(&utf8, script));
    laws::errors_surface(|script| wrap(&utf8, script));
    laws::end_is_told_truly(|script| wrap(&utf8, script));
    laws::idle_passes_and_wakes(|script| wrap(&utf8, script));
    laws::end_can_be_polled_again(|script| wrap(&utf8, script));
}

#[tokio::test]
async fn a_character_in_two_pieces_and_one_that_breaks_off() {
    let utf8 = CharsetLayer::new("koi8-r").source("utf-8").map(koi8());
    let gate = Gate::new();
    gate.open();
    let script = Script::new().data(&b"x\xD0"[..]).wait(&gate).data(&b"\xB0\xD0"[..]);
    let body = std::thread::spawn(move || wrap(&utf8, script)).join().unwrap();
    assert_eq!(body.collect().await.unwrap().to_bytes(), &b"x\xC1?"[..]);
}
