//! A tower service in front of an application: `cargo run -p propylon-cgi --example standalone -- uwsgi /run/uwsgi/app.sock`.
//!
//! Without arguments it asks an application of its own, which shows what it was sent in SCGI.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use propylon_cgi::{Body, BoxError, Config, Connection, Params, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tower::{Service, ServiceExt, service_fn};

type Answer = Response<Body<UnixStream, Full<Bytes>>>;
type Answering = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

/// An application as a tower service: each request has a connection of its own.
fn application(
    socket: String,
    config: Config,
) -> impl Service<Request<Full<Bytes>>, Response = Answer, Error = BoxError> {
    let config = Arc::new(config);
    service_fn(move |request| -> Answering {
        let (config, socket) = (config.clone(), socket.clone());
        Box::pin(async move {
            let connection = Connection::new(UnixStream::connect(&socket).await?);
            Ok(send(connection, request, &config).await?)
        })
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let (config, socket) = match (arguments.next().as_deref(), arguments.next()) {
        (Some("uwsgi"), Some(socket)) => (Config::uwsgi(0, 0), socket),
        (Some("scgi"), Some(socket)) => (Config::scgi(), socket),
        _ => (Config::scgi(), of_our_own()?),
    };
    let body = Full::from("a=1&b=2");
    let params = Params::builder()
        .push("REQUEST_METHOD", "POST")
        .push("REQUEST_URI", "/hello?who=you")
        .push("PATH_INFO", "/hello")
        .push("QUERY_STRING", "who=you")
        .push("CONTENT_LENGTH", "7")
        .push("SERVER_PROTOCOL", "HTTP/1.1")
        .push("SERVER_NAME", "localhost")
        .push("SERVER_PORT", "80")
        .build();
    let mut request = Request::new(body);
    request.extensions_mut().insert(params);
    let response = application(socket, config).ready().await?.call(request).await?;
    println!("{} {:?}", response.status(), response.headers());
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        println!("{:?}", frame?.into_data().unwrap_or_default());
    }
    Ok(())
}

/// An application that shows what it was sent.
fn of_our_own() -> std::io::Result<String> {
    let path = std::env::temp_dir().join(format!("scgi-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let name = path.to_string_lossy().into_owned();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let _ = std::fs::remove_file(path);
        let mut request = [0; 4096];
        let count = stream.read(&mut request).await?;
        let seen = request.get(..count).unwrap_or_default().escape_ascii();
        stream.write_all(format!("Content-Type: text/plain\r\n\r\n{seen}").as_bytes()).await
    });
    Ok(name)
}
