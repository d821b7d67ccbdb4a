//! Joins two streams, as after an upgrade: forwards bytes in both directions, with idle limits, byte counts, half-close and back-pressure.
//! Also a tower layer that joins them when an upstream responds with 101.
//!
//! ## Example
//!
//! ```
//! use http::{Extensions, Request, Response, StatusCode};
//! use propylon_tunnel::{BoxError, Policy, Tunnel, UpgradeLayer};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
//! use tower::{Layer, ServiceExt, service_fn};
//! # use std::sync::{Arc, Mutex};
//!
//! /// An end as an extension: whoever takes it has it.
//! #[derive(Clone)]
//! struct End(Arc<Mutex<Option<DuplexStream>>>);
//! # impl End {
//! #     fn new(stream: DuplexStream) -> Self { Self(Arc::new(Mutex::new(Some(stream)))) }
//! #     fn take(self) -> Option<DuplexStream> { self.0.lock().unwrap().take() }
//! # }
//!
//! #[derive(Clone)]
//! struct Join;
//!
//! impl Policy<()> for Join {
//!     type Client = DuplexStream;
//!
//!     fn client(&self, request: &mut Extensions) -> Option<DuplexStream> {
//!         request.remove::<End>()?.take()
//!     }
//!
//!     fn join(&self, client: DuplexStream, mut response: Response<()>) -> Result<Response<()>, BoxError> {
//!         let upstream = response.extensions_mut().remove::<End>().and_then(End::take);
//!         tokio::spawn(Tunnel::new(client, upstream.ok_or("no stream")?));
//!         Ok(response)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let (upstream, mut server) = tokio::io::duplex(64);
//! let upstream = End::new(upstream);
//! let service = UpgradeLayer::new(Join).layer(service_fn(move |_: Request<()>| {
//!     let upstream = upstream.clone();
//!     async move {
//!         let switching = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
//!         switching.extension(upstream).body(())
//!     }
//! }));
//!
//! let (client, mut browser) = tokio::io::duplex(64);
//! let request = Request::builder().header("upgrade", "x").extension(End::new(client)).body(())?;
//! assert_eq!(service.oneshot(request).await?.status(), StatusCode::SWITCHING_PROTOCOLS);
//! browser.write_all(b"hi").await?;
//! let mut heard = [0; 2];
//! server.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"hi");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - [`Tunnel`] is a future: it forwards bytes both ways until both sides have closed, and returns [how it ended](End).
//! - Back-pressure: a direction reads only when its previous data has been written. Its buffer grows from 8 KiB to at most
//!   [`Tunnel::buffer`] bytes, and is released while it waits.
//! - Half-close: when one side closes, the end is passed on after all preceding data; the other side may continue.
//! - If a write to one side fails, only that direction ends: what that side has sent is still passed on. [`Tunnel::client_has_all`] and
//!   [`Tunnel::upstream_has_all`] tell which side received everything in the end, and which one should rather be reset.
//! - If a read from one side fails, both directions end, once the data that it sent before has been written: a destination that buffers, such as TLS, is
//!   flushed first.
//! - [`Limits`]: how long both sides may be silent, and how long either side may accept no data. A byte in either direction counts as
//!   activity.
//! - [`Tunnel::half_close`] off: when one side closes, both directions end, once all preceding data has been passed on.
//! - [`Tunnel::upload_rate`] and [`Tunnel::download_rate`] limit the bytes a second by not reading; unused allowance does not accumulate.
//! - [`Counts`]: how many bytes each side has accepted, also after the future was dropped. Dropping the future cancels the tunnel.
//! - [`UpgradeLayer`] takes the client's end from the request, forwards the request, and has a [`Policy`] join the two ends if the response
//!   is a 101. Any other response passes unchanged. A 101 that the client did not ask for is an error.
//!
//! ## What it does not
//!
//! - It knows no protocol: no WebSocket frames, no pings.
//! - It does not know how a server hands its connection over: the [`Policy`] does (`examples/standalone.rs` has one for hyper).
//! - It spawns nothing, and does not limit the total time.
//! - It does not evaluate `Upgrade` and `Connection`: the server and the layers for header fields do.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `proxy_read_timeout` | [`Limits::read`]; as in nginx, restarted by every byte in either direction |
//! | `proxy_send_timeout` | [`Limits::send`] |
//! | `send_timeout` | [`Limits::client_send`] |
//! | `proxy_buffer_size` | [`Tunnel::buffer`] |
//! | `proxy_timeout` (stream) | [`Limits::idle`] |
//! | `proxy_half_close` (stream) | [`Tunnel::half_close`] |
//! | `proxy_upload_rate`, `proxy_download_rate` (stream) | [`Tunnel::upload_rate`], [`Tunnel::download_rate`] |
//!
//! Difference: nginx closes both sides as soon as one of them has closed. Here the other side may finish sending, within the limits, unless
//! half-close is turned off.
//!
//! ## Errors
//!
//! The layer fails with [`Error::NotAsked`], with the error of its [`Policy`], and with inner errors; all in a [`BoxError`].
//! A tunnel has no error type but its [`End`]: a stream that failed, or an exceeded limit.
//!
//! ## Cost
//!
//! The layer: a lookup in the request's extensions. A tunnel: one read and one write for the available data, at most 64 KiB at a time; a
//! buffer while bytes move and none while it waits; one timer, which progress does not touch. An idle tunnel takes about 300 bytes besides
//! the two streams.

mod counts;
mod end;
mod error;
mod flow;
mod future;
mod layer;
mod limits;
mod pace;
mod policy;
mod service;
mod tunnel;

pub use counts::Counts;
pub use end::{End, Waited};
pub use error::Error;
pub use future::ResponseFuture;
pub use layer::UpgradeLayer;
pub use limits::Limits;
pub use policy::Policy;
pub use service::Upgrade;
pub use tunnel::Tunnel;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
