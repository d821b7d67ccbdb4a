//! A shared HTTP cache for any tower service: all of RFC 9111, and nginx's behaviour as options.
//!
//! A request for which a fresh response is stored is answered at once. Otherwise the inner service is asked, by one request on behalf of
//! all that want the same thing, and its response is stored in a [`Zone`](store::Zone): in memory, or in files. A stale response is
//! revalidated; where allowed, it is served in the meantime, or in place of an error.
//!
//! ## Example
//!
//! ```
//! use std::convert::Infallible;
//! use bytes::Bytes;
//! use http::{Request, Response, header};
//! use http_body_util::Full;
//! use propylon_cache::{ByUri, CacheLayer, Status};
//! use propylon_cache::store::{Limits, Zone};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let zone = Zone::memory(Limits::default());
//! let mut service = ServiceBuilder::new()
//!     .layer(CacheLayer::new(ByUri::new(zone)).name(Some("example")))
//!     .service(service_fn(|_: Request<Full<Bytes>>| async {
//!         let response = Response::builder().header(header::CACHE_CONTROL, "max-age=60");
//!         Ok::<_, Infallible>(response.body(Full::from("hello")).unwrap())
//!     }));
//!
//! for expected in [Status::Miss, Status::Hit] {
//!     let request = Request::get("http://example.com/").body(Full::default())?;
//!     let response = service.ready().await?.call(request).await?;
//!     assert_eq!(response.extensions().get(), Some(&expected));
//!     // What is read is stored.
//!     let body = http_body_util::Limited::new(response.into_body(), 100);
//!     # #[expect(clippy::disallowed_methods, reason = "it is limited")]
//!     assert_eq!(http_body_util::BodyExt::collect(body).await?.to_bytes(), "hello");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - Decides what may be stored, how old it is and how long it is fresh: RFC 9111 3, 4.2 and 5.2, RFC 9213 (`CDN-Cache-Control`), nginx's
//!   `X-Accel-Expires`, and [`Rules::valid`](policy::Rules::valid) for responses that do not say.
//! - `Vary`: several responses under one key. `Authorization`: only responses that may be shared are stored.
//! - Revalidates with entity tags and dates; a 304 updates the stored response. A 304 that does not match the stored response is ignored.
//! - Serves stale responses while they are refreshed (RFC 5861), or in place of an error, unless the origin forbids it.
//! - Collapses requests for the same thing: they wait for one of them ([`Lock`]) and read its response as it arrives.
//! - Evaluates conditions and ranges of clients against the stored response; answers HEAD from a stored GET.
//! - Invalidates what is stored for a URI when an unsafe request to it succeeds.
//! - Sends `Age`, and `Cache-Status` (RFC 9211) with the reason; puts a [`Status`] in nginx's words into the response's extensions.
//! - Uses a [second tier](store::tier), if the zone has one: what is missing or stale here is looked up there before the inner service is
//!   asked, what is stored is sent there, and purges reach everyone who shares it.
//! - With a [`spawner`](CacheLayer::spawner), refreshes responses in the background and finishes storing a response even if its client has
//!   left.
//!
//! ## What it does not
//!
//! - The crate makes no keys other than the simple one of [`ByUri`]. The key must include everything that can change the response: the
//!   host, and whatever else of a request besides its URI the application relies on. A GET with a body, an `Upgrade`, `If-Match` and
//!   `If-Unmodified-Since` bypass the cache ([`Rules::preconditions`](policy::Rules::preconditions)).
//! - The layer does not store partial responses (206), unless the key distinguishes ranges ([`Rules::partial`](policy::Rules::partial)),
//!   nor trailers.
//! - A slow client slows the storing of its response and everyone who reads it: put a buffer outside the cache.
//! - The layer does not remove connection-specific fields from what it passes on, only from what it stores.
//!
//! ## nginx
//!
//! | directive | here | default there | default here |
//! |---|---|---|---|
//! | `proxy_cache` | [`Policy::find`] | off | |
//! | `proxy_cache_path` | [`Zone`](store::Zone) | | |
//! | `proxy_cache_key` | [`Policy::find`] | `$scheme$proxy_host$request_uri` | [`ByUri`] |
//! | `proxy_cache_bypass` | [`Policy::bypass`] | | |
//! | `proxy_no_cache` | [`Policy::no_store`] | | |
//! | `proxy_cache_methods` | [`CacheLayer::methods`] | GET HEAD | the same |
//! | `proxy_cache_min_uses` | [`CacheLayer::min_uses`] | 1 | 1 |
//! | `proxy_cache_valid` | [`Rules::valid`](policy::Rules::valid) | | |
//! | `proxy_ignore_headers` | [`Rules::ignore`](policy::Rules::ignore) | | |
//! | `proxy_cache_use_stale` | [`Rules::use_stale`](policy::Rules::use_stale) | off | failures, unless the origin forbids it |
//! | `proxy_cache_background_update` | [`CacheLayer::background_update`] | off | on |
//! | `proxy_cache_revalidate` | [`Rules::revalidate`](policy::Rules::revalidate) | off | on |
//! | `proxy_cache_lock`, `_timeout`, `_age` | [`CacheLayer::lock`] | off, 5s, 5s | on, 5s, 5s |
//! | `proxy_cache_convert_head` | [`CacheLayer::convert_head`] | on | off |
//! | `proxy_cache_max_range_offset` | [`CacheLayer::max_range_offset`] | | |
//!
//! [`Rules::nginx`](policy::Rules::nginx) enables the rest of nginx's behaviour: the `Cache-Control` of clients is ignored, `Set-Cookie`
//! prevents storing, there is no heuristic freshness and no invalidation, and a 304 changes no stored field. Unlike in nginx, the lock
//! also applies when a stale response is stored, all variants of a key are stored side by side, and a client that leaves does not
//! interrupt what others wait for.
//!
//! ## Errors
//!
//! [`Error`], inside a [`BoxError`], if an error of the inner service was remembered. All other errors of the inner service and of its
//! bodies are passed on unchanged. A stored body that cannot be read in full ends with a [`store::Error`]: the message is visibly
//! truncated. Incomplete responses are never stored.
//!
//! ## Cost
//!
//! - A hit from memory: one look-up, a clone of the stored fields, and two extra fields. The body is shared, not copied.
//! - A hit from a file in the page cache: the file is opened, read and checked without blocking, 128 KiB at a time. Any other file is read
//!   on tokio's blocking pool.
//! - A request that bypasses the cache: a look at its fields.
//! - A miss: a boxed future, two clones of the request's fields and one of the response's, and a copy of the body into the store's own
//!   memory. Requests that wait for the response read that copy.
//! - A second tier: hits do not query it. A miss waits for it, for a limited time; of several requests for the same thing only one queries
//!   it. Requests for uncacheable responses query it every time, so the policy should keep them out of the cache.
//! - Nothing waits under a lock, except for another request's look-up.

mod answer;
mod asked;
mod background;
mod body;
mod error;
mod fetch;
mod future;
mod invalidation;
mod keeping;
mod layer;
mod lookup;
mod outcome;
mod parts;
pub mod policy;
mod revalidation;
mod service;
pub mod store;
mod user;

pub use self::{
    background::Work,
    body::ResponseBody,
    error::Error,
    future::ResponseFuture,
    layer::{CacheLayer, Lock},
    outcome::{Event, Status},
    service::Cache,
    user::{ByUri, Policy},
};

/// The error of the service and of bodies: one of this crate's, or one from inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
