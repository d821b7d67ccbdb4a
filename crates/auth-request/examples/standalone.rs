//! A hyper server that asks another server who may come in: `cargo run -p propylon-auth-request --example standalone -- 127.0.0.1:9000`.
//! It asks for `/auth` there; without an address it asks a service of its own, which lets in whoever has `X-Key: open`:
//! `curl -i -H 'X-Key: open' http://127.0.0.1:8080/`.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_auth_request::AuthRequestLayer;
use tokio::net::{TcpListener, TcpStream};
use tower::{BoxError, Layer, service_fn};

/// Asks a server, or whoever is here.
async fn ask(server: Option<SocketAddr>, question: Request<()>) -> Result<Response<()>, BoxError> {
    let Some(server) = server else {
        let known = question.headers().get("x-key").is_some_and(|key| key == "open");
        let mut answer = Response::new(());
        *answer.status_mut() = if known { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
        answer.headers_mut().insert("x-user", HeaderValue::from_static("whoever has the key"));
        return Ok(answer);
    };
    let (mut sender, connection) = client::handshake(TokioIo::new(TcpStream::connect(server).await?)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(question.map(|()| Empty::<Bytes>::new())).await?;
    Ok(answer.map(drop))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = std::env::args().nth(1).map(|address| address.parse::<SocketAddr>()).transpose()?;
    let application = service_fn(|request: Request<Incoming>| async move {
        let user = request.headers().get("x-user").cloned();
        Ok::<_, Infallible>(Response::new(format!("hello {user:?}\n")))
    });
    let layer = AuthRequestLayer::new(service_fn(move |question| ask(server, question)))
        .uri("/auth".parse()?)
        .take_over(|request, answer| {
            request.headers.remove("x-user"); // what clients say of themselves
            if let Some(user) = answer.headers.get("x-user") {
                request.headers.insert("x-user", user.clone());
            }
        });
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(layer.layer(application));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
