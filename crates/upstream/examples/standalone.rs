//! A reverse proxy with hyper's server in front: `cargo run -p propylon-upstream --example standalone -- LISTEN PEER [h2]`, where the
//! peer is `ADDRESS:PORT` or `unix:/PATH`, and is spoken to in HTTP/2 if that is said.
//!
//! It forwards the fields as they come, hop-by-hop ones included, and answers an error with its text: a proxy for the real
//! world has layers around the leaf for these.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use propylon_upstream::{BoxError, Client, Error, HttpVersion, Keepalive, Peer, Pool, ToPeer, Transport};
use tokio::net::TcpListener;
use tower::ServiceExt;

type Body = UnsyncBoxBody<Bytes, BoxError>;

const USAGE: &str = "usage: standalone LISTEN PEER [h2]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().ok_or(USAGE)?.parse()?;
    let peer = parse(&args.next().ok_or(USAGE)?)?;

    let version = match args.next().as_deref() {
        None => HttpVersion::Http11,
        Some("h2") => HttpVersion::Http2,
        Some(_) => return Err(USAGE.into()),
    };

    let transport = Transport::new().connect_timeout(Duration::from_secs(5)).http_version(version);
    let upstream = Client::new(Pool::new(Keepalive::new()), transport).to(peer);

    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let upstream = upstream.clone();
        let service = service_fn(move |request| proxy(upstream.clone(), request));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

async fn proxy(upstream: ToPeer, request: http::Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(upstream.oneshot(request).await.map_or_else(|e| failure(&e), success))
}

fn success(mut response: Response<propylon_upstream::Body>) -> Response<Body> {
    // The version is that of the connection, not of the message.
    *response.version_mut() = http::Version::HTTP_11;
    response.map(BodyExt::boxed_unsync)
}

fn failure(error: &BoxError) -> Response<Body> {
    let status = error.downcast_ref().map_or(http::StatusCode::BAD_GATEWAY, Error::status);
    let text = Full::new(Bytes::from(format!("{error}\n")));
    let mut response = Response::new(text.map_err(Into::into).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn parse(peer: &str) -> Result<Peer, BoxError> {
    match peer.strip_prefix("unix:") {
        Some(path) => Ok(Peer::unix(path)),
        None => Ok(Peer::from(peer.parse::<SocketAddr>()?)),
    }
}
