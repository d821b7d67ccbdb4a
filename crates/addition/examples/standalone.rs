//! A hyper server whose pages have a footer: `cargo run -p propylon-addition --example standalone`, then
//! `curl http://127.0.0.1:8080/`. A path that ends in `.txt` has none.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_addition::AdditionLayer;
use tokio::net::TcpListener;
use tower::{BoxError, Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let pages = service_fn(async |request: Request<Incoming>| {
        let kind = if request.uri().path().ends_with(".txt") { "text/plain" } else { "text/html" };
        let page = format!("<p>this is {}</p>\n", request.uri().path());
        Response::builder().header(CONTENT_TYPE, kind).body(Full::<Bytes>::from(page))
    });
    let footer = async || Ok::<_, Infallible>(Full::<Bytes>::from("<footer>to be continued</footer>\n"));
    let pages = AdditionLayer::new().after(move |_| Some(footer())).layer(pages);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(pages.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
