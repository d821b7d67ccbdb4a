//! Several peers in turn.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Empty;
use propylon_exchange::Exchange;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_upstream::{Client, Error, Keepalive, Peer, Peers, Pool, Rotation, RoundRobin};
use tower::ServiceExt;

use crate::support::{OK, answering, exchange, full, get, ours, read, transport, tries};

fn balanced(peers: &Peers) -> RoundRobin {
    let client = Client::new(Pool::new(Keepalive::new()), transport());
    RoundRobin::new(client, Rotation::new(peers.clone()))
}

/// A peer that nobody listens at.
fn dead() -> Peer {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().into()
}

async fn fetch(service: &RoundRobin, request: Request<Empty<Bytes>>) -> (Exchange, Result<String, Error>) {
    let exchange = exchange();
    let mut request = request;
    request.extensions_mut().insert(exchange.clone());
    let result = match service.clone().oneshot(request).await {
        Ok(response) => read(response).await.map_err(ours),
        Err(error) => Err(ours(error)),
    };
    (exchange, result)
}

#[tokio::test]
async fn each_in_turn_and_connections_are_kept() {
    let raw = [RawPeer::tcp(|_| answering(OK)), RawPeer::tcp(|_| answering(OK))];
    let peers = Peers::new("u", raw.iter().map(|raw| raw.addr().into()).collect());
    let service = balanced(&peers);
    for turn in 0..6 {
        let (exchange, result) = fetch(&service, get("/")).await;
        assert_eq!(result.unwrap(), "ok");
        assert_eq!(tries(&exchange), [(raw[turn % 2].addr().to_string(), Some(200))]);
    }
    assert_eq!(raw.each_ref().map(RawPeer::accepted), [1, 1]);
}

#[tokio::test]
async fn the_next_when_one_cannot_be_reached() {
    let raw = RawPeer::tcp(|_| answering(OK));
    let gone = dead();
    let service = balanced(&Peers::new("u", vec![gone.clone(), raw.addr().into()]));
    let (bad, good) = ((gone.name().to_string(), Some(502)), (raw.addr().to_string(), Some(200)));
    // nginx's sequence: the second has waited less than the first, which had its turn, so it is next again.
    for expected in [vec![bad, good.clone()], vec![good]] {
        let (exchange, result) = fetch(&service, get("/")).await;
        assert_eq!(result.unwrap(), "ok");
        assert_eq!(tries(&exchange), expected);
    }
    let mut post = full(Method::POST, "body");
    post.extensions_mut().insert(exchange());
    let response = service.oneshot(post).await.unwrap();
    assert_eq!(read(response).await.unwrap(), "ok", "nothing of it was sent to the first");
    assert!(raw.requests()[2].ends_with(b"body"));
}

#[tokio::test]
async fn each_at_most_once() {
    let (a, b) = (dead(), Peer::unix("/nonexistent/x.sock"));
    let service = balanced(&Peers::new("u", vec![a.clone(), b.clone()]));
    let (exchange, result) = fetch(&service, get("/")).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, Error::Connect { source } if source.raw_os_error() == Some(2)),
        "the last one's"
    );
    let expected = [(a.name().to_string(), Some(502)), (b.name().to_string(), Some(502))];
    assert_eq!(tries(&exchange), expected);
}

#[tokio::test]
async fn a_peer_that_was_reached_is_the_only_one() {
    let raw = RawPeer::tcp(|_| Plan::new().read_request().close());
    let other = RawPeer::tcp(|_| answering(OK));
    let service = balanced(&Peers::new("u", vec![raw.addr().into(), other.addr().into()]));
    let (exchange, result) = fetch(&service, get("/")).await;
    assert!(matches!(result.unwrap_err(), Error::Closed { sent: true }));
    assert_eq!(tries(&exchange), [(raw.addr().to_string(), Some(502))]);
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn no_peers_at_all_until_there_are() {
    let peers = Peers::new("backend", vec![]);
    let service = balanced(&peers);
    let (exchange, result) = fetch(&service, get("/")).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::NoPeers));
    assert_eq!(error.to_string(), "no live upstreams while connecting to upstream");
    assert_eq!(tries(&exchange), [("backend".to_owned(), Some(502))]);

    let raw = RawPeer::tcp(|_| answering(OK));
    peers.set(vec![raw.addr().into()]);
    let (_, result) = fetch(&service, get("/")).await;
    assert_eq!(result.unwrap(), "ok");
}

#[tokio::test]
async fn the_next_when_a_peer_went_away_with_its_kept_connection() {
    let gone = RawPeer::tcp(|_| answering(OK));
    let other = RawPeer::tcp(|_| answering(OK));
    let name = gone.addr().to_string();
    let service = balanced(&Peers::new("u", vec![gone.addr().into(), other.addr().into()]));
    for _ in 0..2 {
        fetch(&service, get("/")).await.1.unwrap();
    }
    // Blocks: nobody here notices before the request is sent.
    drop(gone);
    let mut post = full(Method::POST, "body");
    let exchange = exchange();
    post.extensions_mut().insert(exchange.clone());
    let response = service.oneshot(post).await.unwrap();
    assert_eq!(read(response).await.unwrap(), "ok");
    assert_eq!(tries(&exchange), [(name, Some(502)), (other.addr().to_string(), Some(200))]);
    assert!(other.requests()[1].ends_with(b"body"));
}
