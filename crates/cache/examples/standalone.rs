//! A service with a cache around it: `cargo run -p propylon-cache --example standalone`.
//!
//! The page is fresh for a second and may be used for ten while it is refreshed.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use propylon_cache::store::{Limits, Zone};
use propylon_cache::{ByUri, CacheLayer};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let versions = Arc::new(AtomicU64::new(0));
    let origin = service_fn(move |request: Request<Full<Bytes>>| {
        let version = versions.fetch_add(1, Relaxed);
        async move {
            println!("   the origin is asked for {}", request.uri().path());
            let response = Response::builder()
                .header(header::CACHE_CONTROL, "max-age=1, stale-while-revalidate=10")
                .header(header::ETAG, format!("\"{version}\""));
            Ok::<_, Infallible>(response.body(Full::from(format!("version {version}"))).unwrap_or_default())
        }
    });
    let cache = CacheLayer::new(ByUri::new(Zone::memory(Limits::default())))
        .name(Some("example"))
        .spawner(|work| drop(tokio::spawn(work)));
    let mut service = ServiceBuilder::new().layer(cache).service(origin);

    for pause in [0, 0, 1500, 100] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let request = Request::get("http://example.com/page").body(Full::default())?;
        let response = service.ready().await?.call(request).await?;
        println!(
            "Cache-Status: {:?}, Age: {:?}",
            response.headers()["cache-status"],
            response.headers().get("age")
        );
        #[expect(clippy::disallowed_methods, reason = "it is limited")]
        let body = Limited::new(response.into_body(), 100).collect().await?.to_bytes();
        println!("   {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
