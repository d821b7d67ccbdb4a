//! A tower layer that admits requests with a JSON Web Token (RFC 7519) signed with a known key: nginx Plus' `auth_jwt`.
//!
//! ## Example
//! ```
//! use http::{Request, Response, StatusCode};
//! use propylon_auth_jwt::{AuthJwtLayer, KeySet};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeySet::parse(br#"{"keys":[{"kty":"oct","kid":"0001","k":"ZmFudGFzdGljand0"}]}"#)?;
//! let service = AuthJwtLayer::new("closed site", keys).layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::from("inside")))
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"closed site\"");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`KeySet`]: keys in RFC 7517's format, a set or a single key. [`KeyFile`]: a file of keys, reread when it has changed.
//! - [`Token`]: a parsed token; its header and claims are looked up by the path of names that leads to them.
//! - [`KeySet::verify`] checks the signature, `exp` and `nbf`. The key determines the algorithms it can be used with (by `alg`, else by its type
//!   and curve), never the token alone, because a public key is no secret. Supported: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384,
//!   PS512, ES256, ES384 and EdDSA with Ed25519; `none` is never accepted.
//! - [`AuthJwtLayer`] is the tower layer; an admitted request carries the token in its extensions.
//!
//! ## What it does not
//! Keys are not fetched: the application supplies their text. Encrypted tokens (RFC 7516) are not supported: they have five parts and are
//! treated as malformed. ES512 and Ed448 are not supported, because the underlying library does not verify them. `iss`, `aud` and other claims
//! are checked only by [`AuthJwtLayer::require`]. Tokens are not cached: each is verified every time.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `auth_jwt` | [`AuthJwtLayer::new`], [`AuthJwtLayer::token`] |
//! | `auth_jwt_key_file` | [`KeyFile`], [`AuthJwtLayer::or`] |
//! | `auth_jwt_leeway` | [`AuthJwtLayer::leeway`] |
//! | `auth_jwt_require` | [`AuthJwtLayer::require`] |
//! | `$jwt_claim_`, `$jwt_header_`, `auth_jwt_claim_set`, `auth_jwt_header_set` | [`Token::claim`], [`Token::header`] |
//!
//! Differences: the gateway's documentation lists them, because nginx's implementation is closed source. An empty secret is not accepted as a
//! key; a token with `crit` is refused.
//!
//! ## Errors
//! The layer answers with 401, 403 or 500 and passes on the errors of the inner service. Its 401 has a [`Refused`] in its extensions, which
//! gives the reason. [`KeyError`]: no keys are available, which is a 500.
//!
//! ## Cost
//! A token is at most 64 KiB of text and is parsed into a tree of JSON values. The signature is checked with each key that fits; a `kid` usually
//! narrows them down to one. A key file costs a look at its modification time, on tokio's blocking pool.

mod bearer;
mod error;
mod file;
mod keys;
mod layer;
mod token;

pub use bearer::{bearer, challenge};
pub use error::{KeyError, Refused};
pub use file::KeyFile;
pub use keys::KeySet;
pub use layer::{AuthJwtLayer, Guarded, Keys};
pub use token::{Token, value_at};
