//! A hyper server that keeps a file of what it has answered: `cargo run -p propylon-store --example standalone`, then
//! `curl http://127.0.0.1:8080/`.
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
use propylon_store::{Place, StoreLayer};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let application = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!(
            "hello from {}\n",
            request.uri().path()
        ))))
    });
    let file = std::env::temp_dir().join("propylon-store").join("answer.txt");
    println!("answers are stored in {}", file.display());
    let place = move |_: &http::request::Parts| {
        Some(
            Place::new(file.clone())
                .access(0o644)
                .on_error(|path, error| println!("{}: {error}", path.display())),
        )
    };
    let service = StoreLayer::new(place).spawner(|work| drop(tokio::spawn(work))).layer(application);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
