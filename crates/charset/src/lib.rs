//! A tower layer that sets the charset of responses in `Content-Type`, and converts their bodies from one charset to another
//! by character maps.
//!
//! ## Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, header::CONTENT_TYPE};
//! use http_body_util::{BodyExt, Full};
//! use propylon_charset::{CharsetLayer, Map};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let layer = CharsetLayer::new("utf-8").source("koi8-r").map(Map::to_utf8("koi8-r", [(0xC1, 'а')])?);
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     Response::builder().header(CONTENT_TYPE, "text/html").body(Full::<Bytes>::from(&b"\xC1!"[..]))
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "а!");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - A response of one of the [`types`](CharsetLayer::types) that names no charset gets the layer's. One that names a charset
//!   keeps it, unless [`override_charset`](CharsetLayer::override_charset) is set.
//! - If the charset of the response is known, from `Content-Type` or from [`source`](CharsetLayer::source), and differs from
//!   the wanted one, the body is converted by a [`Map`] between the two, in either direction. Without such a map the body is
//!   left unchanged, and [`on_missing`](CharsetLayer::on_missing) is called.
//! - Between two single-byte charsets, a character missing from the map becomes `?`. From UTF-8, a character that the other
//!   charset lacks becomes `&#NUMBER;`, and invalid UTF-8 becomes `?`. A character that is split between two pieces of the
//!   body is reassembled.
//! - A closure can choose the charset and the source charset for each response; a charset that comes with the response
//!   ([`order_with`](CharsetLayer::order_with)) takes precedence over both.
//! - Redirects (301, 302) get no charset.
//!
//! ## What it does not
//! A response with a `Content-Encoding` is not converted, because its bytes are not characters. A partial response (206) is
//! not converted to or from UTF-8, because that moves the byte positions. For the same reason the layer hides `Range` from
//! the inner service if the response may be converted to or from UTF-8, and a `Range` with several ranges if it may be
//! converted at all. No charset is built in: maps define them. Bytes 0 to 127 stay as they are unless a map of single bytes
//! contains them.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `charset name` | [`CharsetLayer::new`] |
//! | `charset $variable` | [`CharsetLayer::choosing`] |
//! | `source_charset` | [`source`](CharsetLayer::source), [`source_with`](CharsetLayer::source_with) |
//! | `override_charset` | [`override_charset`](CharsetLayer::override_charset) |
//! | `charset_types` | [`types`](CharsetLayer::types) |
//! | `charset_map` | [`Map::bytes`], [`Map::to_utf8`] |
//! | `X-Accel-Charset` | [`order_with`](CharsetLayer::order_with) |
//!
//! Differences: parameters of `Content-Type` other than `charset` are kept, and the type is still recognised. A character
//! that is cut off at the end of the body becomes `?`, where nginx drops it. A request for several ranges of a converted
//! response gets the whole response.
//!
//! ## Errors
//! [`MapError`], when a map is constructed. Responses and their bodies fail only if the inner ones do.
//!
//! ## Cost
//! One look at `Content-Type` for a response that is left unchanged; a new field value for one that gets a charset. A
//! converted body is rewritten piece by piece; only an incomplete character is buffered. A map's table takes 256 bytes
//! between single-byte charsets, 1 KiB to UTF-8, and 256 bytes for each 256 characters from it.

mod body;
mod content_type;
mod future;
mod layer;
mod map;
mod recode;
mod rules;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::CharsetLayer;
pub use map::{Map, MapError};
pub use service::Charset;
