//! A service for this machine alone, or for whoever is in the file: `cargo run -p propylon-access --example standalone -- /etc/htpasswd`.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_access::{Access, AccessLayer, Client, Rules, UserFile, Whom};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "/etc/htpasswd".to_owned());
    let rules = Rules::new().allow(Whom::Net("127.0.0.0/8".parse()?)).deny(Whom::All);
    let layer = AccessLayer::new(Access::new(rules).satisfy_any(true), |parts| {
        parts.extensions.get::<IpAddr>().map_or(Client::Unknown, |ip| Client::Ip(*ip))
    })
    .basic("Staff", UserFile::new(file));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let inside = layer.layer(service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new("inside\n".to_owned()))
        }));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.ip());
            tower::ServiceExt::oneshot(inside.clone(), request)
        });
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)),
        );
    }
}
