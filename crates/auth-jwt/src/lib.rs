//! A tower layer that lets in whoever has a JSON Web Token (RFC 7519) that was signed with a known key: nginx Plus' `auth_jwt`.
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
//! - [`KeySet`]: keys as RFC 7517 has them, a set or one alone. [`KeyFile`]: a file of them, read again when it has changed.
//! - [`Token`]: a token taken apart, and what it says, by the names that lead to it.
//! - [`KeySet::verify`]: signature, `exp` and `nbf`. Which algorithms a key is for the key says (`alg`, or else its kind and curve), never
//!   the token alone: a public key is no secret. HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and
//!   EdDSA with Ed25519; `none` is none of them.
//! - [`AuthJwtLayer`] is the layer around it; the request carries the token on.
//!
//! ## What it does not
//! It fetches no keys: whoever has a client gives it the text. It decrypts nothing (RFC 7516): an encrypted token has five parts, and is
//! malformed. It knows neither ES512 nor Ed448, for what checks the signatures does not. What `iss`, `aud` and other claims have to be is
//! for [`AuthJwtLayer::require`]. It remembers no token: each is checked each time.
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
//! Differences: what is written of them is in the gateway's documentation, for nginx's own is closed. A secret of no length is no key; a token
//! with `crit` is refused.
//!
//! ## Errors
//! The layer answers with 401, 403 or 500 and passes the errors of the inner service. Its 401 has a [`Refused`] among its extensions, which says
//! why. [`KeyError`]: there are no keys, which is 500.
//!
//! ## Cost
//! A token is a tree of JSON, of 64 KiB of text at most. A signature is checked
//! for each key that fits; a `kid` makes that one. A file costs a look at its time, on tokio's blocking pool.

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
