//! Two caches that share a server: `cargo run -p propylon-cache-redis --example standalone -- redis://127.0.0.1:6379/0`.
//!
//! What the first one has stored the second one takes, until the first one purges it.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use propylon_cache::store::tier::{Options, TierEvent};
use propylon_cache::store::{Limits, Purge, Strength, Zone};
use propylon_cache::{ByUri, CacheLayer};
use propylon_cache_redis::{Redis, Server};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379/0".to_owned());
    let [first, second] = [zone(&url)?, zone(&url)?];
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (name, zone) in [("first", &first), ("second", &second)] {
        get(name, zone).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let purged = first.purge(&Purge::All, Strength::Hard).await;
    println!("purged: {purged:?}");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    get("second", &second).await
}

/// A zone with the server as its tier, which is followed in a task.
fn zone(url: &str) -> Result<Zone, BoxError> {
    let options = Options::default().observer(|event| {
        if let TierEvent::Lost(error) = event {
            println!("the tier is lost: {error}: {:?}", std::error::Error::source(error));
        }
    });
    let zone = Zone::memory(Limits::default());
    zone.join(Arc::new(Redis::new(Server::parse(url)?, "example:")), options);
    let followed = zone.clone();
    tokio::spawn(async move { followed.follow().await });
    Ok(zone)
}

async fn get(name: &str, zone: &Zone) -> Result<(), BoxError> {
    let origin = service_fn(|_: Request<Full<Bytes>>| async {
        println!("   the origin is asked");
        let response = Response::builder().header(header::CACHE_CONTROL, "max-age=60");
        Ok::<_, Infallible>(response.body(Full::from("hello")).unwrap_or_default())
    });
    let cache = CacheLayer::new(ByUri::new(zone.clone())).name(Some("example"));
    let mut service = ServiceBuilder::new().layer(cache).service(origin);
    let request = Request::get("http://example.com/page").body(Full::default())?;
    let response = service.ready().await?.call(request).await?;
    println!("{name}: {:?}", response.headers()["cache-status"]);
    // What is read is stored.
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = Limited::new(response.into_body(), 100).collect().await?.to_bytes();
    println!("   {}", String::from_utf8_lossy(&body));
    Ok(())
}
