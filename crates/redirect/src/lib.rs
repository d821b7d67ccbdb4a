//! A tower layer that rewrites `Location` and `Refresh` in responses, and the URI arithmetic of nginx's `rewrite` as pure functions.
//!
//! An application behind a gateway redirects to its internal address; the client knows the gateway's.
//!
//! ## Example
//!
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
//!
//! - [`replace`](RedirectLayer::replace) replaces one prefix of the URL with another; [`rule`](RedirectLayer::rule) takes a closure, which
//!   sees the response head. The first rule that matches applies, for `Location` as a whole and for the URL after `url=` in `Refresh`.
//! - A response whose `Location` was rewritten carries the extension [`Rewritten`], for layers that complete a path with scheme and
//!   host.
//! - [`Replacement`] builds the URI that nginx's `rewrite` produces: which arguments are kept, what is encoded, and what a redirect
//!   decodes again.
//!
//! ## What it does not
//!
//! The layer makes no redirects of its own, does not match regular expressions, and does not complete paths with scheme and host, because it
//! does not know under which name the client reaches the service. Fields that no rule matches keep their bytes.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `proxy_redirect from to` | [`RedirectLayer::replace`] |
//! | `proxy_redirect ~regex to`, with variables | [`RedirectLayer::rule`] |
//! | `proxy_redirect default` | [`RedirectLayer::replace`] with the upstream's URL and the location's prefix |
//! | `rewrite regex replacement` | [`Replacement`] |
//!
//! ## Errors
//!
//! None of its own. A replacement that is not a valid field value is not applied.
//!
//! ## Cost
//!
//! Two lookups for a response without these fields; one allocation for each field that is rewritten.

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
