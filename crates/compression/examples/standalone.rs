//! A hyper server whose answers are compressed: `cargo run -p propylon-compression --example standalone`, then
//! `curl -v --compressed http://127.0.0.1:8080/`.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_compression::{BoxError, Coding, CompressionLayer};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let page = service_fn(|_: Request<Incoming>| async {
        let text = Full::<Bytes>::from("<p>The same words again and again.</p>\n".repeat(1000));
        let response = Response::builder().header("content-type", "text/html").header("etag", "\"1\"");
        Ok::<_, BoxError>(response.body(text)?)
    });
    let layer = CompressionLayer::new([Coding::Zstd, Coding::Brotli, Coding::Gzip])
        .types(["text/html", "application/json"])
        .min_length(256)
        .level(4);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(layer.layer(page));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
