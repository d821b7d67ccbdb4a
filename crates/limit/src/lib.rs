//! Tower layers that limit the rate of a response body, the request rate of a client, and the number of its concurrent requests. They use
//! nginx's arithmetic and work with any service. The crate needs `http`, `http-body` and tokio's clock.
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
//! - [`RateLayer`] sends the data of a response in pieces, each when it is due: a tenth of a second's worth at a time, which keeps within a
//!   tenth of the rate over five seconds. A body that paused does not catch up faster. `X-Accel-Limit-Rate` is honoured if enabled.
//! - [`RequestLimitLayer`] is nginx's leaky bucket, to the millisecond: requests that exceed the rate by more than the burst are rejected,
//!   and requests within the burst are delayed until they conform to the rate.
//! - [`ConnectionLimitLayer`]: a request occupies a slot from its head to the end of its response, or until either is dropped.
//! - Zones are bounded, and shared by all services and threads that hold a clone. If several limits apply, a request counts in all of them
//!   or in none.
//! - `dry_run` counts but rejects nothing. An observer is told of every decision.
//!
//! ## What it does not
//!
//! - The response head is not counted, nor is data that the connection buffers: the client may receive more slowly than the rate.
//! - A rejection is a status with an empty body, not an error page.
//! - The crate does not read the system clock: it uses tokio's, so that tests can pause it.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `limit_rate`, `limit_rate_after` | [`Rate::new`], [`Rate::after`] |
//! | `proxy_limit_rate` | a [`RateBody`] around the upstream's body, inside the layer that buffers it |
//! | `X-Accel-Limit-Rate` | [`RateLayer::accel`] |
//! | `limit_req_zone` | [`RequestZone`] |
//! | `limit_req` | [`RequestLimit`]: `burst`, `delay_after`, `no_delay` |
//! | `limit_req_status`, `limit_req_dry_run` | [`RequestLimitLayer::status`], [`RequestLimitLayer::dry_run`] |
//! | `limit_conn_zone` | [`ConnectionZone`] |
//! | `limit_conn` | [`ConnectionLimit`] |
//! | `limit_conn_status`, `limit_conn_dry_run` | [`ConnectionLimitLayer::status`], [`ConnectionLimitLayer::dry_run`] |
//!
//! Differences: nginx sends the first second's worth of a response at once, and likewise what it could have sent while its upstream was
//! slow. Here, a zone entry takes 128 bytes regardless of the length of its key, and in a full request zone a new key evicts one other key,
//! whatever their lengths.
//!
//! ## Errors
//!
//! None of its own. Errors of the inner service and body pass through unchanged.
//!
//! ## Cost
//!
//! A body without a rate costs nothing. A body with a rate: one small allocation, a timer once it first waits, ten wake-ups a second. A
//! counted request: for each limit, a keyed hash of its key, and one of up to sixteen locks, held for the time of a lookup; a delayed
//! request also a timer. A zone uses the memory that it is given, as it fills.

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
