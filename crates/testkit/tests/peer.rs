//! The raw peer follows its plan and records what it read.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::ErrorKind;

use propylon_testkit::{
    gate::Gate,
    peer::{Plan, RawPeer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

const POST: &str = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

async fn read(stream: &mut TcpStream, count: usize) -> String {
    let mut buffer = vec![0; count];
    stream.read_exact(&mut buffer).await.unwrap();
    String::from_utf8(buffer).unwrap()
}

#[tokio::test]
async fn a_keepalive_peer_answers_each_request_and_records_it() {
    let peer = RawPeer::tcp(|_| Plan::new().read_request().write("yes").forever());
    let mut stream = TcpStream::connect(peer.addr()).await.unwrap();
    for count in 1..=3 {
        stream.write_all(POST.as_bytes()).await.unwrap();
        assert_eq!(read(&mut stream, 3).await, "yes");
        assert_eq!(peer.requests().len(), count);
    }
    assert_eq!(peer.requests(), [POST; 3]);
    assert_eq!(peer.received(0), POST.repeat(3));
    assert_eq!((peer.accepted(), peer.closed()), (1, 0));
    drop(stream);
    peer.wait_closed(1).await;
}

#[tokio::test]
async fn an_answer_is_made_of_the_request() {
    let peer = RawPeer::tcp(|_| Plan::new().answer(|request| request.to_ascii_uppercase()).forever());
    let mut stream = TcpStream::connect(peer.addr()).await.unwrap();
    for _ in 0..2 {
        stream.write_all(POST.as_bytes()).await.unwrap();
        assert_eq!(read(&mut stream, POST.len()).await, POST.to_ascii_uppercase());
    }
    assert_eq!(peer.requests(), [POST; 2]);
}

#[tokio::test]
async fn pieces_wait_for_the_gate() {
    let gate = Gate::new();
    let plan = Plan::new().read_head().write("one").wait(&gate).write("two");
    let peer = RawPeer::tcp(move |_| plan.clone());
    let mut stream = TcpStream::connect(peer.addr()).await.unwrap();
    stream.write_all(POST.as_bytes()).await.unwrap();
    assert_eq!(read(&mut stream, 3).await, "one");
    assert!(stream.try_read(&mut [0; 8]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    gate.open();
    assert_eq!(read(&mut stream, 3).await, "two");
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn each_connection_has_its_plan() {
    let peer = RawPeer::tcp(|n| if n == 0 { Plan::new().read_head().reset() } else { Plan::new().hang() });
    let mut first = TcpStream::connect(peer.addr()).await.unwrap();
    first.write_all(POST.as_bytes()).await.unwrap();
    let error = first.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let mut second = TcpStream::connect(peer.addr()).await.unwrap();
    second.write_all(b"part of a requ").await.unwrap();
    assert_eq!(peer.wait_received(1, 14).await, "part of a requ");
    assert!(peer.requests().is_empty());
    peer.wait_accepted(2).await;
    assert_eq!(peer.closed(), 1);
    drop(second);
    peer.wait_closed(2).await;
}

#[tokio::test]
async fn half_close_still_reads() {
    let peer = RawPeer::tcp(|_| Plan::new().write("bye").half_close().read_request());
    let mut stream = TcpStream::connect(peer.addr()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "bye");
    stream.write_all(POST.as_bytes()).await.unwrap();
    assert_eq!(peer.wait_requests(1).await, [POST]);
}

#[tokio::test]
async fn drop_closes_the_connections_and_the_port() {
    let peer = RawPeer::tcp(|_| Plan::new().hang());
    let addr = peer.addr();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    peer.wait_accepted(1).await;
    drop(peer);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_unix_peer_removes_its_path() {
    let path = std::env::temp_dir().join(format!("propylon-testkit-{}.sock", std::process::id()));
    let peer = RawPeer::unix(&path, |_| Plan::new().read_request().write("ok"));
    assert_eq!(peer.path(), path);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(POST.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!((text.as_str(), peer.requests().len()), ("ok", 1));
    drop(peer);
    assert!(!path.exists());
}
