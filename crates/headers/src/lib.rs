//! tower layers for header fields, as a reverse proxy needs them.
//!
//! What belongs to one connection is removed from what is forwarded, the configuration's fields are set and added, the
//! upstream's own are hidden, and forwarding fields are written, read and, from peers that are not trusted, removed.
//!
//! ## Example
//!
//! ```
//! use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, SERVER};
//! use http::{Request, Response};
//! use propylon_headers::{ClientAddr, Forwarding, RequestField, RequestHeadersLayer, ResponseField, ResponseHeadersLayer, X_FORWARDED_FOR};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let upstream = service_fn(async |request: Request<&'static str>| {
//!     assert_eq!(request.headers()[HOST], "origin.internal");
//!     assert_eq!(request.headers()[X_FORWARDED_FOR], "192.0.2.1");
//!     assert!(!request.headers().contains_key(CONNECTION));
//!     Ok::<_, std::convert::Infallible>(Response::builder().header(SERVER, "hidden/1.0").body("hello").unwrap())
//! });
//!
//! let request = RequestHeadersLayer::new()
//!     .set(RequestField::fixed(HOST, HeaderValue::from_static("origin.internal")))
//!     .set_all(Forwarding::replace().x_fields());
//! let response = ResponseHeadersLayer::new()
//!     .add_always(ResponseField::fixed(HeaderName::from_static("x-served-by"), HeaderValue::from_static("edge-1")));
//! let proxy = response.layer(request.layer(upstream));
//!
//! let request = Request::get("/")
//!     .header(HOST, "example.com")
//!     .header(CONNECTION, "keep-alive")
//!     .extension(ClientAddr::ip("192.0.2.1".parse().unwrap(), None))
//!     .body("")
//!     .unwrap();
//! let response = proxy.oneshot(request).await.unwrap();
//! assert!(!response.headers().contains_key(SERVER));
//! assert_eq!(response.headers()["x-served-by"], "edge-1");
//! # }
//! ```
//!
//! ## What it does
//!
//! - [`RequestHeadersLayer`], towards the upstream: removes the connection's fields (RFC 9110, 7.6.1) and `Expect`; sets
//!   [`Field`]s, whose values are fixed or computed from the request's parts.
//! - [`ResponseHeadersLayer`], towards the client: removes the connection's fields and contradictory framing, hides what nginx
//!   hides, adds [`Field`]s.
//! - [`Forwarding`]: `X-Real-IP`, `X-Forwarded-*` and `Forwarded` (RFC 7239) as fields to set. [`Element`], [`Node`],
//!   [`append_forwarded`] and [`append_x_forwarded_for`] are what it is made of.
//! - [`RealIpLayer`] and the function [`real_address`]: who the client is, where trusted proxies say it; [`strip_untrusted`]:
//!   what nobody trusted has said, taken away.
//! - [`SanitizeLayer`]: drops fields with odd names, for the edge.
//! - [`remove_hop_by_hop`]: for heads that pass no layer.
//!
//! **Order and case.** Names are those of [`http::HeaderMap`]: in lower case, and grouped. Set fields follow the client's, in
//! the order written; `Host` stays where the client had it. The client's other fields keep their order as well, a response's
//! need not: a field that is removed from it leaves its place to the last one. (Nothing may depend on the order of fields with
//! different names: RFC 9110, 5.3. The lines of one name always keep theirs.)
//!
//! ## What it does not
//!
//! - It does not write the `Date` and `Server` of a proxy's own, and no framing field: that is for the code that writes the
//!   message. It does not answer `Expect: 100-continue`: that is for the code that reads the client's body.
//! - It does not act on `X-Accel-*`, it only hides them: what acts on them belongs inside [`ResponseHeadersLayer`].
//! - It does not touch bodies or trailers, nor the field `Trailer`, which is not hop-by-hop in RFC 9110.
//! - It does not validate `Host`, nor decide between two of them.
//!
//! ## nginx
//!
//! `proxy_set_header`, `proxy_pass_request_headers`, `proxy_hide_header`, `proxy_pass_header`, `add_header`, `expires`,
//! `underscores_in_headers`, `ignore_invalid_headers`, `set_real_ip_from`, `real_ip_header`, `real_ip_recursive`,
//! `$proxy_add_x_forwarded_for`, `$realip_remote_addr`. The README has the table, and the differences.
//!
//! ## Errors
//!
//! No layer fails, and the inner service's errors pass as they are. Dropping a future drops the inner one, no more.
//! [`MalformedForwarded`] is for those who read `Forwarded` themselves.
//!
//! ## Cost
//!
//! No allocation unless a field is written whose value is new or whose name makes the map grow; no timer, no lock, no buffer.
//! A service clone is one reference count besides the inner clone. Measured figures are in the README.

mod client_addr;
mod field;
mod fingerprint;
mod forwarded;
mod forwarding;
mod hop_by_hop;
mod names;
mod real_ip;
mod request;
mod response;
mod retain;
mod sanitize;
mod strip;
mod trusted;

pub use self::client_addr::ClientAddr;
pub use self::field::{Field, RequestField, ResponseField, Value};
pub use self::forwarded::{
    Element, MalformedForwarded, Node, NodeName, NodePort, append_forwarded, append_x_forwarded_for,
};
pub use self::forwarding::Forwarding;
pub use self::hop_by_hop::remove_hop_by_hop;
pub use self::names::{
    KEEP_ALIVE, PROXY_CONNECTION, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REAL_IP, is_framing,
};
pub use self::real_ip::{ConnectionAddr, RealIp, RealIpLayer, real_address, real_address_forwarded};
pub use self::request::{RequestHeaders, RequestHeadersLayer};
pub use self::response::{Expires, ResponseFuture, ResponseHeaders, ResponseHeadersLayer, is_success};
pub use self::sanitize::{Sanitize, SanitizeLayer};
pub use self::strip::strip_untrusted;
pub use self::trusted::Trusted;
