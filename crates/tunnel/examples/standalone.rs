//! A proxy for one upstream on plain hyper: requests pass, and a WebSocket, or any other protocol that they ask for, too.
//!
//! ```sh
//! cargo run -p propylon-tunnel --example standalone -- 127.0.0.1:8080 127.0.0.1:8765
//! ```
#![allow(clippy::print_stdout, reason = "an example")]

use std::net::SocketAddr;
use std::time::Duration;

use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_tunnel::{BoxError, Limits, Policy, Tunnel, UpgradeLayer};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, service_fn};

/// hyper's ends, joined in a task.
#[derive(Clone)]
struct Join;

impl Policy<Incoming> for Join {
    type Client = OnUpgrade;

    fn client(&self, request: &mut Extensions) -> Option<OnUpgrade> {
        request.remove::<OnUpgrade>()
    }

    fn join(
        &self,
        client: OnUpgrade,
        mut response: Response<Incoming>,
    ) -> Result<Response<Incoming>, BoxError> {
        let upstream = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) else { return };
            let minute = Duration::from_secs(60);
            let limits = Limits::new().read(minute).send(minute).client_send(minute);
            let tunnel = Tunnel::new(TokioIo::new(client), TokioIo::new(upstream)).limits(limits);
            let counts = tunnel.counts();
            let end = tunnel.await;
            println!("{end:?}: {counts:?}");
        });
        Ok(response)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut addresses = std::env::args().skip(1).map(|address| address.parse::<SocketAddr>());
    let (Some(listen), Some(upstream)) = (addresses.next(), addresses.next()) else {
        return Err("expected two addresses: where to listen, and the upstream".into());
    };
    let (listener, upstream) = (TcpListener::bind(listen?).await?, upstream?);
    loop {
        let (stream, _) = listener.accept().await?;
        let pass = service_fn(move |request: Request<Incoming>| async move {
            let stream = TokioIo::new(TcpStream::connect(upstream).await?);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
            tokio::spawn(connection.with_upgrades());
            Ok::<_, BoxError>(sender.send_request(request).await?)
        });
        let service = TowerToHyperService::new(UpgradeLayer::new(Join).layer(pass));
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    }
}
