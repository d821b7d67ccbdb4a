//! A connection that hyper has established, with limits around it: `cargo run -p propylon-timeout --example standalone`.
//!
//! The upstream answers `/quick` at once, stops in the middle of `/stuck` and never answers `/silent`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::{error::Error, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use propylon_timeout::{RequestBody, TimeoutLayer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let upstream = listener.local_addr()?;
    tokio::spawn(serve(listener));

    for path in ["/quick", "/stuck", "/silent"] {
        match get(upstream, path).await {
            Ok(length) => println!("{path}: {length} bytes"),
            Err(error) => println!("{path}: {error}"),
        }
    }
    Ok(())
}

/// One exchange on a connection of its own. The connection comes first: the limits do not count the time to connect.
async fn get(upstream: SocketAddr, path: &str) -> Result<usize, BoxError> {
    let stream = TcpStream::connect(upstream).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);

    let limit = Duration::from_millis(300);
    let mut service =
        ServiceBuilder::new().layer(TimeoutLayer::new().send(limit).read(limit)).service(leaf(sender));

    let request = Request::get(path).header("host", "example.org").body(Empty::<Bytes>::new())?;
    let mut body = service.ready().await?.call(request).await?.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(length)
}

type Upward = Request<RequestBody<Empty<Bytes>>>;

/// hyper's connection as a tower service.
fn leaf(
    mut sender: SendRequest<RequestBody<Empty<Bytes>>>,
) -> impl Service<Upward, Response = http::Response<hyper::body::Incoming>, Error = hyper::Error> {
    service_fn(move |request| sender.send_request(request))
}

async fn serve(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut head = [0; 1024];
            let count = stream.read(&mut head).await?;
            let head = String::from_utf8_lossy(head.get(..count).unwrap_or_default()).into_owned();
            let answer = match head.split(' ').nth(1) {
                Some("/quick") => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                Some("/stuck") => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
                _ => "",
            };
            stream.write_all(answer.as_bytes()).await?;
            stream.read(&mut [0; 1]).await // until the client leaves
        });
    }
}
