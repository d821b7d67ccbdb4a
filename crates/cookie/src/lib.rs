//! A tower layer that rewrites cookies on their way to the client: domain, path and flags of every `Set-Cookie`.
//!
//! An application behind a gateway sets cookies for the host name, path and scheme by which it is known internally; clients
//! use different ones.
//!
//! ## Example
//! ```
//! use http::{Request, Response, header::SET_COOKIE};
//! use propylon_cookie::{CookieLayer, Flags, SameSite};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = CookieLayer::new()
//!     .domain("localhost", "example.com")
//!     .path("/app/", "/")
//!     .flags("session", Flags::new().secure().http_only().same_site(SameSite::Strict));
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     Response::builder().header(SET_COOKIE, "session=1; Path=/app/; Domain=localhost").body(())
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(
//!     response.headers()[SET_COOKIE],
//!     "session=1; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Strict",
//! );
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - Rewrites every `Set-Cookie` line. Attribute names are case-insensitive. Of each kind of rule the first that matches
//!   applies; rules of different kinds are independent.
//! - [`domain`](CookieLayer::domain) replaces a `Domain` that equals a name, with or without a leading dot, which is kept.
//! - [`path`](CookieLayer::path) replaces the beginning of a `Path`.
//! - [`flags`](CookieLayer::flags) adds and removes `Secure`, `HttpOnly` and `SameSite` of the cookie with a given name.
//! - [`domain_with`](CookieLayer::domain_with), [`path_with`](CookieLayer::path_with) and
//!   [`flags_with`](CookieLayer::flags_with) take closures of the response's head: for regular expressions, and for values
//!   that depend on the request (put what they need into the response's extensions).
//!
//! ## What it does not
//! A line that no rule matches is left byte for byte as it is, and unknown attributes keep their place and order. A line
//! without a `=` before the first `;` is not a cookie and is left unchanged. Replacement values are not validated: whether to
//! accept a `Domain` is up to the browser.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_cookie_domain domain replacement` | [`CookieLayer::domain`] |
//! | `proxy_cookie_path path replacement` | [`CookieLayer::path`] |
//! | `proxy_cookie_flags cookie flag...` | [`CookieLayer::flags`] |
//! | the same with `~regex` or variables | [`domain_with`](CookieLayer::domain_with) and the others |
//!
//! ## Errors
//! None of its own. A replacement that would not be a valid field value is not made.
//!
//! ## Cost
//! One look at the field names of each response. A line that a rule matches is parsed without a copy and rewritten with one
//! allocation. Closures cost one more allocation for the lines of a response that sets cookies.

mod flags;
mod future;
mod layer;
mod line;
mod replace;
mod rules;
mod service;

pub use flags::{Flags, SameSite};
pub use future::ResponseFuture;
pub use layer::CookieLayer;
pub use replace::{replace_domain, replace_path};
pub use service::Cookie;
