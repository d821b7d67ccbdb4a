//! The layer from outside.
#![allow(clippy::unwrap_used, reason = "a test")]

use http::header::{HeaderName, LOCATION, REFRESH};
use http::{HeaderValue, Request, Response};
use propylon_redirect::{RedirectLayer, Rewritten};
use tower::{Layer, ServiceExt, service_fn};

/// The field behind the layer, and whether the response says that `Location` was rewritten.
async fn through(layer: RedirectLayer, name: HeaderName, value: &'static str) -> (String, bool) {
    let field = name.clone();
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(());
        response.headers_mut().insert(field.clone(), HeaderValue::from_static(value));
        response.extensions_mut().insert("example.net");
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    let value = response.headers().get(name).unwrap().to_str().unwrap().to_owned();
    (value, response.extensions().get::<Rewritten>().is_some())
}

fn layer() -> RedirectLayer {
    RedirectLayer::new()
        .replace("http://inside:8080/a/", "/first/")
        .replace("http://inside:8080/", "/second/")
        .rule(|head, url| {
            let rest = url.strip_prefix(b"http://other/")?;
            Some([head.extensions.get::<&'static str>()?.as_bytes(), b"/", rest].concat())
        })
        .rule(|_, url| (url == b"/bad").then(|| b"/line\nbreak".to_vec()))
}

#[tokio::test]
async fn the_first_rule_that_fits_counts() {
    async fn check(value: &'static str, expected: &str) {
        let (location, rewritten) = through(layer(), LOCATION, value).await;
        assert_eq!(location, expected);
        assert_eq!(rewritten, value != expected, "{value}");
    }
    check("http://inside:8080/a/x", "/first/x").await;
    check("http://inside:8080/b", "/second/b").await;
    check("http://other/x", "example.net/x").await;
    check("https://inside:8080/a/x", "https://inside:8080/a/x").await;
    check("/bad", "/bad").await;
}

#[tokio::test]
async fn the_url_of_refresh_is_rewritten() {
    async fn check(value: &'static str, expected: &str) {
        assert_eq!(through(layer(), REFRESH, value).await, (expected.to_owned(), false));
    }
    check("7; url=http://inside:8080/a/x", "7; url=/first/x").await;
    check("0;URL=http://inside:8080/", "0;URL=/second/").await;
    check("7", "7").await;
    check("7; http://inside:8080/", "7; http://inside:8080/").await;
}
