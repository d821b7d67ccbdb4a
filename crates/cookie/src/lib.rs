//! A tower layer that rewrites cookies on their way to the client: domain, path and flags of every `Set-Cookie`.
//!
//! An application behind a gateway sets cookies for the name, the path and the scheme under which it is known inside; the
//! client knows others.
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
//! - Every line of `Set-Cookie` is looked at; attributes are known in any case; of each kind of rule, the first one that fits
//!   counts, and rules of the other kinds besides.
//! - [`domain`](CookieLayer::domain) replaces a `Domain` that equals a name, with or without a dot before it, which stays.
//! - [`path`](CookieLayer::path) replaces the beginning of a `Path`.
//! - [`flags`](CookieLayer::flags) adds and removes `Secure`, `HttpOnly` and `SameSite` of the cookie with a name.
//! - [`domain_with`](CookieLayer::domain_with), [`path_with`](CookieLayer::path_with) and
//!   [`flags_with`](CookieLayer::flags_with) take closures, which see the head of the response: for regular expressions, and
//!   for values that depend on the request (put what they need into the response's extensions).
//!
//! ## What it does not
//! A line that no rule fits keeps its bytes, and attributes that it does not know stay as they are, in their order. A line
//! without a `=` before the first `;` is no cookie and is left alone. It does not look at what it replaces with: whether a
//! browser takes a `Domain` is the browser's decision.
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
//! None of its own. A replacement that cannot stand in a field is not made.
//!
//! ## Cost
//! One look at the names of a response's fields. A line that a rule fits is taken apart without a copy, and written anew: one
//! allocation. With closures, another for the lines of a response that sets cookies.

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
