//! A server with all three limits: `cargo run -p propylon-limit --example standalone`, then
//! `curl -o /dev/null http://127.0.0.1:8080/` takes ten seconds, and quick ones after each other wait or get 429.

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use propylon_limit::{
    ConnectionLimit, ConnectionLimitLayer, ConnectionZone, Rate, RateLayer, RequestLimit, RequestLimitLayer,
    RequestRate, RequestZone,
};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

/// Who the client is; whoever accepts connections puts it into the request.
#[derive(Clone, Copy)]
struct From(SocketAddr);

fn client(head: &http::request::Parts) -> Option<Bytes> {
    Some(head.extensions.get::<From>()?.0.ip().to_string().into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two requests a second, four more after a wait; two at once; 100 KiB a second.
    let requests = RequestZone::new(RequestRate::per_second(NonZeroU32::new(2).ok_or("a rate")?), 10 << 20);
    let requests = RequestLimitLayer::new(RequestLimit::new(requests).burst(4), client)
        .status(StatusCode::TOO_MANY_REQUESTS)
        .observer(|_, verdict| println!("{verdict:?}"));
    let connections =
        ConnectionLimitLayer::new(ConnectionLimit::new(ConnectionZone::new(10 << 20), 2), client);
    let rate = RateLayer::new(Rate::new(NonZeroU64::new(100 << 10).ok_or("a rate")?));

    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/", listener.local_addr()?);
    loop {
        let (stream, address) = listener.accept().await?;
        let megabyte = service_fn(async |_: Request<Incoming>| {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(vec![b'x'; 1 << 20])))
        });
        // Outermost first: who is refused holds no place.
        let mut limited = requests.layer(connections.layer(rate.layer(megabyte)));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(From(address));
            tower::Service::call(&mut limited, request)
        });
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new());
            drop(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await);
        });
    }
}
