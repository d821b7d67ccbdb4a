//! A service of three peers, of which two are busy: `cargo run -p propylon-retry --example standalone`.
//!
//! A GET is tried again until somebody serves it; a POST that somebody has got is not.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::{Method, Request, Response, StatusCode};
use propylon_retry::{Budget, Condition, Conditions, Failure, Policy, Refused, RetryLayer};
use tower::{Service, ServiceExt, service_fn};

/// Bodies are strings, which can be had again; a 503 is for the next peer.
#[derive(Clone)]
struct NextPeer;

impl Policy<String, String, Infallible> for NextPeer {
    fn peers(&self) -> usize {
        3
    }

    fn try_clone(&self, request: &mut Request<String>) -> Option<Request<String>> {
        Some(request.clone())
    }

    fn failure(&self, result: Result<&Response<String>, &Infallible>) -> Option<Failure> {
        let status = result.ok()?.status();
        (status == StatusCode::SERVICE_UNAVAILABLE)
            .then_some(Failure { condition: Condition::Status(status), sent: true })
    }

    fn retrying(&self, request: &Request<String>, _: Failure, _: Result<Response<String>, Infallible>) {
        println!("  {} is tried again", request.method());
    }

    fn refused(&self, _: Failure, why: Refused) {
        println!("  not again: {}", why.as_str());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let turn = Arc::new(AtomicUsize::new(0));
    let peers = service_fn(move |request: Request<String>| {
        let peer = turn.fetch_add(1, Relaxed) % 3;
        async move {
            let mut response = Response::new(format!("peer {peer} has read {:?}", request.body()));
            if peer != 2 {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut service = tower::ServiceBuilder::new()
        .layer(
            RetryLayer::new(NextPeer)
                .on(Conditions::default() | Conditions::HTTP_503)
                .tries(3)
                .budget(Budget { percent: 20, floor: 10 }),
        )
        .service(peers);
    for method in [Method::GET, Method::POST, Method::PUT] {
        println!("{method}");
        let request = Request::builder().method(method).body("hello".to_owned())?;
        let response = service.ready().await?.call(request).await?;
        println!("  {}: {}", response.status(), response.body());
    }
    Ok(())
}
