//! HTTP-01 around a service.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::future::ready;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use propylon_acme::{Challenges, Http01Layer};
use propylon_testkit::laws;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

#[tokio::test]
async fn what_is_not_pending_is_the_services() {
    let inner = service_fn(async |request: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(request.uri().path().to_owned()))))
    });
    let service = Http01Layer::new(Challenges::new()).layer(inner);
    let direct = *service.get_ref();
    assert!(direct.oneshot(Request::new(())).await.is_ok());
    let request = Request::builder().uri("/.well-known/acme-challenge/x").body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let body = http_body_util::Limited::new(response.into_body(), 100);
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    assert_eq!(body, "/.well-known/acme-challenge/x");
}

#[test]
fn bodies_pass_as_they_are() {
    laws::check_all(|script| {
        let mut script = Some(script);
        let inner = service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(script.take().unwrap())))
        });
        let service = Http01Layer::new(Challenges::new()).layer(inner);
        let mut response = std::pin::pin!(service.oneshot(Request::new(())));
        match response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => response.into_body(),
            _ => unreachable!("it answers at once"),
        }
    });
}
