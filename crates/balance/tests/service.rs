//! The tower service over scripted peers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test; bodies are limited"
)]

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use propylon_balance::{
    Balance, Balancer, Change, Dispatch, Error, Group, GroupBuilder, Key, Method, Outcome, ResponseBody,
    Server, Tried,
};
use propylon_testkit::body::Script;
use tower::{Service, ServiceExt};

type Peer = &'static str;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A peer answers with its name; one called "bad" fails, the body of one called "cut" does.
#[derive(Clone)]
struct Scripted;

impl Dispatch<Peer, ()> for Scripted {
    type Future = Ready<Result<Response<Script>, BoxError>>;
    type Body = Script;
    type Error = BoxError;

    fn send(&self, peer: &Peer, _: Request<()>) -> Self::Future {
        ready(match *peer {
            "bad" => Err("refused".into()),
            "cut" => Ok(Response::new(Script::new().data("x").error("cut"))),
            name => Ok(Response::new(Script::new().data(name))),
        })
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
async fn a_response_that_is_cut_is_counted_and_no_failure() {
    let group = Group::new("g");
    group.set([Server::new("1", "cut"), Server::new("2", "good").backup(true)]);
    let mut service = balance(&group, Method::RoundRobin);
    for _ in 0..2 {
        assert!(text(ask(&mut service, request()).await.unwrap()).await.is_err());
    }
    let known: Vec<_> =
        group.peers().iter().map(|peer| (peer.failures(), peer.history().cut, peer.active())).collect();
    assert_eq!(known, [(0, 2, 0), (0, 0, 0)]);
}

/// Whether a response is a failure is for somebody else to say.
#[derive(Clone)]
struct Open;

impl Dispatch<Peer, ()> for Open {
    type Future = Ready<Result<Response<Script>, BoxError>>;
    type Body = Script;
    type Error = BoxError;

    fn send(&self, peer: &Peer, request: Request<()>) -> Self::Future {
        Scripted.send(peer, request)
    }

    fn outcome(&self, _: Result<&Response<Script>, &BoxError>) -> Outcome {
        Outcome::Open
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_may_be_a_failure_for_what_is_done_with_it() {
    let group = Group::new("g");
    group.set([Server::new("1", "one"), Server::new("2", "two")]);
    let balancer = Balancer::new(group.clone(), Method::RoundRobin).unwrap();
    let service = Balance::new(balancer, Open);
    let ask = || service.clone().oneshot(request());
    let available = || group.peers().iter().map(|peer| peer.is_available()).collect::<Vec<_>>();
    drop(ask().await.unwrap());
    assert_eq!(available(), [true, true], "it was passed on");
    drop(ask().await.unwrap());
    ask().await.unwrap().into_body().failed();
    assert_eq!(available(), [false, true], "it was not");
    tokio::time::advance(Duration::from_secs(11)).await;
    let tries: Vec<_> = [ask().await.unwrap(), ask().await.unwrap(), ask().await.unwrap()].into();
    assert_eq!(available(), [false, true], "tried again, and nothing is decided yet");
    drop(tries);
    assert_eq!(available(), [true, true]);
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
async fn a_free_place_is_for_who_waits_longest() {
    let group = GroupBuilder::new("g").queue(9, Duration::from_secs(5)).build();
    group.set([Server::new("1", "good").max_conns(1)]);
    let come = || {
        let mut worker = balance(&group, Method::RoundRobin);
        tokio_test::task::spawn(async move { ask(&mut worker, request()).await })
    };
    let mut held = Some(come().await.unwrap());
    let mut line = std::collections::VecDeque::new();
    for _ in 0..3 {
        line.push_back(come());
        assert!(line.back_mut().unwrap().poll().is_pending());
    }
    for _ in 0..10 {
        drop(held.take()); // a place is free, and nobody has taken it yet
        line.push_back(come());
        assert!(line.back_mut().unwrap().poll().is_pending(), "who comes now is not the first");
        let std::task::Poll::Ready(Ok(body)) = line.pop_front().unwrap().poll() else {
            panic!("the first one is served");
        };
        assert!(line.iter_mut().all(|waiting| waiting.poll().is_pending()), "and nobody else");
        held = Some(body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_time_is_over_is_found_by_who_comes_next() {
    let group = GroupBuilder::new("g").queue(9, Duration::from_secs(50)).build();
    group.set([Server::new("1", "good").max_conns(1), Server::new("2", "bad").max_conns(1)]);
    let mut service = balance(&group, Method::RoundRobin);
    let held = ask(&mut service, request()).await.unwrap();
    ask(&mut service, request()).await.unwrap_err(); // its time of failure begins
    let come = || {
        let mut worker = balance(&group, Method::RoundRobin);
        tokio_test::task::spawn(async move { ask(&mut worker, request()).await })
    };
    let mut first = come();
    assert!(first.poll().is_pending());
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(come().poll().is_pending(), "it is not the first");
    assert!(first.is_woken(), "there is room at the second one");
    let std::task::Poll::Ready(answer) = first.poll() else { panic!("the first one is served") };
    assert_eq!(answer.unwrap_err(), "refused");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn who_can_go_elsewhere_waits_for_nobody() {
    let group = GroupBuilder::new("g").queue(9, Duration::from_secs(5)).build();
    group.set([Server::new("1", "good").max_conns(1), Server::new("2", "other")]);
    let mut service = balance(&group, Method::RoundRobin);
    let held = ask(&mut service, request()).await.unwrap();
    let tried = Tried::default();
    let mut again = request();
    again.extensions_mut().insert(tried.clone());
    drop(ask(&mut service, again.clone()).await.unwrap()); // the second one was tried
    let mut worker = service.clone();
    let mut waiting = tokio_test::task::spawn(async move { ask(&mut worker, again).await });
    assert!(waiting.poll().is_pending(), "the first one is full");
    for _ in 0..3 {
        assert_eq!(text(ask(&mut service, request()).await.unwrap()).await.unwrap(), "other");
    }
    drop(held);
    assert!(waiting.is_woken() && matches!(waiting.poll(), std::task::Poll::Ready(Ok(_))));
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

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_may_be_polled_again() {
    let group = GroupBuilder::new("g").queue(0, Duration::from_secs(5)).build();
    group.set([Server::new("1", "good").max_conns(1)]);
    let mut service = balance(&group, Method::RoundRobin);
    let _held = ask(&mut service, request()).await.unwrap();
    let (mut second, kept) = (request(), Arc::new(()));
    second.extensions_mut().insert(Arc::clone(&kept));
    let mut refused = tokio_test::task::spawn(service.call(second));
    let std::task::Poll::Ready(Err(error)) = refused.poll() else { panic!("the queue is full") };
    assert_eq!(error.to_string(), Error::QueueFull { group: "g".into() }.to_string());
    assert_eq!(Arc::strong_count(&kept), 1, "the request is gone");
    assert!(refused.poll().is_pending(), "and nothing more comes");
}

/// A limit cuts short what is sent: it fails while something goes on inside it.
#[derive(Clone)]
struct CutShort(Group<Peer>, Arc<Mutex<Option<u32>>>);

/// Says when it drops how many requests are under way.
struct Under(CutShort);

impl Drop for Under {
    fn drop(&mut self) {
        let CutShort(group, ended) = &self.0;
        *ended.lock().unwrap() = group.peers().iter().next().map(|peer| peer.active());
    }
}

impl Future for Under {
    type Output = Result<Response<Script>, BoxError>;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::task::Poll::Ready(Err("timed out".into()))
    }
}

impl Dispatch<Peer, ()> for CutShort {
    type Future = Under;
    type Body = Script;
    type Error = BoxError;

    fn send(&self, _: &Peer, _: Request<()>) -> Under {
        Under(self.clone())
    }
}

#[tokio::test]
async fn what_is_cut_short_ends_before_its_place_is_free() {
    let group = Group::new("g");
    group.set([Server::new("1", "good").max_conns(1)]);
    let ended = Arc::new(Mutex::new(None));
    let balancer = Balancer::new(group.clone(), Method::RoundRobin).unwrap();
    let mut service = Balance::new(balancer, CutShort(group.clone(), Arc::clone(&ended)));
    let mut sent = tokio_test::task::spawn(service.call(request()));
    assert!(matches!(sent.poll(), std::task::Poll::Ready(Err(_))));
    assert_eq!(group.peers().iter().next().unwrap().active(), 0);
    let ended = *ended.lock().unwrap();
    assert_eq!(ended, Some(1), "it held its place to its end");
    assert!(sent.poll().is_pending());
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

#[tokio::test]
async fn turns_go_on_when_settings_change() {
    let servers =
        |weight| [Server::new("1", "a").weight(weight), Server::new("2", "b"), Server::new("3", "c")];
    let old = Group::new("g");
    old.set(servers(1));
    let first = Balancer::new(old.clone(), Method::RoundRobin).unwrap();
    let name = |balancer: &Balancer<Peer>| *balancer.pick(Key::None, None).unwrap().peer().server().payload();
    assert_eq!([name(&first), name(&first)], ["a", "b"]);
    let new = GroupBuilder::new("g").queue(1, Duration::from_secs(1)).successor_of(&old);
    new.set(servers(1));
    let next = |method| Balancer::new(new.clone(), method).unwrap().successor_of(&first);
    assert_eq!(name(&next(Method::RoundRobin)), "c", "it is its turn");
    assert_eq!(name(&next(Method::LeastConn)), "a", "another method knows nothing of these turns");
}
