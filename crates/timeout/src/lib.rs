//! A tower layer that ends an exchange which stands still: a limit on the time between two steps of the request, on the
//! time to the response head, and on the time between two frames of the response body. Never on the whole: an exchange
//! that moves may take a day.
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
//! The service inside sends a request and receives the response. It is best a connection that is *established*, so that
//! the time to connect is not counted.
//!
//! | from | to | limit | error |
//! |---|---|---|---|
//! | the call | the inner service asks for the first frame of the body | [`send`](Limits#structfield.send) | [`Error::SendTimeout`] |
//! | a frame was taken | it asks for the next one | `send` | [`Error::SendTimeout`] |
//! | it asks, the client's body is pending | a frame | none: the client is slow, not the service | |
//! | the request is taken completely | the response head | [`read`](Limits#structfield.read) | [`Error::HeadTimeout`] |
//! | the consumer finds no frame of the response | a frame | `read` | [`Error::ReadTimeout`] |
//!
//! - A request is taken completely when its body has given the last frame or an error, or when the service has dropped
//!   it; at once, if there is no body.
//! - `read` runs only while the consumer waits: one that comes back after an hour has not used up anything.
//! - A response may come before the request is complete. From then on `read` runs for each frame of the response,
//!   whatever the client does, and `send` goes on for the request; both are looked at while the consumer of the response
//!   waits.
//! - What is there counts more than the clock: the inner service is always polled before the timer.
//! - A request with the extension [`Limits`] has those instead of the layer's.
//! - A response that makes the connection a tunnel (101, or 2xx to CONNECT) passes without a limit and carries the
//!   [`Limits`] as an extension, for whoever joins the two streams.
//! - Dropping the response future or the response body drops what is inside, at once.
//! - On the server's side, around any `Service<Request<B>>`, `read` is the time that the handler may take for the head,
//!   and then for each frame. Leave `send` off there if handlers may do long work before they read the request.
//!
//! ## What it does not
//!
//! - It does not limit an exchange as a whole, nor the time to connect, nor the wait in `poll_ready`.
//! - It does not see the socket. A frame that was taken counts as sent when the service asks for the next one, and the
//!   last frame when it is taken: the time to flush that one counts for `read`. A service that buffers without bound
//!   never stands still.
//! - It does not answer: turning an [`Error`] into a 504 is for the caller, who knows whether the head has been sent.
//! - It does not limit how slow the client may be. That is a limit on the client's connection.
//!
//! ## nginx
//!
//! | directive | here | default there | default here |
//! |---|---|---|---|
//! | `proxy_send_timeout`, `fastcgi_send_timeout`, `grpc_send_timeout` | [`TimeoutLayer::send`] | 60s | none |
//! | `proxy_read_timeout`, `fastcgi_read_timeout`, `grpc_read_timeout` | [`TimeoutLayer::read`] | 60s | none |
//! | `proxy_connect_timeout` | not here: the connector's | 60s | |
//! | `client_body_timeout`, `send_timeout` | not here: the client connection's | 60s | |
//!
//! As in nginx, a limit is between two successive operations, never for the whole, and `read` also limits the wait for
//! the head.
//!
//! ## Errors
//!
//! [`Error`], inside a [`BoxError`], from the response future before the head and from the response body after it.
//! Errors of the inner service and of the inner body pass through as they are, boxed. After an `Error` the body is at
//! its end: the message is cut, and says so.
//!
//! ## Cost
//!
//! - No limit: a move of the request and of the response; nothing allocated, no clock read.
//! - A response that is ready at the first poll: the same, and for a request with a body one small `Arc` and a clock
//!   read for each frame taken.
//! - A wait: one clock read when it begins, and one boxed tokio timer for the whole exchange, from its first wait on.
//!   Progress does not touch it. It fires at most once in each span of the shortest limit, looks whether a deadline has
//!   come, and is armed anew if not.
//! - A thread keeps up to 1024 timers of finished exchanges, armed as they are, for later exchanges on the same runtime:
//!   with equal limits a busy service touches the timer wheel once in a span, not once in an exchange. A head that is
//!   waited for once costs about 500 instructions more than one that is there at once.
//! - Nothing is buffered. Outside of a tokio runtime with time enabled, the first wait under a limit panics.

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
