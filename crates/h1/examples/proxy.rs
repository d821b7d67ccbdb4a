//! Passes everything that comes to 127.0.0.1:8080 on to 127.0.0.1:8081, over connections that are kept.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Empty, combinators::UnsyncBoxBody};
use propylon_h1::server::{BoxError, Context, RequestBody, Service};
use propylon_h1::{client::Connection, server};
use tokio::net::{TcpListener, TcpStream};

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

static IDLE: Mutex<Vec<Connection<TcpStream>>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<Connection<TcpStream>>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn connect() -> io::Result<Connection<TcpStream>> {
    while let Some(mut kept) = idle().pop() {
        if kept.is_reusable() {
            return Ok(kept);
        }
    }
    let stream = TcpStream::connect("127.0.0.1:8081").await?;
    stream.set_nodelay(true)?;
    Ok(Connection::new(stream))
}

/// Removes what is for one connection only (shortened: fields that `Connection` names belong here too).
fn end_to_end(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TE, header::TRAILER, header::UPGRADE] {
        headers.remove(name);
    }
}

async fn pass(mut request: Request<RequestBody>, context: Context) -> Result<Answer, BoxError> {
    request.extensions_mut().insert(context.received().target.clone()); // the exact bytes, not the URI made of them
    end_to_end(request.headers_mut());
    let give_back = |connection| idle().push(connection);
    let mut response = connect().await?.send(request, give_back).await.map_err(|failure| failure.error)?;
    end_to_end(response.headers_mut());
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

struct Proxy;

impl Service for Proxy {
    type Body = UnsyncBoxBody<Bytes, BoxError>;
    type Error = http::Error;

    async fn call(&self, request: Request<RequestBody>, context: Context) -> Result<Answer, http::Error> {
        match pass(request, context).await {
            Ok(response) => Ok(response),
            Err(_) => Response::builder().status(502).body(Empty::new().map_err(Into::into).boxed_unsync()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(server::Connection::new(stream, Proxy, ()).run());
    }
}
