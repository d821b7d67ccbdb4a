//! Which responses are changed, and what becomes of their heads and bodies.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::panic,
    reason = "a test"
)]

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE};
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use propylon_substitute::{ResponseBody, SubstituteLayer};
use propylon_testkit::{body::Script, laws};
use tower::{Layer, ServiceExt, service_fn};

async fn answer(
    layer: SubstituteLayer,
    fields: &[(&str, &str)],
    body: &'static str,
) -> Response<ResponseBody<Full<Bytes>>> {
    ask(Method::GET, layer, fields, body).await
}

async fn ask(
    method: Method,
    layer: SubstituteLayer,
    fields: &[(&str, &str)],
    body: &'static str,
) -> Response<ResponseBody<Full<Bytes>>> {
    let mut response = Response::builder();
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    let response = response.body(Full::<Bytes>::from(body)).unwrap();
    let service = layer.layer(service_fn(move |request: Request<()>| {
        assert!(!request.headers().contains_key(RANGE), "bytes have other places");
        let response = response.clone();
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    let request = Request::builder().method(method).header(RANGE, "bytes=0-1").body(()).unwrap();
    service.oneshot(request).await.unwrap()
}

async fn text(layer: SubstituteLayer, fields: &[(&str, &str)], body: &'static str) -> String {
    let body = answer(layer, fields, body).await.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

fn layer() -> SubstituteLayer {
    SubstituteLayer::new().replace("foo", "bar")
}

#[tokio::test]
async fn which_responses_are_changed() {
    assert_eq!(text(layer(), &[HTML], "a Foo b foo").await, "a bar b foo");
    assert_eq!(text(layer().once(false), &[HTML], "a Foo b foo").await, "a bar b bar");
    for fields in [
        &[("content-type", "text/plain")][..],
        &[],
        &[HTML, ("content-encoding", "gzip")],
        &[HTML, ("content-range", "bytes 0-1/5")],
    ] {
        assert_eq!(text(layer(), fields, "foo").await, "foo", "{fields:?}");
    }
    assert_eq!(text(layer().types(["text/plain"]), &[("content-type", "Text/Plain")], "foo").await, "bar");
    assert_eq!(text(layer().types(["*"]), &[("content-type", "x/y")], "foo").await, "bar");
}

#[tokio::test]
async fn heads() {
    let fields = [
        HTML,
        ("content-length", "3"),
        ("accept-ranges", "bytes"),
        ("last-modified", "Mon, 28 Sep 1970 06:00:00 GMT"),
        ("etag", "\"1\""),
    ];
    let changed = answer(layer(), &fields, "foo").await;
    assert_eq!(changed.headers().keys().collect::<Vec<_>>(), [CONTENT_TYPE]);
    assert_eq!(changed.body().size_hint().exact(), None);
    let kept = answer(layer().last_modified(true), &fields, "foo").await;
    assert_eq!(kept.headers()[ETAG], "W/\"1\"");
    assert!(kept.headers().contains_key(LAST_MODIFIED) && !kept.headers().contains_key(CONTENT_LENGTH));
    let empty = answer(layer(), &fields, "").await;
    assert!(empty.headers().contains_key(ACCEPT_RANGES), "there is nothing to change");
}

#[tokio::test]
async fn a_head_is_that_of_a_get() {
    let full = [HTML, ("content-length", "3"), ("accept-ranges", "bytes"), ("etag", "\"1\"")];
    let empty = [HTML, ("content-length", "0"), ("accept-ranges", "bytes"), ("etag", "\"1\"")];
    for (fields, body) in [(&full, "foo"), (&empty, "")] {
        let get = answer(layer(), fields, body).await;
        let head = ask(Method::HEAD, layer(), fields, "").await;
        assert_eq!(head.headers(), get.headers(), "{fields:?}");
        assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
}

#[tokio::test]
async fn texts_that_are_computed() {
    let of = |name: &'static str| {
        move |head: &http::response::Parts| {
            head.headers.get(name).map(|value| Bytes::copy_from_slice(value.as_bytes())).unwrap_or_default()
        }
    };
    let layer = || SubstituteLayer::new().replace_computed(of("from"), of("to")).replace_with("c", of("to"));
    assert_eq!(text(layer(), &[HTML, ("from", "b"), ("to", "x")], "abc").await, "axx");
    assert_eq!(text(layer(), &[HTML, ("to", "x")], "abc").await, "abx", "an empty text is none");
    assert_eq!(text(SubstituteLayer::new().replace("", "x"), &[HTML], "abc").await, "abc");
}

fn wrap(layer: &SubstituteLayer, body: Script) -> ResponseBody<Script> {
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
    let plain = SubstituteLayer::new();
    laws::check_all(|script| wrap(&plain, script));
    let layer = layer();
    laws::frames_pass_in_order(|script| wrap(&layer, script));
    laws::trailers_survive(|script| wrap(&layer, script));
    laws::errors_surface(|script| wrap(&layer, script));
    laws::end_is_told_truly(|script| wrap(&layer, script));
    laws::idle_passes_and_wakes(|script| wrap(&layer, script));
    laws::end_can_be_polled_again(|script| wrap(&layer, script));
}
