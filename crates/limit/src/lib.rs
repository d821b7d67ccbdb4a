//! Tower layers that limit: how fast the body of a response may go, how many requests a client may send, and how many it may have
//! served at once. With nginx's arithmetic, for any service; it needs `http`, `http-body` and tokio's clock.
//!
//! ## Example
//!
//! ```
//! use std::num::{NonZeroU32, NonZeroU64};
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use propylon_limit::{Rate, RateLayer, RequestLimit, RequestLimitLayer, RequestRate, RequestZone};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let zone = RequestZone::new(RequestRate::per_second(NonZeroU32::MIN), 10 << 20); // shared by all that have a clone
//! let mut service = ServiceBuilder::new()
//!     .layer(RequestLimitLayer::new(RequestLimit::new(zone), |_| Some(Bytes::from_static(b"everybody"))))
//!     .layer(RateLayer::new(Rate::new(NonZeroU64::new(100 << 10).ok_or("a rate")?)))
//!     .service(service_fn(|_: Request<()>| async { Ok::<_, http::Error>(Response::new(Full::<Bytes>::from("hello"))) }));
//!
//! assert_eq!(service.ready().await?.call(Request::new(())).await?.status(), StatusCode::OK);
//! assert_eq!(service.ready().await?.call(Request::new(())).await?.status(), StatusCode::SERVICE_UNAVAILABLE);
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - [`RateLayer`]: the data of a response goes in pieces, each when it is time for it: a tenth of a second's worth at once, within a
//!   tenth of the rate over five seconds. A body that rested does not go faster for it. `X-Accel-Limit-Rate` is obeyed if wanted.
//! - [`RequestLimitLayer`]: nginx's leaky bucket, to the millisecond: requests that are further ahead of their rate than the burst are
//!   refused, those that are ahead wait until they are no more.
//! - [`ConnectionLimitLayer`]: a request holds a place from its head to the end of its response, or until either is dropped.
//! - Zones are bounded and shared by as many services and threads as have a clone. Several limits count together or not at all.
//! - `dry_run` counts, and refuses nobody; an observer hears of every decision.
//!
//! ## What it does not
//!
//! - The head of a response is not counted, nor what a connection keeps to send: a client may be slower than the rate.
//! - It makes no page: a refusal is a status and an empty body.
//! - It does not read the clock of the machine: time is tokio's, so that tests can pause it.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `limit_rate`, `limit_rate_after` | [`Rate::new`], [`Rate::after`] |
//! | `proxy_limit_rate` | a [`RateBody`] around the upstream's body, inside of what buffers it |
//! | `X-Accel-Limit-Rate` | [`RateLayer::accel`] |
//! | `limit_req_zone` | [`RequestZone`] |
//! | `limit_req` | [`RequestLimit`]: `burst`, `delay_after`, `no_delay` |
//! | `limit_req_status`, `limit_req_dry_run` | [`RequestLimitLayer::status`], [`RequestLimitLayer::dry_run`] |
//! | `limit_conn_zone` | [`ConnectionZone`] |
//! | `limit_conn` | [`ConnectionLimit`] |
//! | `limit_conn_status`, `limit_conn_dry_run` | [`ConnectionLimitLayer::status`], [`ConnectionLimitLayer::dry_run`] |
//!
//! Differences: nginx lets the first second's worth of a response go at once, and what a response could have sent while its upstream was
//! slow; an entry of a zone takes 128 bytes however long its key; in a full request zone one key makes place for another whatever their
//! lengths.
//!
//! ## Errors
//!
//! None of its own. Those of the service and of the body inside pass as they are.
//!
//! ## Cost
//!
//! A body without a rate: nothing. One with a rate: one small allocation, a timer when it first waits, ten wake-ups a second. A counted
//! request: a keyed hash of its key and one lock of up to sixteen for each limit, for as long as a look-up takes; a delayed one a timer.
//! A zone takes the memory that it is given, as it fills.

mod body;
mod connections;
mod layer;
mod rate;
mod requests;
mod table;

pub use body::LimitBody;
pub use connections::{
    ConnectionLimit, ConnectionLimitFuture, ConnectionVerdict, ConnectionZone, ConnectionsRefused,
    LONGEST_CONNECTION_KEY, LimitConnections, Places, check_connections,
};
pub use layer::{ConnectionLimitLayer, Limit, LimitLayer, RequestLimitLayer};
pub use rate::{Rate, RateBody, RateFuture, RateLayer, RateLimit, accel};
pub use requests::{
    Excess, LONGEST_REQUEST_KEY, LimitRequests, RequestLimit, RequestLimitFuture, RequestRate,
    RequestVerdict, RequestZone, check_requests,
};
