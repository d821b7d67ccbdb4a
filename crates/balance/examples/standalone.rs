//! A proxy for three hyper servers, of which one is down: `cargo run -p propylon-balance --example standalone`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::{client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use propylon_balance::{Balance, Balancer, Dispatch, Group, GroupBuilder, Method, Server};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Sends a request to a peer on a connection of its own.
#[derive(Clone)]
struct Connect;

/// Why a try failed.
#[derive(Debug)]
struct Failed(BoxError);

impl From<propylon_balance::Error> for Failed {
    fn from(error: propylon_balance::Error) -> Self {
        Self(error.into())
    }
}

impl Dispatch<SocketAddr, Empty<Bytes>> for Connect {
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Failed>> + Send>>;
    type Body = Incoming;
    type Error = Failed;

    fn send(&self, peer: &SocketAddr, request: Request<Empty<Bytes>>) -> Self::Future {
        let peer = *peer;
        Box::pin(async move { get(peer, request).await.map_err(Failed) })
    }
}

async fn get(peer: SocketAddr, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, BoxError> {
    let stream = TcpStream::connect(peer).await?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let (first, second) = (serve("first").await?, serve("second").await?);
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?; // closed again at once
    let group: Group<SocketAddr> = GroupBuilder::new("backend")
        .observer(|group, peer, change| println!("  {peer} of {group}: {change:?}"))
        .build();
    group.set([
        Server::new("first", first).weight(2),
        Server::new("down", nobody).max_fails(1),
        Server::new("second", second),
    ]);
    let mut service = Balance::new(Balancer::new(group, Method::RoundRobin)?, Connect);
    for n in 1..=8 {
        let request = Request::get("/").header("host", "example.org").body(Empty::new())?;
        match service.ready().await.map_err(|error| error.0)?.call(request).await {
            Ok(response) => {
                #[expect(clippy::disallowed_methods, reason = "not more than a kilobyte")]
                let body = Limited::new(response.into_body(), 1024).collect().await?.to_bytes();
                println!("{n}: {}", String::from_utf8_lossy(&body));
            }
            Err(Failed(error)) => println!("{n}: {error}"),
        }
    }
    Ok(())
}

/// A server that answers with its name.
async fn serve(name: &'static str) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer =
                service_fn(
                    move |_| async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(name))) },
                );
            tokio::spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(address)
}
