//! A service for those who have a token of the keys in a file: `cargo run -p propylon-auth-jwt --example standalone -- keys.json`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_auth_jwt::{AuthJwtLayer, KeyFile, Token};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "keys.json".to_owned());
    let layer = AuthJwtLayer::new("Staff", KeyFile::new(file));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = layer.layer(service_fn(|request: Request<Incoming>| async move {
            let subject = request.extensions().get::<Arc<Token>>().and_then(|token| token.claim(&["sub"]));
            let name =
                subject.map_or_else(|| "nobody".into(), |name| String::from_utf8_lossy(&name).into_owned());
            Ok::<_, Infallible>(Response::new(format!("inside: {name}\n")))
        }));
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)),
        );
    }
}
