//! Tower layers for header fields, as a reverse proxy needs them.
//!
//! They remove hop-by-hop fields from forwarded messages, set and add configured fields, hide the upstream's own fields, and write,
//! read and (from untrusted peers) remove forwarding fields.
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
//! - [`RequestHeadersLayer`] prepares requests for the upstream: removes the hop-by-hop fields (RFC 9110, 7.6.1) and `Expect`; sets
//!   [`Field`]s, whose values are fixed or computed from the request's parts.
//! - [`ResponseHeadersLayer`] prepares responses for the client: removes hop-by-hop fields and contradictory framing, hides the fields
//!   that nginx hides, adds [`Field`]s.
//! - [`Forwarding`]: `X-Real-IP`, `X-Forwarded-*` and `Forwarded` (RFC 7239) as fields to set. Its building blocks are [`Element`],
//!   [`Node`], [`append_forwarded`] and [`append_x_forwarded_for`].
//! - [`RealIpLayer`] and the function [`real_address`] determine the client's address from what trusted proxies report;
//!   [`strip_untrusted`] removes forwarding fields from an untrusted peer.
//! - [`SanitizeLayer`] drops fields with unusual names, for use at the edge.
//! - [`remove_hop_by_hop`] is for heads that do not pass through a layer.
//!
//! **Order and case.** Names are those of [`http::HeaderMap`]: in lower case, and grouped. Set fields follow the client's fields, in
//! the order given; `Host` stays where the client had it. The client's other fields keep their order too. A response's fields may
//! not: when a field is removed, the last one takes its place. (Nothing may depend on the order of fields with different names:
//! RFC 9110, 5.3. Lines with the same name always keep their order.)
//!
//! ## What it does not
//!
//! - The crate writes no `Date` or `Server` for the proxy itself, and no framing fields: the code that writes the message does. It
//!   does not answer `Expect: 100-continue`: the code that reads the client's body does.
//! - It only hides `X-Accel-*` and does not act on them: code that does belongs inside [`ResponseHeadersLayer`].
//! - It does not touch bodies or trailers, nor the field `Trailer`, which is not hop-by-hop in RFC 9110.
//! - It does not validate `Host`, nor choose between two of them.
//!
//! ## nginx
//!
//! `proxy_set_header`, `proxy_pass_request_headers`, `proxy_hide_header`, `proxy_pass_header`, `add_header`, `expires`,
//! `underscores_in_headers`, `ignore_invalid_headers`, `set_real_ip_from`, `real_ip_header`, `real_ip_recursive`,
//! `$proxy_add_x_forwarded_for`, `$realip_remote_addr`. The README has the table and the differences.
//!
//! ## Errors
//!
//! The layers never fail, and pass the inner service's errors through unchanged. Dropping a future only drops the inner one.
//! [`MalformedForwarded`] is for callers that read `Forwarded` themselves.
//!
//! ## Cost
//!
//! Nothing is allocated unless a written field has a new value or its name makes the map grow. There is no timer, lock or buffer.
//! Cloning a service clones one reference count in addition to the inner service. The README has measurements.

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
