//! A hyper server that has a large text in slices of ten bytes: `cargo run -p propylon-slice --example standalone`, then
//! `curl -r 25-34 http://127.0.0.1:8080/`.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::net::SocketAddr;
use std::num::NonZeroU64;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_slice::{Slice, SliceLayer};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceExt, service_fn};

const ALL: &[u8] = b"It was asked for in slices, and so it came, ten bytes at a time, one after the other.\n";

/// What would be a client of another server, or a cache around one.
async fn origin(request: Request<Empty<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
    let slice = request.extensions().get::<Slice>().ok_or("all of it was asked for")?;
    let part = slice.within(ALL.len() as u64);
    println!("asked for {slice}");
    let data = ALL.get(usize::try_from(part.start)?..usize::try_from(part.end)?).unwrap_or_default();
    let said = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), ALL.len());
    let status =
        if data.is_empty() { StatusCode::RANGE_NOT_SATISFIABLE } else { StatusCode::PARTIAL_CONTENT };
    Ok(Response::builder().status(status).header(header::CONTENT_RANGE, said).body(data.into())?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let ten = NonZeroU64::new(10).ok_or("it is not zero")?;
    let sliced = SliceLayer::new(ten).layer(service_fn(origin));
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let sliced = sliced.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (head, _) = request.into_parts();
            sliced.clone().oneshot(Request::from_parts(head, Empty::new()))
        });
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)),
        );
    }
}
