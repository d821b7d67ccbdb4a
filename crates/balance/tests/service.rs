//! The tower service over scripted peers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test; bodies are limited")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use propylon_balance::{
    Balance, Balancer, Change, Dispatch, Error, Group, GroupBuilder, Key, Method, ResponseBody, Server, Tried,
};
use propylon_testkit::body::Script;
use tower::{Service, ServiceExt, service_fn, util::BoxService};

type Peer = &'static str;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A peer answers with its name; one called "bad" fails, the body of one called "cut" does.
#[derive(Clone)]
struct Scripted;

impl Dispatch<Peer, ()> for Scripted {
    type Service = BoxService<Request<()>, Response<Script>, BoxError>;
    type Body = Script;
    type Error = BoxError;

    fn service(&self, peer: &Peer) -> Self::Service {
        let peer = *peer;
        BoxService::new(service_fn(move |_| async move {
            match peer {
                "bad" => Err("refused".into()),
                "cut" => Ok(Response::new(Script::new().data("x").error("cut"))),
                name => Ok(Response::new(Script::new().data(name))),
            }
        }))
    }

    fn with_key<R>(&self, request: &Request<()>, pick: impl FnOnce(Key<'_>) -> R) -> R {
        pick(Key::Bytes(request.uri().path().as_bytes()))
    }
}

type Body = ResponseBody<Peer, Script>;

fn request() -> Request<()> {
    Request::new(())
}

async fn ask(service: &mut Balance<Peer, Scripted>, request: Request<()>) -> Result<Body, String> {
    let response = service.ready().await.unwrap().call(request).await;
    response.map(Response::into_body).map_err(|error| error.to_string())
}

async fn text(body: Body) -> Result<String, BoxError> {
    let bytes = Limited::new(body, 1000).collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn balance(group: &Group<Peer>, method: Method) -> Balance<Peer, Scripted> {
    Balance::new(Balancer::new(group.clone(), method).unwrap(), Scripted)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_fails_is_left_alone_for_its_time() {
    let changes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&changes);
    let group = GroupBuilder::new("g")
        .observer(move |group, peer, change| {
            told.lock().unwrap().push((group.to_owned(), peer.to_owned(), change))
        })
        .build();
    group.set([Server::new("1", "bad"), Server::new("2", "good")]);
    let mut service = balance(&group, Method::RoundRobin);
    assert_eq!(ask(&mut service, request()).await.unwrap_err(), "refused");
    for _ in 0..3 {
        assert_eq!(text(ask(&mut service, request()).await.unwrap()).await.unwrap(), "good");
    }
    assert_eq!(*changes.lock().unwrap(), [("g".into(), "1".into(), Change::Unavailable)]);
    tokio::time::advance(Duration::from_secs(11)).await;
    let mut tried = Vec::new();
    for _ in 0..3 {
        tried.push(ask(&mut service, request()).await.is_ok()); // its weight comes back a step a time
    }
    assert!(tried.contains(&false), "it is tried again");
}

#[tokio::test]
async fn a_response_that_is_cut_is_a_failure() {
    let group = Group::new("g");
    group.set([Server::new("1", "cut"), Server::new("2", "good").backup(true)]);
    let mut service = balance(&group, Method::RoundRobin);
    assert!(text(ask(&mut service, request()).await.unwrap()).await.is_err());
    assert_eq!(group.peers().iter().map(|peer| peer.failures()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(text(ask(&mut service, request()).await.unwrap()).await.unwrap(), "good");
}

#[tokio::test]
async fn each_peer_once_then_none() {
    let group = Group::new("g");
    group.set(["a", "b", "c"].map(|name| Server::new(name, name)));
    let mut service = balance(&group, Method::Consistent);
    let tried = Tried::default();
    let mut names = Vec::new();
    for _ in 0..3 {
        let mut request = Request::get("/same").body(()).unwrap();
        request.extensions_mut().insert(tried.clone());
        names.push(text(ask(&mut service, request).await.unwrap()).await.unwrap());
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    let mut last = Request::get("/same").body(()).unwrap();
    last.extensions_mut().insert(tried.clone());
    assert_eq!(ask(&mut service, last).await.unwrap_err(), "no live upstreams while connecting to upstream");
    assert_eq!(tried.len(), 3);
}

#[tokio::test]
async fn a_place_is_held_until_the_body_ends_or_drops() {
    let group = Group::new("g");
    group.set([Server::new("1", "good").max_conns(1)]);
    let mut service = balance(&group, Method::RoundRobin);
    let held = ask(&mut service, request()).await.unwrap();
    assert_eq!(group.peers().iter().next().unwrap().active(), 1);
    assert!(ask(&mut service, request()).await.is_err());
    drop(held);
    assert_eq!(text(ask(&mut service, request()).await.unwrap()).await.unwrap(), "good");
    assert_eq!(group.peers().iter().next().unwrap().active(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_group_queues_across_workers() {
    let group = GroupBuilder::new("g").queue(1, Duration::from_secs(5)).build();
    group.set([Server::new("1", "good").max_conns(1)]);
    let (mut one, mut other, mut third) = (
        balance(&group, Method::RoundRobin),
        balance(&group, Method::RoundRobin),
        balance(&group, Method::RoundRobin),
    );
    let held = ask(&mut one, request()).await.unwrap();
    let mut waiting = tokio_test::task::spawn(async { ask(&mut other, request()).await });
    assert!(waiting.poll().is_pending());
    let full = ask(&mut third, request()).await.unwrap_err();
    assert_eq!(full, Error::QueueFull { group: "g".into() }.to_string());
    drop(held);
    assert!(waiting.is_woken(), "a freed place wakes who waits");
    assert!(matches!(waiting.poll(), std::task::Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn the_wait_has_an_end() {
    let group = GroupBuilder::new("g").queue(9, Duration::from_secs(5)).build();
    group.set([Server::new("1", "good").max_conns(1)]);
    let mut service = balance(&group, Method::RoundRobin);
    let held = ask(&mut service, request()).await.unwrap();
    let late = ask(&mut service, request()).await.unwrap_err();
    assert_eq!(late, Error::QueueTimeout { group: "g".into() }.to_string());
    drop(held);
    assert!(ask(&mut service, request()).await.is_ok(), "who gave up is no more in the queue");
}

#[tokio::test]
async fn methods_without_backups_refuse_them() {
    let group = Group::new("g");
    group.set([Server::new("1", "good"), Server::new("2", "good").backup(true)]);
    for (method, fine) in [
        (Method::RoundRobin, true),
        (Method::LeastConn, true),
        (Method::Hash, false),
        (Method::Random, false),
    ] {
        assert_eq!(Balancer::new(group.clone(), method).is_ok(), fine, "{method:?}");
    }
}

#[tokio::test]
async fn a_successor_knows_what_the_old_group_knew() {
    let old = Group::new("g");
    old.set([Server::new("1", "bad"), Server::new("2", "good")]);
    let mut service = balance(&old, Method::RoundRobin);
    assert!(ask(&mut service, request()).await.is_err());
    let held = ask(&mut service, request()).await.unwrap();
    let new = GroupBuilder::new("g").successor_of(&old);
    new.set([Server::new("2", "good").max_conns(1), Server::new("1", "bad"), Server::new("3", "good")]);
    let known: Vec<_> = new.peers().iter().map(|peer| (peer.is_available(), peer.active())).collect();
    assert_eq!(known, [(true, 1), (false, 0), (true, 0)]);
    drop(held);
    assert_eq!(new.peers().iter().next().unwrap().active(), 0, "the same count");
}
