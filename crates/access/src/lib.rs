//! A tower layer that restricts access by client address and by password: nginx's `allow`, `deny`, `satisfy` and `auth_basic`.
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
//! - [`Rules`]: an ordered list of rules for networks, for unix sockets and for everyone. The first rule that matches a client
//!   decides; a client that no rule matches is allowed.
//! - [`UserFile`]: a password file as `htpasswd` writes it, reread when it has changed. Hashes: `{PLAIN}`, `{SHA}`, `{SSHA}`,
//!   `$apr1$`, `$1$`, bcrypt (`$2y$`), SHA-crypt (`$5$`, `$6$`).
//! - [`Access`] combines rules and passwords: either all of them must allow the request, or any one is enough. [`AccessLayer`]
//!   is the tower layer for it; an authenticated request carries the [`User`] in its extensions.
//! - [`Delay`] holds every 401 back until a set time after the request arrived, so that response times reveal nothing about
//!   users and passwords. The delay should be longer than any check takes.
//!
//! ## What it does not
//! The layer does not determine the client's address: a closure supplies it. Traditional DES hashes and yescrypt are not
//! supported: such a user is refused, and the verdict holds the reason. Failed logins are not counted.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `allow`, `deny` | [`Rules`] |
//! | `satisfy any` | [`Access::satisfy_any`] |
//! | `auth_basic`, `auth_basic_user_file` | [`Login`], [`AccessLayer::basic`] |
//! | `auth_delay` | [`Delay`], [`AccessLayer::delay`] |
//!
//! Differences: the realm is quoted. A hash that the system's `crypt` supports but this crate does not is answered with 500, as
//! nginx answers a hash that `crypt` does not support.
//!
//! ## Errors
//! The layer answers with 401, 403 or 500 and passes on the errors of the inner service. Each of these answers
//! carries a [`Refused`] in its extensions, which says in nginx's words why the request was refused.
//!
//! ## Cost
//! Rules are tested one by one. A password check is one job on tokio's blocking pool: it checks the file's modification time and
//! computes the hash, which is slow by design for bcrypt and SHA-crypt. A semaphore bounds the number of concurrent checks.
//! Results are not cached. A delay costs one timer for each waiting request.

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
