//! Two streams joined, as an upgrade leaves them: what comes from one side goes to the other, with limits on standing still, byte
//! counts, half-close and back-pressure. And the tower layer that joins them when an upstream answers with 101.
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
//! - [`Tunnel`] is a future: it moves bytes both ways until both sides have said their last, and says how it [ended](End).
//! - Back-pressure: a direction reads only when what it read before has been taken. It holds at most
//!   [`Tunnel::buffer`] bytes, begins with 8 KiB, and holds nothing while it waits.
//! - Half-close: the end of one side is passed on as an end, after all that came before it; the other side may go on.
//! - A side that takes nothing more ends one direction: what it has said before is still passed on.
//!   [`Tunnel::client_has_all`] and [`Tunnel::upstream_has_all`] tell what was whole in the end, and what is better reset.
//! - [`Limits`]: how long nobody may say anything, and how long either side may take nothing. Bytes in any direction count as
//!   something said.
//! - [`Tunnel::half_close`] off: the end of one side ends both, once all that came before it was passed on.
//! - [`Tunnel::upload_rate`], [`Tunnel::download_rate`]: so many bytes a second, by reading no more; nothing is saved up.
//! - [`Counts`]: what each side has taken, also after the future was dropped. Dropping it is how a tunnel is cancelled.
//! - [`UpgradeLayer`] takes the client's end from the request, lets it pass, and has the ends joined by a [`Policy`] if the response
//!   is a 101. Any other response passes as it is. A 101 that the client did not ask for is an error.
//!
//! ## What it does not
//!
//! - It knows no protocol: no WebSocket frames, no pings.
//! - It does not know how a server hands its connection over: the [`Policy`] does (hyper's is in `examples/standalone.rs`).
//! - It spawns nothing, and limits no total time.
//! - It does not judge `Upgrade` and `Connection`: the server and the layers that write fields do.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `proxy_read_timeout` | [`Limits::read`]; as there, it begins anew with every byte, in whichever direction |
//! | `proxy_send_timeout` | [`Limits::send`] |
//! | `send_timeout` | [`Limits::client_send`] |
//! | `proxy_buffer_size` | [`Tunnel::buffer`] |
//! | `proxy_timeout` (stream) | [`Limits::idle`] |
//! | `proxy_half_close` (stream) | [`Tunnel::half_close`] |
//! | `proxy_upload_rate`, `proxy_download_rate` (stream) | [`Tunnel::upload_rate`], [`Tunnel::download_rate`] |
//!
//! Difference: nginx closes both sides as soon as one of them has said its last. Here the other may finish what it has to say, within
//! the limits, unless that is turned off.
//!
//! ## Errors
//!
//! The layer fails with [`Error::NotAsked`], with what its [`Policy`] fails with, and with the errors from inside; all in a
//! [`BoxError`]. A tunnel has no error but its [`End`]: a stream that failed, or a limit.
//!
//! ## Cost
//!
//! The layer: a look into the request's extensions. A tunnel: one read and one write for what is there, at most 64 KiB at a
//! time; a buffer while bytes move and none while it waits; one timer, which progress does not touch. At rest it is about 300 bytes
//! and the two streams.

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
