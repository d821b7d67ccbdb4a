//! Connections over sockets, against each other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: helpers may fail, and what is read was written here"
)]

mod driver_support;

use bytes::Bytes;
use driver_support::*;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use propylon_h1::client::Connection;
use propylon_testkit::body::Script;
use propylon_testkit::peer::{Plan, RawPeer};

fn post(sent: AnyBody) -> Request<AnyBody> {
    Request::builder().method(Method::POST).uri("/x").header("host", "a").body(sent).unwrap()
}

#[tokio::test]
async fn an_answer_is_read_from_a_peer_that_takes_no_more() {
    let peer = RawPeer::tcp(|_| {
        Plan::new()
            .read_head()
            .write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            .half_close()
            .hang()
    });
    let io = tokio::net::TcpStream::connect(peer.addr()).await.unwrap();
    let endless = http_body_util::StreamBody::new(futures_util::stream::repeat_with(|| {
        Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(&[0; 1000])))
    }));
    let response = Connection::new(io).send(post(body(endless)), ()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.into_body().into_bytes().unwrap()), (413, "no".into()));
}

#[tokio::test]
async fn an_answer_is_read_from_a_peer_that_has_closed() {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    say(&mut far, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
    drop(far);
    let request = post(body(Script::new().data(vec![0; 20_000]).data("more")));
    let response = Connection::new(near).send(request, |_| panic!("it cannot be used again")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.into_body().into_bytes().unwrap()), (413, "no".into()));
}

#[tokio::test]
async fn over_unix_sockets_and_through_a_server_of_our_own() {
    let (near, far) = tokio::net::UnixStream::pair().unwrap();
    let service = Fun(|request: Request<propylon_h1::server::RequestBody>, _| async move {
        Ok(Response::new(body(request.into_body())))
    });
    let server = tokio::spawn(propylon_h1::server::Connection::new(far, service, ()).run());
    let large: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    let mut connection = Connection::new(near);
    for framed in [true, false] {
        let frames = large.chunks(50_000).fold(Script::new(), |script, chunk| script.data(chunk.to_vec()));
        let frames = if framed { frames.exact() } else { frames };
        let (sender, mut back) = tokio::sync::oneshot::channel();
        let keeper = |connection| assert!(sender.send(connection).is_ok());
        let response = connection.send(post(body(frames)), keeper).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes == large, "{} bytes", bytes.len());
        connection = back.try_recv().unwrap();
    }
    drop(connection);
    assert_eq!(server.await.unwrap().requests, 2);
}
