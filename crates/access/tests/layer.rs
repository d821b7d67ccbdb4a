//! The layer: who comes in, and what the others get.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use propylon_access::{Access, AccessLayer, Client, Delay, Refused, Rules, User, UserFile, Whom};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

/// `a:one`
const LOGIN: &str = "Basic YTpvbmU=";
const HERE: fn(&http::request::Parts) -> Client =
    |_| Client::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

async fn ask(layer: &AccessLayer, login: Option<&str>) -> (u16, String, String) {
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let user =
            request.extensions().get::<User>().map(|user| String::from_utf8_lossy(&user.0).into_owned());
        Ok::<_, Infallible>(Response::new(user.unwrap_or_else(|| "nobody".to_owned())))
    }));
    let mut request = Request::new(());
    if let Some(login) = login {
        request.headers_mut().insert("authorization", login.parse().unwrap());
    }
    let response = service.oneshot(request).await.unwrap();
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge.unwrap_or_default(), response.into_body())
}

#[tokio::test]
async fn address_and_password_together() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    fs::write(&file, "a:{PLAIN}one\n").unwrap();
    let deny = Rules::new().deny(Whom::All);
    let allow = Rules::new().allow(Whom::Net("127.0.0.1/32".parse().unwrap())).deny(Whom::All);
    let expect = |status: u16, challenge: &str, body: &str| (status, challenge.to_owned(), body.to_owned());
    let asked = expect(401, "Basic realm=\"r\"", "");
    for (rules, any, login, expected) in [
        (Rules::new(), false, Some(LOGIN), expect(200, "", "a")),
        (Rules::new(), false, None, asked.clone()),
        (Rules::new(), false, Some("Basic YTp0d28="), asked.clone()),
        (allow.clone(), false, None, asked.clone()),
        (allow.clone(), false, Some(LOGIN), expect(200, "", "a")),
        (allow, true, None, expect(200, "", "nobody")),
        (deny.clone(), false, Some(LOGIN), expect(403, "", "")),
        (deny.clone(), true, Some(LOGIN), expect(200, "", "a")),
        (deny.clone(), true, None, asked),
    ] {
        let access = Access::new(rules.clone()).satisfy_any(any);
        let layer = AccessLayer::new(access, HERE).basic("r", UserFile::new(&file));
        assert_eq!(ask(&layer, login).await, expected, "{rules:?} any={any} {login:?}");
    }
    let layer = AccessLayer::new(Access::new(deny).satisfy_any(true), HERE);
    assert_eq!(ask(&layer, None).await.0, 403);
    let open = AccessLayer::new(Access::default(), HERE);
    assert_eq!(ask(&open, None).await.2, "nobody");
    let missing =
        AccessLayer::new(Access::default(), HERE).basic("r", UserFile::new(dir.path().join("none")));
    assert_eq!(ask(&missing, Some(LOGIN)).await.0, 403);
    let directory = AccessLayer::new(Access::default(), HERE).basic("r", UserFile::new(dir.path()));
    assert_eq!(ask(&directory, Some(LOGIN)).await.0, 500);
}

#[tokio::test]
async fn an_answer_has_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    fs::write(&file, "a:{PLAIN}one\nb:$y$hash\n").unwrap();
    let check =
        async |rules: Rules, file: &std::path::Path, login: Option<&str>, status: u16, reason: &str| {
            let layer = AccessLayer::new(Access::new(rules), HERE).basic("r", UserFile::new(file));
            let service = layer.layer(service_fn(|_: Request<()>| async {
                Ok::<_, Infallible>(Response::new(String::new()))
            }));
            let mut request = Request::new(());
            if let Some(login) = login {
                request.headers_mut().insert("authorization", login.parse().unwrap());
            }
            let response = service.oneshot(request).await.unwrap();
            let found = response.extensions().get::<Refused>().map(ToString::to_string).unwrap_or_default();
            assert_eq!(response.status().as_u16(), status, "{login:?}");
            assert!(found.starts_with(reason) && found.is_empty() == reason.is_empty(), "{login:?}: {found}");
        };
    let open = Rules::new;
    check(open(), &file, Some(LOGIN), 200, "").await;
    check(open(), &file, None, 401, "no user/password was provided").await;
    check(open(), &file, Some("Basic YTp0d28="), 401, "user \"a\": password mismatch").await;
    check(open(), &file, Some("Basic YzpvbmU="), 401, "user \"c\" was not found in").await;
    check(open(), &file, Some("Basic YjpvbmU="), 500, "user \"b\": ").await;
    check(open(), &dir.path().join("none"), Some(LOGIN), 403, "open() \"").await;
    check(open().deny(Whom::All), &file, Some(LOGIN), 403, "access forbidden by rule").await;
}

#[tokio::test]
async fn the_client_s_address_is_told_by_a_closure_that_may_capture() {
    let known = std::collections::HashMap::from([("/in", std::net::Ipv4Addr::LOCALHOST)]);
    let rules =
        Rules::new().allow(Whom::Net("127.0.0.1/32".parse().unwrap())).allow(Whom::Unix).deny(Whom::All);
    let layer = AccessLayer::new(Access::new(rules), move |request| {
        known.get(request.uri.path()).map_or(Client::Unknown, |ip| Client::Ip((*ip).into()))
    });
    let service =
        layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(String::new())) }));
    for (path, status) in [("/in", 200), ("/out", 403)] {
        let request = Request::builder().uri(path).body(()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_hears_of_it_when_it_is_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users");
    fs::write(&file, "a:{PLAIN}one\n").unwrap();
    let delay = Duration::from_secs(3);
    let open = Rules::new();
    let closed = Rules::new().deny(Whom::All);
    for (rules, any, login, status, waited) in [
        (&open, false, Some(LOGIN), 200, Duration::ZERO),
        (&open, false, Some("Basic YTp0d28="), 401, delay), // a wrong password
        (&open, false, Some("Basic YjpvbmU="), 401, delay), // nobody
        (&open, false, None, 401, delay),
        (&closed, false, Some(LOGIN), 403, Duration::ZERO),
        (&closed, true, None, 401, delay),
    ] {
        let access = Access::new(rules.clone()).satisfy_any(any);
        for (layer, waited) in [
            (AccessLayer::new(access.clone(), HERE).delay(delay).basic("r", UserFile::new(&file)), waited),
            (AccessLayer::new(access, HERE).basic("r", UserFile::new(&file)), Duration::ZERO),
        ] {
            let begun = Instant::now();
            assert_eq!(ask(&layer, login).await.0, status, "{login:?}");
            assert_eq!(begun.elapsed(), waited, "{login:?} any={any}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_check_is_a_part_of_the_delay() {
    let delay = Delay::new(Duration::from_secs(3));
    for (check, expected) in [(0, 3), (2, 3), (3, 3), (5, 5)] {
        let begun = Instant::now();
        let due = delay.begin();
        tokio::time::sleep(Duration::from_secs(check)).await;
        due.wait(StatusCode::UNAUTHORIZED).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(expected), "{check}");
    }
    let begun = Instant::now();
    delay.begin().wait(StatusCode::FORBIDDEN).await;
    Delay::default().begin().wait(StatusCode::UNAUTHORIZED).await;
    assert!(begun.elapsed().is_zero());
}
