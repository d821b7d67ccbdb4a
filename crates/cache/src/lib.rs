//! A shared HTTP cache for any tower service: RFC 9111 in full, and nginx's habits as switches.
//!
//! A request whose answer is stored and fresh is answered at once. Else the service inside is asked, by one request for all
//! that want the same thing, and what it answers is kept in a [`Zone`](store::Zone): in memory, or in files. What is stale is
//! validated, and used meanwhile, or in the place of an error, where that is allowed.
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
//! - What may be stored, how old it is and how long it is fresh: RFC 9111 3, 4.2 and 5.2, RFC 9213 (`CDN-Cache-Control`),
//!   nginx's `X-Accel-Expires`, and [`Rules::valid`](policy::Rules::valid) for what does not say.
//! - `Vary`: several answers under one key. `Authorization`: what others may have is shared, and nothing else.
//! - Validation with entity tags and dates; a 304 updates what is stored. A 304 about something else is not believed.
//! - Stale answers while they are refreshed (RFC 5861), or in the place of an error, where the origin does not forbid it.
//! - Requests for the same thing wait for one of them ([`Lock`]), and read its answer while it comes.
//! - Conditions and ranges of clients are judged by what is stored; HEAD is answered by what GET brought.
//! - An unsafe request that succeeds removes what is stored for its URI.
//! - `Age`; `Cache-Status` (RFC 9211), which says why; [`Status`] among a response's extensions, in nginx's words.
//! - A [second tier](store::tier), if the zone has one: what is not here, or stale, is looked for there before the service inside is
//!   asked, what is stored is sent there, and purges reach all who share it.
//! - With a [`spawner`](CacheLayer::spawner), refreshes run in the background, and a response is stored whole though its client
//!   left.
//!
//! ## What it does not
//!
//! - It makes no keys but the simple one of [`ByUri`]. What can change an answer must be in the key: the host, and whatever
//!   somebody trusts of a request beside its URI. A GET with a body, an `Upgrade`, `If-Match` and
//!   `If-Unmodified-Since` go past it ([`Rules::preconditions`](policy::Rules::preconditions)).
//! - It does not store parts (206), unless the key tells ranges apart ([`Rules::partial`](policy::Rules::partial)), nor
//!   trailers.
//! - A slow client slows what is stored of its response, and whoever reads that: put a buffer outside.
//! - It does not remove the fields of a connection from what it passes on, only from what it stores.
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
//! | `proxy_cache_use_stale` | [`Rules::use_stale`](policy::Rules::use_stale) | off | failures, where the origin lets it |
//! | `proxy_cache_background_update` | [`CacheLayer::background_update`] | off | on |
//! | `proxy_cache_revalidate` | [`Rules::revalidate`](policy::Rules::revalidate) | off | on |
//! | `proxy_cache_lock`, `_timeout`, `_age` | [`CacheLayer::lock`] | off, 5s, 5s | on, 5s, 5s |
//! | `proxy_cache_convert_head` | [`CacheLayer::convert_head`] | on | off |
//! | `proxy_cache_max_range_offset` | [`CacheLayer::max_range_offset`] | | |
//!
//! [`Rules::nginx`](policy::Rules::nginx) has the rest of its habits: clients' `Cache-Control` is not listened to, `Set-Cookie`
//! prevents storing, nothing is guessed, nothing is invalidated, a 304 changes no stored field. Otherwise than in nginx, what
//! waits for a lock waits for what is stale as well, all variants of a key are stored side by side, and a client that leaves
//! does not spoil what others wait for.
//!
//! ## Errors
//!
//! [`Error`], inside a [`BoxError`], where an error of the service inside was remembered. Its other errors, and those of its
//! bodies, pass through as they are. A stored body that cannot be read whole ends with a [`store::Error`]: the message is cut,
//! and says so. What is not whole is never stored.
//!
//! ## Cost
//!
//! - A hit from memory: one look-up, a clone of the stored fields, and two fields more. The body is shared, not copied.
//! - A hit from a file that the kernel has in memory: it is opened, read and checked at once, 128 KiB at a time. Any other file is read on
//!   tokio's blocking pool.
//! - What goes past the cache: a look at its fields.
//! - A miss: a boxed future, two clones of the request's fields and one of the response's, and a copy of the body into the
//!   store's own memory. Whoever waits for it reads that.
//! - A second tier: a hit does not look at it. A miss waits for it, for a limited time, and one of many that want the same does; what
//!   cannot be cached at all is looked for there each time, so it is better kept out by the policy.
//! - Nothing waits under a lock but for a look-up of another request.

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
