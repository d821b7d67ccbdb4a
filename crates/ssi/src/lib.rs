//! A tower layer for server side includes: pages with commands in comments, as nginx knows them.
//!
//! ## Example
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
//! use http_body_util::{BodyExt, Full};
//! use propylon_ssi::{Captured, Error, Host, Included, Including, Shared, SsiLayer, Zone};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! struct Site(Shared);
//!
//! impl Host for Site {
//!     fn shared(&self) -> &Shared {
//!         &self.0
//!     }
//!     fn path(&self) -> Bytes {
//!         Bytes::from_static(b"/index.html")
//!     }
//!     fn variable(&self, name: &str) -> Option<Bytes> {
//!         (name == "user").then(|| Bytes::from_static(b"<Ada>"))
//!     }
//!     fn date(&self, _: &str, _: Zone) -> Option<Bytes> {
//!         None
//!     }
//!     fn captures(&self, _: &str, _: &Bytes) -> Result<Option<Captured>, String> {
//!         Err("there are no regular expressions here".to_owned())
//!     }
//!     fn include(&self, path: Bytes, _: Option<Bytes>) -> Including {
//!         let text = format!("what is at {}", String::from_utf8_lossy(&path));
//!         let body = Full::<Bytes>::from(text).map_err(|never| match never {}).boxed();
//!         Box::pin(async { Ok(Included::Answer { status: StatusCode::OK, body: Box::pin(body) }) })
//!     }
//!     fn report(&self, error: &Error) {
//!         eprintln!("{error}");
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let page = "Hello <!--# echo var=\"user\" -->: <!--# include virtual=\"footer\" -->";
//! let pages = service_fn(move |_: Request<()>| async move {
//!     Response::builder().header(CONTENT_TYPE, "text/html").body(Full::<Bytes>::from(page))
//! });
//! let service = SsiLayer::new(|_| Some(Arc::new(Site(Shared::new())))).layer(pages);
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "Hello &lt;Ada&gt;: what is at /footer");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - Commands: `include` (`virtual`, `file`, `wait`, `set`, `stub`), `echo` (`var`, `default`, `encoding`), `set`, `if`, `elif`, `else`, `endif`,
//!   `block`, `endblock`, `config` (`errmsg`, `timefmt`), in responses of the [`types`](SsiLayer::types), as they come: a command may be
//!   divided between pieces of the body, and nothing else is held back.
//! - Variables, other pages, dates and regular expressions are those of a [`Host`], who is made for each page. What is set is
//!   [`Shared`] by a page and those that are included in it.
//! - Inclusions are asked for as soon as they are seen, up to sixteen at once, and shown in their order.
//! - `Content-Length`, `Accept-Ranges`, `Last-Modified` and `ETag` go; with [`last_modified`](SsiLayer::last_modified) the `ETag` becomes a weak
//!   one. `Range` does not reach the service inside.
//! - All is bounded: values, names and parameters of commands, blocks and variables (a mebibyte for a request), what waits.
//!
//! ## What it does not
//! A response with a `Content-Encoding` is left alone, and so is a part of one (206). `if` does not nest, as in nginx. There are no `exec`,
//! `fsize`, `flastmod` and `printenv`, which nginx does not know either.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `ssi` | [`SsiLayer`] |
//! | `ssi_types` | [`types`](SsiLayer::types) |
//! | `ssi_last_modified` | [`last_modified`](SsiLayer::last_modified) |
//! | `ssi_silent_errors` | [`silent_errors`](SsiLayer::silent_errors) |
//! | `ssi_value_length` | [`value_length`](SsiLayer::value_length) |
//! | `subrequest_output_buffer_size` | [`output_size`](SsiLayer::output_size) |
//!
//! Differences, all on purpose: what looks like the beginning of a command at the end of a page stays (nginx loses it), and a page that ends amid
//! a command says so; `stub` also takes the place of errors that have a page of their
//! own; a response that is too big for a variable leaves it as it was, and the page goes on.
//!
//! ## Errors
//! An [`Error`] is what is wrong with a command: it is told to the host, the page says so and goes on. Errors of the body inside, and of
//! what is included, end the body: whoever sends it has to cut the message, for it is not complete.
//!
//! ## Cost
//! One look at `Content-Type` for a response that is left alone. Text passes as it came, without a copy; it is searched for `<` alone. A
//! command allocates its name and values; an inclusion is two boxes of its own, its future and its body.

mod body;
mod command;
mod engine;
mod error;
mod expression;
mod future;
mod host;
mod included;
mod layer;
mod page;
mod rules;
mod service;
mod shared;
mod text;

pub use body::ResponseBody;
pub use error::Error;
pub use future::ResponseFuture;
pub use host::{Captured, Host, Included, IncludedBody, Including, Zone};
pub use layer::SsiLayer;
pub use service::Ssi;
pub use shared::Shared;
