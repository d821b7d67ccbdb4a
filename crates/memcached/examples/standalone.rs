//! A tower service in front of memcached, and another one for what is not there:
//! `cargo run -p propylon-memcached --example standalone -- 127.0.0.1:11211 /index.html`.
//!
//! Without arguments it asks a memcached of its own, which knows one key.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use propylon_memcached::{Config, Connection, Key, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt, service_fn};

/// The largest value, unless memcached is told otherwise.
const MOST: usize = 1024 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

/// A memcached as a tower service, and `fallback` for what it does not have.
fn cached(
    memcached: String,
    fallback: fn(&str) -> String,
) -> impl Service<Request<()>, Response = Response<Bytes>, Error = BoxError> {
    service_fn(move |mut request: Request<()>| -> Answering {
        let memcached = memcached.clone();
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            request.extensions_mut().insert(Key::escaped(path.as_bytes()).ok_or("no path")?);
            let connection = Connection::new(TcpStream::connect(&memcached).await?);
            let response = send(connection, request, Config::new(), ()).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(Response::new(fallback(&path).into()));
            }
            let (head, body) = response.into_parts();
            #[expect(clippy::disallowed_methods, reason = "it is limited")]
            let value = Limited::new(body, MOST).collect().await?.to_bytes();
            Ok(Response::from_parts(head, value))
        })
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let (memcached, paths) = match arguments.next() {
        Some(memcached) => (memcached, arguments.collect()),
        None => (of_our_own().await?, vec!["/known".to_owned(), "/unknown".to_owned()]),
    };
    let mut service = cached(memcached, |path| format!("made anew for {path}"));
    for path in paths {
        let request = Request::builder().uri(path).body(())?;
        println!("{:?}", service.ready().await?.call(request).await?);
    }
    Ok(())
}

/// One that knows a key.
async fn of_our_own() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await?;
            let mut asked = [0; 256];
            let count = stream.read(&mut asked).await?;
            let known = asked.get(..count) == Some(b"get /known\r\n");
            let answer: &[u8] = if known { b"VALUE /known 0 5\r\nhello\r\nEND\r\n" } else { b"END\r\n" };
            stream.write_all(answer).await?;
        }
        #[expect(unreachable_code, reason = "tells what the block gives")]
        Ok::<(), std::io::Error>(())
    });
    Ok(address)
}
