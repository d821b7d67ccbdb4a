//! A tower layer that lets requests in by address and by password: nginx's `allow`, `deny`, `satisfy` and `auth_basic`.
//!
//! ## Example
//! ```
//! use http::{Request, Response, StatusCode};
//! use propylon_access::{Access, AccessLayer, Client, Rules, Whom};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let layer = AccessLayer::new(Access::new(Rules::new().deny(Whom::All)), |_| Client::Unix);
//! let service = layer.layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::from("inside")))
//! }));
//! assert_eq!(service.oneshot(Request::new(())).await?.status(), StatusCode::FORBIDDEN);
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`Rules`]: networks, everyone, unix sockets, in their order; the first that means a client counts, and who is meant by
//!   none may come in.
//! - [`UserFile`]: a file as `htpasswd` writes it, read again when it has changed. Hashes: `{PLAIN}`, `{SHA}`, `{SSHA}`,
//!   `$apr1$`, `$1$`, bcrypt (`$2y$`), SHA-crypt (`$5$`, `$6$`).
//! - [`Access`] joins both: all is needed, or any is enough. [`AccessLayer`] is the layer around it; the request carries the
//!   [`User`] on.
//! - [`Delay`]: 401 takes a time of its own, whatever the check took, so that nothing is learned from how long it took.
//!
//! ## What it does not
//! It finds out nobody's address: a closure tells it. It knows no traditional DES hashes and no yescrypt: such a user is not
//! let in, and the reason is in the verdict. It does not count failures.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `allow`, `deny` | [`Rules`] |
//! | `satisfy any` | [`Access::satisfy_any`] |
//! | `auth_basic`, `auth_basic_user_file` | [`Login`], [`AccessLayer::basic`] |
//! | `auth_delay` | [`Delay`], [`AccessLayer::delay`] |
//!
//! Differences: a realm is quoted; a hash that the system's `crypt` would know and this crate does not is 500, as one that
//! nobody knows is in nginx.
//!
//! ## Errors
//! The layer answers with 401, 403 or 500 and passes the errors of the inner service. [`Refused`] says why a user is not let
//! in, in nginx's words.
//!
//! ## Cost
//! Rules are looked at one by one. A password takes one piece of work on tokio's blocking pool: the file's time is looked
//! at, and its hash is computed, which bcrypt and SHA-crypt make slow on purpose; a semaphore bounds how many there are at once.
//! Nothing about a password is remembered. A delay is a timer for each request that waits.

mod access;
mod delay;
mod layer;
mod password;
mod rules;
mod users;

pub use access::{Access, Login, Verdict};
pub use delay::{Delay, Due};
pub use layer::{AccessLayer, Guarded, User};
pub use rules::{Client, Rules, Whom};
pub use users::{Refused, UserFile};
