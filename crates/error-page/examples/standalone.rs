//! A hyper server with pages of its own for errors: `cargo run -p propylon-error-page --example standalone`, then
//! `curl -i http://127.0.0.1:8080/`, and `/missing` and `/broken` there.
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use propylon_error_page::{ErrorPageLayer, Failure, Pages, ShownStatus};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let application = service_fn(|request: Request<Incoming>| async move {
        let mut response = Response::new("the application's own words\n".to_owned());
        *response.status_mut() = match request.uri().path() {
            "/" => StatusCode::OK,
            "/broken" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::NOT_FOUND,
        };
        Ok::<_, Infallible>(response)
    });
    let pages =
        Pages::new().page([StatusCode::NOT_FOUND], ShownStatus::Original, "There is nothing here.\n").page(
            [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY],
            ShownStatus::Fixed(StatusCode::SERVICE_UNAVAILABLE),
            "Please come back later.\n",
        );
    let layer = ErrorPageLayer::new(pages, |failure: Failure<'_, &str, String>| {
        let mut response = Response::new(failure.target.to_string());
        *response.status_mut() = failure.shown.of(failure.head.status, StatusCode::OK);
        response
    });
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 8080))).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(layer.layer(application));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
