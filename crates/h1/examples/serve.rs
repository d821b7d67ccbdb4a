//! Serves a tower service on 127.0.0.1:8080: `curl -i http://127.0.0.1:8080/hello`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use propylon_h1::server::{Config, Connection, RequestBody, Ticker, Tower};
use tokio::net::TcpListener;

async fn hello(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(format!("{} {}\n", request.method(), request.uri()).into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let config = Arc::new(Config::new());
    let ticker = Ticker::new();
    tokio::spawn({
        let ticker = ticker.clone();
        async move { ticker.run().await }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = Connection::new(stream, Tower::new(tower::service_fn(hello)), ())
            .config(Arc::clone(&config))
            .deadlines(ticker.deadlines());
        tokio::spawn(connection.run());
    }
}
