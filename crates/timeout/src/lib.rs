//! A tower layer that ends a stalled exchange. It limits the time between two steps of the request, the time to the response
//! head, and the time between two frames of the response body. It never limits the whole exchange: one that makes progress
//! may take a day.
//!
//! ## Example
//!
//! ```
//! use std::{convert::Infallible, future::pending, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use propylon_timeout::{Error, TimeoutLayer};
//! use tower::{Service, ServiceBuilder, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let minute = Duration::from_secs(60);
//! let mut service = ServiceBuilder::new()
//!     .layer(TimeoutLayer::new().send(minute).read(minute))
//!     .service(service_fn(|_| pending::<Result<Response<Empty<Bytes>>, Infallible>>())); // never answers
//!
//! let error = service.call(Request::new(Empty::<Bytes>::new())).await.unwrap_err();
//! assert_eq!(error.downcast_ref(), Some(&Error::HeadTimeout(minute)));
//! # }
//! ```
//!
//! ## What it does
//!
//! The inner service sends a request and receives the response. It should be an *established* connection, so that the time
//! to connect does not count.
//!
//! | from | to | limit | error |
//! |---|---|---|---|
//! | the call | the inner service polls for the first frame of the body | [`send`](Limits#structfield.send) | [`Error::SendTimeout`] |
//! | a frame was taken | the inner service polls for the next one | `send` | [`Error::SendTimeout`] |
//! | the inner service polls, the client's body is pending | a frame | none: the client is slow, not the service | |
//! | the request is completely taken | the response head | [`read`](Limits#structfield.read) | [`Error::HeadTimeout`] |
//! | the consumer finds no frame of the response | a frame | `read` | [`Error::ReadTimeout`] |
//!
//! - A request is completely taken when its body has returned the last frame or an error, or when the service has dropped
//!   it; if there is no body, at once.
//! - `read` runs only while the consumer waits: a consumer that comes back after an hour has not used up anything.
//! - A response may start before the request is complete. From then on `read` runs for each frame of the response,
//!   whatever the client does, and `send` continues for the request; both are checked while the consumer of the response
//!   waits.
//! - Available data takes precedence over the clock: the inner service is always polled before the timer.
//! - A request with the extension [`Limits`] uses those instead of the layer's.
//! - A response that turns the connection into a tunnel (101, or 2xx to CONNECT) passes without a limit and carries the
//!   [`Limits`] as an extension, for the code that joins the two streams.
//! - Dropping the response future or the response body drops the inner one at once.
//! - On the server side, around any `Service<Request<B>>`, `read` limits the time that the handler may take for the head,
//!   and then for each frame. Leave `send` unset there if handlers may do long work before they read the request.
//!
//! ## What it does not
//!
//! - It does not limit an exchange as a whole, nor the time to connect, nor the wait in `poll_ready`.
//! - It does not see the socket. A taken frame counts as sent when the service polls for the next one, and the
//!   last frame when it is taken: the time to flush that one counts towards `read`. A service that buffers without bound
//!   never stalls.
//! - It does not generate responses: turning an [`Error`] into a 504 is up to the caller, who knows whether the head has been sent.
//! - It does not limit how slow the client may be. That takes a limit on the client's connection.
//!
//! ## nginx
//!
//! | directive | here | default there | default here |
//! |---|---|---|---|
//! | `proxy_send_timeout`, `fastcgi_send_timeout`, `grpc_send_timeout` | [`TimeoutLayer::send`] | 60s | none |
//! | `proxy_read_timeout`, `fastcgi_read_timeout`, `grpc_read_timeout` | [`TimeoutLayer::read`] | 60s | none |
//! | `proxy_connect_timeout` | not here: in the connector | 60s | |
//! | `client_body_timeout`, `send_timeout` | not here: in the client connection | 60s | |
//!
//! As in nginx, a limit applies between two successive operations, never to the whole, and `read` also limits the wait for
//! the head.
//!
//! ## Errors
//!
//! [`Error`], in a [`BoxError`], from the response future before the head and from the response body after it.
//! Errors of the inner service and of the inner body pass through unchanged, boxed. After an `Error` the body has
//! ended: the message is visibly truncated.
//!
//! ## Cost
//!
//! - Without a limit: a move of the request and of the response; no allocation, no clock read.
//! - A response that is ready at the first poll: the same, and for a request with a body one small `Arc` and a clock
//!   read for each frame taken.
//! - A wait: one clock read when it begins, and one boxed tokio timer for the whole exchange, from its first wait on.
//!   Progress does not touch the timer. It fires at most once in each period of the shortest limit, checks whether a deadline has
//!   passed, and is rearmed if not.
//! - Each thread keeps up to 1024 armed timers of finished exchanges for later exchanges on the same runtime:
//!   with equal limits a busy service touches the timer wheel once in a period, not once in an exchange. Waiting once for a
//!   head costs about 500 instructions more than a head that is available at once.
//! - Nothing is buffered. Outside a tokio runtime with time enabled, the first wait under a limit panics.

mod body;
mod deadline;
mod error;
mod future;
mod layer;
mod limits;
mod progress;
mod service;
mod timer;
mod watch;

pub use self::{
    body::{RequestBody, ResponseBody},
    error::Error,
    future::ResponseFuture,
    layer::TimeoutLayer,
    limits::Limits,
    service::Timeout,
};

/// The error of the service and of the response body: an [`Error`] of this layer, or one from inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
