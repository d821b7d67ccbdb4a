//! Which responses get something, and what becomes of their heads and bodies.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, ETAG, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use propylon_addition::{AdditionLayer, Error, ResponseBody};
use propylon_testkit::body::Script;
use propylon_testkit::laws;
use tower::{Layer, ServiceExt, service_fn};

const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

async fn text(text: &'static str) -> Result<Full<Bytes>, Infallible> {
    Ok(Full::from(text))
}

fn both() -> AdditionLayer {
    AdditionLayer::new().before(|_| Some(text("<"))).after(|_| Some(text(">")))
}

fn head(fields: &[(&str, &str)]) -> http::response::Builder {
    fields.iter().fold(Response::builder(), |head, (name, value)| head.header(*name, *value))
}

async fn ask<B>(method: Method, layer: AdditionLayer, response: Response<B>) -> Response<ResponseBody<B>>
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let mut response = Some(response);
    let service = layer.layer(service_fn(move |request: Request<()>| {
        assert!(!request.headers().contains_key(RANGE), "bytes have other places");
        let response = response.take().unwrap();
        async { Ok::<_, Infallible>(response) }
    }));
    let request = Request::builder().method(method).header(RANGE, "bytes=0-1").body(()).unwrap();
    service.oneshot(request).await.unwrap()
}

async fn body(layer: AdditionLayer, response: Response<&'static str>) -> String {
    let response = ask(Method::GET, layer, response.map(Full::<Bytes>::from)).await;
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn which_responses_get_something() {
    let page = |fields: &[_]| head(fields).body("page").unwrap();
    assert_eq!(body(both(), page(&[HTML])).await, "<page>");
    assert_eq!(body(AdditionLayer::new().after(|_| Some(text(">"))), page(&[HTML])).await, "page>");
    assert_eq!(body(AdditionLayer::new().before(|_| Some(text("<"))), page(&[HTML])).await, "<page");
    assert_eq!(body(both(), head(&[HTML]).body("").unwrap()).await, "<>");
    for fields in [&[][..], &[("content-type", "text/plain")], &[HTML, ("content-encoding", "gzip")]] {
        assert_eq!(body(both(), page(fields)).await, "page", "{fields:?}");
    }
    for status in [StatusCode::CREATED, StatusCode::PARTIAL_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(body(both(), head(&[HTML]).status(status).body("page").unwrap()).await, "page");
    }
    assert_eq!(body(both().types(["text/plain"]), page(&[("content-type", "Text/Plain")])).await, "<page>");
    assert_eq!(body(both().types(["*"]), page(&[("content-type", "x/y")])).await, "<page>");
    let only_some = AdditionLayer::new().after(|head| head.headers.contains_key("x").then(|| text(">")));
    assert_eq!(body(only_some.clone(), page(&[HTML, ("x", "y")])).await, "page>");
    assert_eq!(body(only_some, page(&[HTML])).await, "page");
}

#[tokio::test]
async fn heads() {
    let fields = [HTML, ("content-length", "4"), ("accept-ranges", "bytes"), ("etag", "\"a\"")];
    for method in [Method::GET, Method::HEAD] {
        let response = head(&fields).body(Full::<Bytes>::from("page")).unwrap();
        let response = ask(method, both(), response).await;
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
        assert!(!response.headers().contains_key(ACCEPT_RANGES));
        assert_eq!(response.headers()[ETAG], "W/\"a\"");
        assert_eq!(response.body().size_hint().exact(), None, "a longer body than its own");
    }
    let nothing =
        AdditionLayer::new().before(|_| None::<std::future::Ready<Result<Full<Bytes>, Infallible>>>);
    let response = ask(Method::GET, nothing, head(&fields).body(Full::<Bytes>::from("page")).unwrap()).await;
    assert_eq!(response.headers()[CONTENT_LENGTH], "4");
    assert_eq!(response.headers()[ETAG], "\"a\"");
    assert_eq!(response.body().size_hint().exact(), Some(4));
}

#[tokio::test]
async fn what_is_added_is_asked_for_in_turn_and_not_for_a_head() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = {
        let asked = asked.clone();
        move || {
            let asked = asked.clone();
            AdditionLayer::new().after(move |_| {
                let asked = asked.clone();
                Some(async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    text(">").await
                })
            })
        }
    };
    let page = |body| head(&[HTML]).body(body).unwrap();
    let response = ask(Method::HEAD, counting(), page(Script::new())).await;
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    let mut response =
        ask(Method::GET, counting(), page(Script::new().data("a").data("b"))).await.into_body();
    for expected in ["a", "b"] {
        assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), ">");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(response.frame().await.is_none());
}

#[tokio::test]
async fn trailers_come_last_and_those_of_additions_do_not() {
    let trailers = |value: &'static str| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", value.parse().unwrap());
        trailers
    };
    let added =
        move || async move { Ok::<_, Infallible>(Script::new().data(">").trailers(trailers("added"))) };
    let layer = AdditionLayer::new().after(move |_| Some(added()));
    let own = Script::new().data("page").trailers(trailers("own"));
    let all =
        ask(Method::GET, layer, head(&[HTML]).body(own).unwrap()).await.into_body().collect().await.unwrap();
    assert_eq!(all.trailers().unwrap()["x-sum"], "own");
    assert_eq!(all.to_bytes(), "page>");
}

#[tokio::test]
async fn errors_end_the_body() {
    /// The data before the error, and the error.
    async fn until_error(layer: AdditionLayer, own: Script) -> (String, Error) {
        let mut body = ask(Method::GET, layer, head(&[HTML]).body(own).unwrap()).await.into_body();
        let mut data = String::new();
        loop {
            match body.frame().await.unwrap() {
                Ok(frame) => data.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                Err(error) => {
                    assert!(body.frame().await.is_none());
                    assert!(body.is_end_stream());
                    return (data, error);
                }
            }
        }
    }
    let (data, error) = until_error(both(), Script::new().data("pa").error("cut")).await;
    assert_eq!(data, "<pa", "and nothing behind it");
    assert!(matches!(error, Error::Response(_)) && error.source().unwrap().to_string().contains("cut"));
    let missing = || async { Err::<Full<Bytes>, _>("gone") };
    let (data, error) = until_error(both().after(move |_| Some(missing())), Script::new().data("page")).await;
    assert_eq!(data, "<page");
    assert!(matches!(error, Error::Addition(_)) && error.source().unwrap().to_string() == "gone");
    let broken = || async { Ok::<_, Infallible>(Script::new().data("ban").error("cut")) };
    let (data, error) = until_error(both().before(move |_| Some(broken())), Script::new().data("page")).await;
    assert_eq!(data, "ban");
    assert!(matches!(error, Error::Addition(_)), "{error}");
}

#[test]
fn both_kinds_of_bodies_keep_the_laws() {
    let wrap = |layer: &AdditionLayer, kind: &'static str, script: Script| {
        let answer = ask(Method::GET, layer.clone(), head(&[("content-type", kind)]).body(script).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(answer).into_body()
    };
    let added = both();
    laws::check_all(|script| wrap(&added, "text/plain", script));
    let nothing = || async { Ok::<_, Infallible>(Full::<Bytes>::default()) };
    let added = AdditionLayer::new().before(move |_| Some(nothing())).after(move |_| Some(nothing()));
    laws::frames_pass_in_order(|script| wrap(&added, "text/html", script));
    laws::trailers_survive(|script| wrap(&added, "text/html", script));
    laws::errors_surface(|script| wrap(&added, "text/html", script));
    laws::idle_passes_and_wakes(|script| wrap(&added, "text/html", script));
    laws::drop_midway_drops_inner(|script| wrap(&added, "text/html", script));
    laws::end_can_be_polled_again(|script| wrap(&added, "text/html", script));
}
