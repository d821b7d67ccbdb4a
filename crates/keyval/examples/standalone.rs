//! A server that keeps what is sent to it: `cargo run -p propylon-keyval --example standalone`, then
//! `curl -d blue http://127.0.0.1:8080/sky`, `curl http://127.0.0.1:8080/sky`, and the same after a restart.

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use propylon_keyval::{Error, Kept, Kind, Limits, StateFile, Zone};
use tokio::net::TcpListener;
use tower::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let zone = Zone::new(Kind::String, Limits::default().size(1 << 20));
    let file = Arc::new(StateFile::new(std::env::temp_dir().join("propylon-keyval.json")));
    match file.load(&zone) {
        Ok(count) => println!("{count} entries of {}", file.path().display()),
        Err(error) => println!("{error}: nothing is known"),
    }
    let keeping = zone.clone();
    tokio::spawn(async move { keeping.manage().await }); // entries of this one stay, but it costs nothing

    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let (zone, file) = (zone.clone(), file.clone());
        let service = service_fn(move |request| answer(request, zone.clone(), file.clone()));
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new());
            drop(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await);
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "it is limited")]
async fn answer(
    request: Request<Incoming>,
    zone: Zone,
    file: Arc<StateFile>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.uri().path().trim_start_matches('/').to_owned();
    let (status, body) = if request.method() == Method::POST {
        match Limited::new(request.into_body(), 4096).collect().await {
            Ok(value) => add(zone, file, key, String::from_utf8_lossy(&value.to_bytes()).into_owned()).await,
            Err(_) => (StatusCode::BAD_REQUEST, Bytes::new()),
        }
    } else {
        match zone.find(key.as_bytes()) {
            Some(value) => (StatusCode::OK, value),
            None => (StatusCode::NOT_FOUND, Bytes::new()),
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

async fn add(zone: Zone, file: Arc<StateFile>, key: String, value: String) -> (StatusCode, Bytes) {
    match zone.add(vec![(key, Kept::new(value))]) {
        Ok(()) => {}
        Err(error @ Error::Exists(_)) => return (StatusCode::CONFLICT, error.to_string().into()),
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string().into()),
    }
    // The disk may be slow, and this thread has others to serve.
    match tokio::task::spawn_blocking(move || file.save(&zone)).await {
        Ok(Ok(())) => (StatusCode::CREATED, Bytes::new()),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "it is kept until the end of the process".into()),
    }
}
