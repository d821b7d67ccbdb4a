//! Lets clients write to a directory over plain hyper: `cargo run -p propylon-dav --example standalone -- /srv/shared`.
//!
//! Then: `curl -T file http://127.0.0.1:8080/file`.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_dav::{Dav, DavLayer, Verb};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    // Whoever reads the files would be here.
    let others = service_fn(|_: Request<Incoming>| async {
        let mut response = Response::new(Full::<Bytes>::default());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        Ok::<_, Infallible>(response)
    });
    let service = DavLayer::new(root, Dav::new(Verb::ALL).create_full_put_path(true)).layer(others);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
