//! The layer around scripted services.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::needless_pass_by_value, reason = "tests")]

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use propylon_error_page::{ErrorPageLayer, Failure, Handled, Pages, ShownStatus};
use tower::{Layer, Service, ServiceExt, service_fn};

#[derive(Clone)]
struct Own;

async fn answer(request: Request<()>) -> Result<Response<String>, Infallible> {
    let mut response = Response::new("inner".to_owned());
    *response.status_mut() = StatusCode::from_bytes(&request.uri().path().as_bytes()[1..]).unwrap();
    if request.uri().query() == Some("own") {
        response.extensions_mut().insert(Own);
    }
    Ok(response)
}

type Answer = fn(Failure<'_, &'static str, String>) -> Response<String>;

fn page(failure: Failure<'_, &'static str, String>) -> Response<String> {
    let mut response = Response::new(format!("{} for {}", failure.target, failure.body));
    *response.status_mut() = failure.shown.of(failure.head.status, StatusCode::OK);
    response
}

fn layer() -> ErrorPageLayer<&'static str, Answer> {
    let pages = Pages::new().page([StatusCode::NOT_FOUND], ShownStatus::Original, "missing").page(
        [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT],
        ShownStatus::FromPage,
        "sorry",
    );
    ErrorPageLayer::new(pages, page as Answer)
}

async fn check(layer: &ErrorPageLayer<&'static str, Answer>, request: Request<()>, expected: (u16, &str)) {
    let mut service = layer.layer(service_fn(answer));
    let what = request.uri().to_string();
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), expected, "{what}");
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

#[tokio::test]
async fn a_status_with_a_page_is_replaced_and_others_pass() {
    check(&layer(), get("/404"), (404, "missing for inner")).await;
    check(&layer(), get("/502"), (200, "sorry for inner")).await;
    check(&layer(), get("/504"), (200, "sorry for inner")).await;
    check(&layer(), get("/500"), (500, "inner")).await;
    check(&layer(), get("/200"), (200, "inner")).await;
}

#[tokio::test]
async fn only_what_is_meant_is_intercepted() {
    let own = layer().intercept(|head| head.extensions.get::<Own>().is_some());
    check(&own, get("/404"), (404, "inner")).await;
    check(&own, get("/404?own"), (404, "missing for inner")).await;
    let meant = [StatusCode::BAD_GATEWAY];
    let some = layer().intercept(move |head| meant.contains(&head.status));
    check(&some, get("/404"), (404, "inner")).await;
    check(&some, get("/502"), (200, "sorry for inner")).await;
}

#[tokio::test]
async fn the_error_of_an_error_page_is_shown() {
    let handled = |how: Handled| {
        let mut request = get("/404");
        request.extensions_mut().insert(how);
        request
    };
    check(&layer(), handled(Handled::Once), (404, "inner")).await;
    check(&layer().recursive(true), handled(Handled::Once), (404, "missing for inner")).await;
    check(&layer().recursive(true), handled(Handled::Finally), (404, "inner")).await;
}
