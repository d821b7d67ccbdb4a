//! A gateway with a layer of one's own, which locations have by name: `layers = ["quota"]`.
//!
//! `cargo run -p propylon-gateway --example platform -- propylon.toml`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use propylon_gateway::log::Sinks;
use propylon_gateway::{Gateway, Start, report_trouble};
use propylon_stack::{Body, BoxError, Route};
use tower::layer::layer_fn;
use tower::service_fn;

/// So many requests are answered, those of all workers together; then it is 429.
const QUOTA: u64 = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "propylon.toml".to_owned());
    let config = propylon_config::parse(&std::fs::read_to_string(&path)?, &path)?.config;

    let served = Arc::new(AtomicU64::new(0));
    let quota = layer_fn(move |inner: Route| {
        let served = served.clone();
        service_fn(move |request: Request<Body>| {
            let is_left = served.fetch_add(1, Ordering::Relaxed) < QUOTA;
            let answer = is_left.then(|| inner.send(request));
            async move {
                match answer {
                    Some(answer) => answer.await,
                    None => {
                        let mut response = Response::new(Body::empty());
                        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                        Ok::<_, BoxError>(response)
                    }
                }
            }
        })
    });

    let start = Start::new(Sinks::spawn(report_trouble)?).layer("quota", quota);
    let gateway = Gateway::start(config, start).await?;
    tokio::signal::ctrl_c().await?;
    gateway.drain(Duration::from_secs(30)).await;
    Ok(())
}
