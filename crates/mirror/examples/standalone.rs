//! A hyper server whose requests are copied to a second application: `cargo run -p propylon-mirror --example standalone`, then
//! `curl -d hello http://127.0.0.1:8080/`. `GET /counts` tells how many copies there were.
#![expect(clippy::print_stdout, reason = "an example says what it does")]
#![expect(clippy::disallowed_methods, reason = "what is collected is limited")]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_mirror::{Copies, MirrorLayer};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let copies = Copies::new(|work| drop(tokio::spawn(work))).at_once(100);
    let next = service_fn(|copy: Request<Full<Bytes>>| async move {
        println!("the next version got {} {}", copy.method(), copy.uri());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("nobody gets this")))
    });
    let counts = copies.counts().clone();
    let application = service_fn(move |request: Request<Full<Bytes>>| {
        let text = match request.uri().path() {
            "/counts" => format!("{counts:?}\n"),
            path => format!("hello from {path}\n"),
        };
        async move { Ok::<_, Infallible>(Response::new(text)) }
    });
    let mirrored = MirrorLayer::new(next, copies).layer(application);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let mirrored = mirrored.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mirrored = mirrored.clone();
            async move {
                let (head, body) = request.into_parts();
                // Whole first: both get the same.
                let body = Full::new(Limited::new(body, 1 << 20).collect().await?.to_bytes());
                Ok::<_, BoxError>(mirrored.oneshot(Request::from_parts(head, body)).await?)
            }
        });
        let service = TowerToHyperService::new(service);
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
