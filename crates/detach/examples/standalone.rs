//! A hyper server that finishes what it has begun: `cargo run -p propylon-detach --example standalone`, then
//! `curl -m 1 http://127.0.0.1:8080/`, which leaves after a second.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_detach::{DetachLayer, Left};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let application = service_fn(|_: Request<Incoming>| async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        println!("it is done");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("done\n")))
    });
    let left = Left::new(|work| drop(tokio::spawn(work))).at_once(100);
    let service = DetachLayer::new(left).layer(application);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
