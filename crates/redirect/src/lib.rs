//! A tower layer that rewrites where a response sends the client, `Location` and `Refresh`; and nginx's `rewrite` as pure
//! functions.
//!
//! An application behind a gateway redirects to the address under which it is known inside; the client knows another.
//!
//! ## Example
//! ```
//! use http::{Request, Response, header::LOCATION};
//! use propylon_redirect::RedirectLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = RedirectLayer::new().replace("http://localhost:8080/", "https://example.com/");
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     Response::builder().header(LOCATION, "http://localhost:8080/login").status(302).body(())
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.headers()[LOCATION], "https://example.com/login");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`replace`](RedirectLayer::replace) puts another beginning in the place of one; [`rule`](RedirectLayer::rule) takes a
//!   closure, which sees the head of the response. The first rule that fits counts.
//! - `Location` as a whole, and the URL behind `url=` of `Refresh`.
//! - A response whose `Location` was rewritten carries the extension [`Rewritten`], for those who complete a path with scheme
//!   and host.
//! - [`Replacement`] composes the URI that nginx's `rewrite` makes: which arguments are kept, what is encoded, what a redirect
//!   decodes again.
//!
//! ## What it does not
//! It makes no redirect of its own, matches no regular expression, and does not complete paths: it has no idea under which
//! name the client knows the service. A response whose fields no rule fits keeps their bytes.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `proxy_redirect from to` | [`RedirectLayer::replace`] |
//! | `proxy_redirect ~regex to`, with variables | [`RedirectLayer::rule`] |
//! | `proxy_redirect default` | [`RedirectLayer::replace`] with the upstream's URL and the location's prefix |
//! | `rewrite regex replacement` | [`Replacement`] |
//!
//! ## Errors
//! None of its own. A replacement that cannot stand in a field is not made.
//!
//! ## Cost
//! Two lookups for a response without these fields; one allocation for a field that is rewritten.

mod future;
mod layer;
mod replacement;
mod rules;
mod service;

pub use future::ResponseFuture;
pub use layer::RedirectLayer;
pub use replacement::Replacement;
pub use rules::{Rewritten, replace_start};
pub use service::Redirect;
