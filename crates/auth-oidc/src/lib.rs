//! A tower layer that lets in whoever has logged in at an OpenID provider: nginx Plus' `auth_oidc`.
//!
//! ## Example
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use propylon_auth_oidc::{AuthOidcLayer, Kept, Provider, RelyingParty};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What asks the provider: a client that verifies whom it talks to.
//! let client = service_fn(|request: Request<Bytes>| async move {
//!     assert_eq!(request.uri(), "https://id.example.com/.well-known/openid-configuration");
//!     Ok::<_, std::io::Error>(Response::new(Bytes::from_static(
//!         br#"{"issuer": "https://id.example.com", "authorization_endpoint": "https://id.example.com/login",
//!             "token_endpoint": "https://id.example.com/token", "jwks_uri": "https://id.example.com/keys"}"#,
//!     )))
//! });
//! let provider = Provider::new("https://id.example.com", "unique_id").client_secret("unique_secret");
//! let party = RelyingParty::new(provider, Kept::in_memory()?, client);
//! let service = AuthOidcLayer::new(party).https().layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::from("inside")))
//! }));
//! let request = Request::get("/orders?open=1").header("host", "app.example.com").body(())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::FOUND);
//! let to = response.headers()["location"].to_str()?;
//! assert!(to.starts_with("https://id.example.com/login?response_type=code&scope=openid&client_id=unique_id&"));
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! The relying party of OpenID Connect's authorization code flow, for one provider:
//! - [`RelyingParty::login`] sends a browser to the provider; [`RelyingParty::answer`] takes it back: the code is changed for tokens, the ID
//!   token is judged (signature, `iss`, `aud`, `azp`, `exp`, `nbf`, `iat`, `nonce`, `at_hash`, `sub`), userinfo asked for if that is
//!   wanted, and a [`Session`] begun, which the browser has a cookie for.
//! - **Logins are not kept here while they are under way**, so nobody can fill anything with them: `state` is sealed (AES-256-GCM, keys of this
//!   process) and says when it began and which path of this host it leads to. It is bound to the browser by a cookie (`NAME_LOGIN`), which
//!   several tabs share, it is good for ten minutes, and once. `nonce` and the verifier of PKCE follow from it and from the keys.
//! - **Sessions** are in a [`Store`]: [`Memory`], or any other. It has them by the SHA-256 of what browsers have.
//! - The provider's metadata and keys are fetched at need, by one request for all that wait; they are used for an hour, and longer where
//!   nothing newer can be had. Keys are fetched at once when a token is signed with none of them. The endpoints of an issuer of `https` are of
//!   `https`.
//! - **Logout** of a user, at the provider too if it knows how ([`Step::Logout`]), and of the provider's ([`Step::FrontChannel`]).
//!
//! The secret is shown as `client_secret_basic`, or else as `client_secret_post`; without one we are a public client, and PKCE is on.
//!
//! ## What it does not
//! No other flow, no `response_mode` but `query`, no encrypted or symmetrically signed ID tokens (HS256: the secret is for the token endpoint),
//! no `private_key_jwt`, no refresh tokens: a session lasts for its time, whatever becomes of its access token. No back-channel logout. Userinfo is
//! JSON, not a token. It has no client: whoever has one gives it. Its cookie is not taken out of requests: what is behind gets it with the others,
//! and could come as the user.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `oidc_provider` and what is in it | [`Provider`] |
//! | `session_store` | [`Store`] |
//! | `auth_oidc` | [`AuthOidcLayer`], [`RelyingParty`] |
//! | `$oidc_id_token`, `$oidc_access_token`, `$oidc_userinfo`, `$oidc_claim_` | [`Session`] |
//!
//! Differences: what is written of them is in the gateway's documentation, for nginx's own is closed.
//!
//! ## Errors
//! The layer answers by itself and passes the errors of the inner service. An answer to what went wrong has an [`Error`] among its extensions,
//! and its status: 400 for a login that is not known, 403 for whom the provider does not let in, or whose token is no good, 502 for a
//! provider that cannot be reached or says what it should not. Nobody is let in for any of them.
//!
//! ## Cost
//! A request of a session: a hash of its cookie, a look-up, and a clone of an `Arc`. A login: three or four requests to the provider, two of
//! them kept. [`Memory`] has a size; where it is full the sessions end that would end first.

mod answer;
mod ask;
mod claims;
mod error;
mod form;
mod known;
mod layer;
mod login;
mod metadata;
mod party;
mod provider;
mod secrets;
mod session;
mod store;
mod used;

pub use answer::Answer;
pub use error::Error;
pub use layer::{AuthOidcLayer, LoggedIn};
pub use party::{Asked, Kept, RelyingParty, Step};
pub use provider::Provider;
pub use session::Session;
pub use store::{Memory, Store};
