//! The layer from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use propylon_cookie::{CookieLayer, Flags, SameSite};
use tower::{Layer, ServiceExt, service_fn};

async fn through(layer: CookieLayer, lines: &[&'static str]) -> Vec<String> {
    let lines = lines.to_vec();
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(());
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
        for line in &lines {
            response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(line));
        }
        response.extensions_mut().insert("example.net");
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.headers()[LOCATION], "/", "other fields stay");
    response
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .map(|line| String::from_utf8(line.as_bytes().to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn every_line_is_rewritten() {
    let layer = CookieLayer::new().path("/foo/", "/bar/");
    let lines = through(layer, &["a=1; Path=/foo/", "b=2", "c=3;path=/foo/x;Secure", "d=4; Path=/foo"]).await;
    assert_eq!(lines, ["a=1; Path=/bar/", "b=2", "c=3; path=/bar/x; Secure", "d=4; Path=/foo"]);
}

#[tokio::test]
async fn a_line_that_no_rule_fits_keeps_its_bytes() {
    let layer = CookieLayer::new().domain("localhost", "example.com").path("/foo/", "/bar/");
    let lines = ["a=1;path=/x;;  odd = y", "no cookie", "domain=localhost; Partitioned"];
    assert_eq!(through(layer, &lines).await, lines);
}

#[tokio::test]
async fn dots_before_domains_do_not_count() {
    let layer = CookieLayer::new().domain(".LOCALHOST", ".example.com");
    let lines =
        through(layer, &["a=1; domain=localhost", "a=1; DOMAIN=.localHost", "a=1; domain=x.localhost"]);
    assert_eq!(
        lines.await,
        ["a=1; domain=example.com", "a=1; DOMAIN=.example.com", "a=1; domain=x.localhost"]
    );
}

#[tokio::test]
async fn the_first_rule_that_fits_counts_and_kinds_add_up() {
    let layer = CookieLayer::new()
        .path("/a/", "/first/")
        .path("/", "/second/")
        .domain("a", "b")
        .domain("b", "c")
        .flags("x", Flags::new().secure())
        .flags_with(|_, _| Some(Flags::new().same_site(SameSite::Lax)));
    let lines = through(layer, &["X=1; Path=/a/; Domain=a", "y=1; Path=/b/"]).await;
    assert_eq!(lines, ["X=1; Path=/first/; Domain=b; Secure", "y=1; Path=/second/b/; SameSite=Lax"]);
}

#[tokio::test]
async fn closures_see_the_response() {
    let layer = CookieLayer::new()
        .domain_with(|head, _| Some(head.extensions.get::<&'static str>()?.as_bytes().to_vec()))
        .path_with(|_, path| (path == b"/bad").then(|| b"/line\nbreak".to_vec()));
    let lines = through(layer, &["a=1; Domain=x", "b=1; Path=/bad"]).await;
    assert_eq!(lines, ["a=1; Domain=example.net", "b=1; Path=/bad"], "what is no field value is not written");
}
