//! A tower layer for server side includes: pages with commands in comments, as in nginx.
//!
//! ## Example
//!
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
//!
//! - Commands: `include` (`virtual`, `file`, `wait`, `set`, `stub`), `echo` (`var`, `default`, `encoding`), `set`, `if`, `elif`, `else`, `endif`,
//!   `block`, `endblock`, `config` (`errmsg`, `timefmt`). They are processed in responses with one of the configured
//!   [`types`](SsiLayer::types), while the body streams: a command may be split between pieces of the body, and nothing but commands is held back.
//! - A [`Host`], created for each page, provides variables, other pages, dates and regular expressions. A page shares the variables that it
//!   sets with the pages that it includes ([`Shared`]).
//! - Includes are requested as soon as they are parsed, up to sixteen at once, and output in their order.
//! - `Content-Length`, `Accept-Ranges`, `Last-Modified` and `ETag` are removed; with [`last_modified`](SsiLayer::last_modified), the `ETag`
//!   becomes a weak one instead. `Range` is not forwarded to the inner service.
//! - Everything is bounded: values, names and parameters of commands, blocks and variables (one mebibyte for a request), pending data.
//!
//! ## What it does not
//!
//! A response with a `Content-Encoding` is left unchanged, and so is a partial response (206). `if` does not nest, as in nginx. The commands
//! `exec`, `fsize`, `flastmod` and `printenv` do not exist, as in nginx.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `ssi` | [`SsiLayer`] |
//! | `ssi_types` | [`types`](SsiLayer::types) |
//! | `ssi_last_modified` | [`last_modified`](SsiLayer::last_modified) |
//! | `ssi_silent_errors` | [`silent_errors`](SsiLayer::silent_errors) |
//! | `ssi_value_length` | [`value_length`](SsiLayer::value_length) |
//! | `subrequest_output_buffer_size` | [`output_size`](SsiLayer::output_size) |
//!
//! Differences, all intentional: text at the end of a page that looks like the beginning of a command stays (nginx drops it), and a page that
//! ends within a command says so. `stub` also replaces errors that have an error page of their own. A response that is too large for a variable
//! leaves the variable unchanged, and the page continues.
//!
//! ## Errors
//!
//! An [`Error`] describes what is wrong with a command: it is reported to the host, and the page shows an error text and continues. Errors of
//! the inner body and of included bodies end the page's body: the server must truncate the message, because it is not complete.
//!
//! ## Cost
//!
//! One check of `Content-Type` for a response that is left unchanged. Text passes through without a copy; it is only searched for `<`. A
//! command allocates its name and values. An include takes two boxes, for its future and its body.

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
