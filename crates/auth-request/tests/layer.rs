//! The layer around scripted services.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use propylon_auth_request::{AuthRequestLayer, Unanswered};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

type Asked = Request<()>;

fn answer(status: u16) -> Response<&'static str> {
    let mut answer = Response::new("of no interest");
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// What becomes of a request if this is the answer, and whether it got inside.
async fn with(answer: Response<&'static str>) -> (Response<String>, bool) {
    let authority = service_fn(move |_: Asked| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer) }
    });
    let service = AuthRequestLayer::new(authority).layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new("inside".to_owned()))
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    let inside = response.body() == "inside";
    (response, inside)
}

#[tokio::test]
async fn the_status_decides() {
    for (told, expected) in [
        (200, 200),
        (204, 200),
        (299, 200),
        (301, 500),
        (304, 500),
        (400, 500),
        (401, 401),
        (403, 403),
        (404, 500),
        (407, 500),
        (500, 500),
        (502, 500),
    ] {
        let (response, inside) = with(answer(told)).await;
        assert_eq!((response.status().as_u16(), inside), (expected, expected == 200), "{told}");
    }
}

#[tokio::test]
async fn every_challenge_is_passed_on_and_nothing_else() {
    let mut told = answer(401);
    for challenge in ["Basic realm=\"a\"", "Bearer"] {
        told.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    told.headers_mut().insert("set-cookie", HeaderValue::from_static("a=b"));
    let (response, _) = with(told.clone()).await;
    let challenges: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges, ["Basic realm=\"a\"", "Bearer"]);
    assert_eq!(response.headers().len(), 2);
    *told.status_mut() = StatusCode::FORBIDDEN;
    assert!(with(told).await.0.headers().is_empty());
}

#[tokio::test]
async fn the_question_is_a_get_with_the_fields_and_without_a_body() {
    let (authority, mut asked) = mock::pair::<Asked, Response<()>>();
    let field = http::HeaderName::from_static("x-user");
    let service = AuthRequestLayer::new(authority)
        .uri("/auth?x".parse().unwrap())
        .take_over(move |request, answer| {
            request.headers.insert(&field, answer.headers[&field].clone());
        })
        .layer(service_fn(|request: Request<String>| async move {
            let (head, body) = request.into_parts();
            assert_eq!((head.method, head.uri.path()), (Method::PUT, "/thing"));
            assert_eq!((&head.headers["x-user"], &*body), (&HeaderValue::from_static("ada"), "the body"));
            assert_eq!(head.headers["content-length"], "8");
            Ok::<_, Infallible>(Response::new("inside".to_owned()))
        }));
    let mut request = Request::put("/thing").version(Version::HTTP_10).body("the body".to_owned()).unwrap();
    for (name, value) in [
        ("cookie", "a=b"),
        ("content-type", "text/plain"),
        ("content-length", "8"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x"),
        ("expect", "100-continue"),
        ("if-none-match", "*"),
        ("if-match", "*"),
        ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("if-range", "\"a\""),
        ("range", "bytes=1-"),
        ("upgrade", "websocket"),
    ] {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let authority = async {
        asked.allow(1);
        let (question, send) = asked.next_request().await.unwrap();
        assert_eq!((question.method(), question.uri().to_string().as_str()), (&Method::GET, "/auth?x"));
        assert_eq!(question.version(), Version::HTTP_10);
        let mut fields: Vec<_> = question.headers().keys().map(http::HeaderName::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["content-type", "cookie"]);
        send.send_response(Response::builder().header("x-user", "ada").body(()).unwrap());
    };
    let (response, ()) = tokio::join!(service.oneshot(request), authority);
    assert_eq!(response.unwrap().body(), "inside");
}

#[tokio::test]
async fn without_a_uri_it_is_asked_about_the_same() {
    let authority = service_fn(|question: Asked| async move {
        assert_eq!(question.uri().to_string(), "/a?b");
        Ok::<_, Infallible>(answer(200))
    });
    let service = AuthRequestLayer::new(authority)
        .layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) }));
    let request = Request::get("/a?b").body(()).unwrap();
    assert_eq!(service.oneshot(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn no_answer_lets_nobody_in_and_says_why() {
    let (authority, mut asked) = mock::pair::<Asked, Response<()>>();
    let service = AuthRequestLayer::new(authority).layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new("inside".to_owned()))
    }));
    let fails = async {
        asked.allow(1);
        asked.next_request().await.unwrap().1.send_error("gone");
    };
    let (response, ()) = tokio::join!(service.clone().oneshot(Request::new(())), fails);
    let response = response.unwrap();
    assert_eq!((response.status(), &**response.body()), (StatusCode::INTERNAL_SERVER_ERROR, ""));
    let why = response.extensions().get::<Unanswered>().unwrap();
    assert_eq!(why.to_string(), "the authorization request failed: gone");
    drop(asked); // it is not even ready
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.extensions().get::<Unanswered>().is_some());
}

#[tokio::test]
async fn who_leaves_takes_the_question_along() {
    let held = Arc::new(());
    let asks = Arc::clone(&held);
    let authority = service_fn(move |_: Asked| {
        let held = Arc::clone(&asks);
        async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok::<_, Infallible>(answer(200))
        }
    });
    let layer = AuthRequestLayer::new(authority);
    let mut service =
        layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) }));
    let idle = Arc::strong_count(&held);
    let mut call = service.call(Request::new(()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(&mut call).poll(&mut cx).is_pending());
    assert!(Arc::strong_count(&held) > idle, "it is being asked");
    drop(call);
    assert_eq!(Arc::strong_count(&held), idle);
}
