//! A tower layer that names the charset of responses in `Content-Type`, and recodes their bodies from one charset to
//! another by maps of characters.
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
//! - A response of one of the [`types`](CharsetLayer::types) that names no charset gets the name of the layer's. One that
//!   names a charset is left alone, unless [`override_charset`](CharsetLayer::override_charset) says otherwise.
//! - Where the charset of the response is known, by its own word or by [`source`](CharsetLayer::source), and is another one,
//!   the body is recoded by a [`Map`] between the two, in either direction; without one it is left alone, and
//!   [`on_missing`](CharsetLayer::on_missing) is told.
//! - Between two charsets of one byte a character, a character that the map does not have becomes `?`. What UTF-8 has and the
//!   other charset has not becomes `&#NUMBER;`, and what is no UTF-8 becomes `?`. A character that is divided between two
//!   pieces of the body is put together.
//! - The charset, and the source, can be chosen for each response by a closure; an order that comes with the response
//!   ([`order_with`](CharsetLayer::order_with)) goes before both.
//! - Redirects (301, 302) get no charset.
//!
//! ## What it does not
//! A response with a `Content-Encoding` is not recoded: its bytes are not characters. Neither is a part of a response (206)
//! to or from UTF-8, where bytes have other places afterwards; for that reason a `Range` does not reach the service inside
//! where its response may be recoded like that, nor does one with several ranges where it may be recoded at all. Charsets are
//! what their maps say: none is built in. The bytes 0 to 127 stay as they are unless a map of single bytes has them.
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
//! Differences: parameters of `Content-Type` other than `charset` stay and do not hide the type; a character that the body
//! breaks off in becomes `?`, where nginx drops it; a recoded response with several ranges is sent whole.
//!
//! ## Errors
//! [`MapError`], when a map is made. Responses and their bodies fail only as those inside do.
//!
//! ## Cost
//! One look at `Content-Type` for a response that is left alone; a new field value for one that gets a name. A body that is
//! recoded is written anew, piece by piece, with nothing kept but an unfinished character. The table of a map is 256 bytes,
//! 1 KiB to UTF-8, and 256 bytes for each 256 characters from it.

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
