//! Clients come back to the peer that they had.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use propylon_balance::{
    Balance, Balancer, Better, Binding, ByCookie, ByRoute, Cookie, Dispatch, Error, Group, Key, Learning,
    Method, Outcome, ResponseBody, Server, Session, Sessions, StickyLayer, Tried, Wanted,
};
use tower::{Layer, ServiceExt};

type Body = ResponseBody<&'static str, Full<Bytes>>;

/// A peer answers with its name, and with a session of its name unless it is asked for `/quiet`.
#[derive(Clone)]
struct ByName;

impl Dispatch<&'static str, ()> for ByName {
    type Future = Ready<Result<Response<Full<Bytes>>, Error>>;
    type Body = Full<Bytes>;
    type Error = Error;

    fn send(&self, name: &&'static str, request: Request<()>) -> Self::Future {
        let mut response = Response::new(Full::from(*name));
        match request.uri().path() {
            "/quiet" => {}
            "/fail" => {
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response.headers_mut().insert("session", "of-a-failure".parse().unwrap());
            }
            _ => drop(response.headers_mut().insert("session", format!("of-{name}").parse().unwrap())),
        }
        ready(Ok(response))
    }

    fn outcome(&self, result: Result<&Response<Full<Bytes>>, &Error>) -> Outcome {
        match result {
            Ok(response) if response.status().is_success() => Outcome::Success,
            _ => Outcome::Failure,
        }
    }
}

fn group(servers: impl IntoIterator<Item = Server<&'static str>>) -> Group<&'static str> {
    let group = Group::new("g");
    group.set(servers);
    group
}

fn server(name: &'static str) -> Server<&'static str> {
    Server::new(name, name)
}

/// The response to one request, of which the body has not been read.
async fn ask<P>(group: &Group<&'static str>, binding: P, request: Request<()>) -> Response<Body>
where
    P: Binding<()> + Clone,
    P::Session: Session<Body>,
{
    let balancer = Balancer::new(group.clone(), Method::RoundRobin).unwrap();
    let service = StickyLayer::new(binding).layer(Balance::new(balancer, ByName).sticky(true));
    service.oneshot(request).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "it is limited")]
async fn name(response: Response<Body>) -> String {
    let body = Limited::new(response.into_body(), 100).collect();
    String::from_utf8(body.await.unwrap().to_bytes().to_vec()).unwrap()
}

fn get(path: &str, session: &str) -> Request<()> {
    Request::get(path).header("session", session).body(()).unwrap()
}

#[tokio::test]
async fn a_cookie_names_the_peer() {
    let group = group(["a", "b", "c"].map(server));
    let binding = ByCookie::new(Cookie::new("srv").http_only(true));
    let request = |cookie: &str| Request::get("/").header("cookie", cookie).body(()).unwrap();
    // The MD5 of "b", as nginx has it.
    let b = "92eb5ffee6ae2fec3ad71c777531578f";
    for _ in 0..3 {
        let response = ask(&group, binding.clone(), request(&format!("x=y; srv={b}"))).await;
        assert_eq!(response.headers()["set-cookie"], format!("srv={b}; httponly"));
        assert_eq!(name(response).await, "b");
    }
    let response = ask(&group, binding.clone(), request("srv=nobody")).await;
    let a = "0cc175b9c0f1b6a831c399e269772661";
    assert_eq!(response.headers()["set-cookie"], format!("srv={a}; httponly"), "another one in its place");
    assert_eq!(name(response).await, "a");
}

fn session(headers: &HeaderMap) -> Option<Vec<u8>> {
    headers.get("session").map(|value| value.as_bytes().to_vec())
}

#[tokio::test(start_paused = true)]
async fn sessions_are_learnt_from_responses() {
    let group = group(["a", "b"].map(server));
    let sessions = Sessions::new(100);
    let learning = |at_head| {
        let lookup = |headers: &HeaderMap, _: &Uri| session(headers);
        Learning::new(sessions.clone(), lookup, session).timeout(Duration::from_secs(10)).at_head(at_head)
    };
    let response = ask(&group, learning(false), get("/", "")).await;
    assert!(sessions.is_empty(), "not before the response has ended");
    assert_eq!(name(response).await, "a");
    assert_eq!(sessions.len(), 1);
    // Another worker, whose turn begins with the first: the session is what leads to the second.
    sessions.learn(b"mine", &"92eb5ffee6ae2fec3ad71c777531578f".into(), Duration::from_secs(10));
    assert_eq!(name(ask(&group, learning(false), get("/quiet", "mine")).await).await, "b");
    let response = ask(&group, learning(true), get("/", "mine")).await;
    assert_eq!(sessions.len(), 3, "with its head");
    drop(response);
    // A response without a session prolongs that of the request.
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(name(ask(&group, learning(false), get("/quiet", "of-b")).await).await, "b");
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(name(ask(&group, learning(false), get("/quiet", "of-b")).await).await, "a", "forgotten");
    for at_head in [false, true] {
        drop(ask(&group, learning(at_head), get("/fail", "of-z")).await);
        assert_eq!(sessions.find(b"of-a-failure", Duration::MAX), None, "a failure teaches nothing");
    }
}

#[tokio::test]
async fn a_route_leads_to_its_peer() {
    let group = group([server("a").route("r1"), server("b").route("r2")]);
    let by_route = ByRoute::new(|_: &HeaderMap, uri: &Uri| Some(uri.query()?.as_bytes().to_vec()));
    for (query, expected) in [("/?r2", "b"), ("/?r1", "a"), ("/?r3", "a"), ("/", "a"), ("/?", "a")] {
        let request = Request::get(query).body(()).unwrap();
        let response = ask(&group, by_route.clone(), request).await;
        assert_eq!(name(response).await, expected, "{query}");
    }
}

/// The peers for requests that want these, one after the other; a request is over before the next begins.
fn picks(balancer: &Balancer<&'static str>, wanted: &[&str]) -> String {
    let pick = |wanted: &&str| {
        let wanted = (!wanted.is_empty()).then(|| Wanted(wanted.as_bytes().into()));
        balancer
            .pick_bound(wanted.as_ref(), Key::None, None)
            .map_or("-", |picked| picked.peer().server().payload())
    };
    wanted.iter().map(pick).collect()
}

fn routed(name: &'static str) -> Server<&'static str> {
    server(name).route(name)
}

#[tokio::test]
async fn who_is_bound_stays_while_a_peer_drains_and_no_longer() {
    let group =
        group([routed("a").drain(true), routed("b").down(true), routed("c"), routed("d").backup(true)]);
    let balancer = Balancer::new(group.clone(), Method::RoundRobin).unwrap();
    assert_eq!(picks(&balancer, &["a", "", "b", "d", "a", "nobody"]), "acccac");
    group.set([routed("a").drain(true)]);
    assert_eq!(picks(&balancer, &["a", "", "x"]), "a--", "also the only one");
    group.set([routed("a").drain(true), routed("d").backup(true), routed("e").backup(true)]);
    assert_eq!(picks(&balancer, &["", "e", "e", "a"]), "deea", "backups when no other can");
}

#[tokio::test]
async fn several_peers_of_a_route_stand_in_for_each_other() {
    let group = group([server("a").route("r"), server("b"), server("c").route("r")]);
    let balancer = Balancer::new(group, Method::RoundRobin).unwrap();
    let (wanted, tried) = (Wanted(Arc::from(&b"r"[..])), Tried::default());
    let order: String = (0..3)
        .map(|_| {
            *balancer.pick_bound(Some(&wanted), Key::None, Some(&tried)).unwrap().peer().server().payload()
        })
        .collect();
    assert_eq!(order, "acb", "each once, and others last");
    let full = Group::new("g");
    full.set([server("a").route("r").max_conns(1), server("b")]);
    let balancer = Balancer::new(full, Method::LeastConn).unwrap();
    let held = balancer.pick_bound(Some(&wanted), Key::None, None).unwrap();
    assert_eq!(*held.peer().server().payload(), "a");
    assert_eq!(picks(&balancer, &["r"]), "b", "one that is full is not waited for");
    drop(held);
    assert_eq!(picks(&balancer, &["r"]), "a");
}

#[tokio::test]
async fn turns_go_on_as_if_nobody_were_bound() {
    let group = group(["a", "b", "c", "d"].map(routed));
    let balancer = Balancer::new(group, Method::RoundRobin).unwrap();
    assert_eq!(picks(&balancer, &["a"; 20]), "a".repeat(20));
    let after = picks(&balancer, &[""; 20]);
    for name in ["a", "b", "c", "d"] {
        assert!((4..=6).contains(&after.matches(name).count()), "{after}");
    }
    assert!(after.starts_with("bcd"), "{after}: the others are owed a turn, and not more");
}

#[tokio::test]
async fn every_method_knows_who_is_bound() {
    for method in [
        Method::RoundRobin,
        Method::LeastConn,
        Method::IpHash,
        Method::Hash,
        Method::Consistent,
        Method::Random,
        Method::RandomTwo(Better::LeastConn),
        Method::LeastTime(Better::Header),
        Method::PeakEwma,
    ] {
        let balancer = Balancer::new(group(["a", "b", "c", "d"].map(routed)), method).unwrap();
        assert_eq!(picks(&balancer, &["c", "a", "d", "b", "c"]), "cadbc", "{method:?}");
    }
}

#[tokio::test]
async fn without_a_binding_nothing_is_added() {
    let balancer = Balancer::new(group([server("a")]), Method::RoundRobin).unwrap();
    let service = StickyLayer::<ByCookie>::new(None).layer(Balance::new(balancer, ByName));
    let response = service.oneshot(get("/quiet", "")).await.unwrap();
    assert!(response.headers().is_empty());
}
