//! A hyper server with a text that has ranges: `cargo run -p propylon-force-ranges --example standalone`, then
//! `curl -r 3-5 http://127.0.0.1:8080/`.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_force_ranges::ForceRangesLayer;
use tokio::net::TcpListener;
use tower::{BoxError, Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // Any service whose responses know no ranges.
    let application = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("0123456789\n")))
    });
    let service = ForceRangesLayer::new().layer(application);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
