//! A tower layer that admits users who have logged in at an OpenID provider: nginx Plus' `auth_oidc`.
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
//! - [`RelyingParty::login`] redirects a browser to the provider; [`RelyingParty::answer`] handles its return: it exchanges the code for tokens,
//!   validates the ID token (signature, `iss`, `aud`, `azp`, `exp`, `nbf`, `iat`, `nonce`, `at_hash`, `sub`), requests userinfo if configured, and
//!   starts a [`Session`], for which the browser gets a cookie.
//! - **Pending logins are not stored**, so they cannot be used to exhaust memory: `state` is encrypted and authenticated (AES-256-GCM with keys of
//!   this process) and holds the time of the login and the path on this host to return to. A cookie (`NAME_LOGIN`), shared by all tabs, binds it to
//!   the browser. A `state` is valid for ten minutes and can be used once. `nonce` and the PKCE verifier are derived from the `state` and the keys.
//! - **Sessions** are kept in a [`Store`]: [`Memory`], or another implementation. The store is indexed by the SHA-256 of the browser's session
//!   cookie.
//! - The provider's metadata and keys are fetched on demand, with one request for all that wait for it. They are used for an hour, and longer if
//!   they cannot be refreshed. Keys are refetched at once when no known key fits a token. If the issuer is an `https` URL, its endpoints must be
//!   `https` URLs too.
//! - **Logout** initiated by the user, also at the provider if it supports that ([`Step::Logout`]), and initiated by the provider
//!   ([`Step::FrontChannel`]).
//!
//! The client secret is sent by `client_secret_basic`, or else by `client_secret_post`. Without a secret the relying party is a public client, and
//! PKCE is on.
//!
//! ## What it does not
//! No other flow, no `response_mode` but `query`, no encrypted or symmetrically signed ID tokens (HS256: the secret is for the token endpoint
//! only), no `private_key_jwt`, and no refresh tokens: a session lasts for its configured time, whatever happens to its access token. No
//! back-channel logout. Userinfo must be JSON, not a token. The crate has no HTTP client: the application supplies one. The session cookie is not
//! removed from requests: the inner service receives it with the others, and could use it to impersonate the user.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `oidc_provider` and its directives | [`Provider`] |
//! | `session_store` | [`Store`] |
//! | `auth_oidc` | [`AuthOidcLayer`], [`RelyingParty`] |
//! | `$oidc_id_token`, `$oidc_access_token`, `$oidc_userinfo`, `$oidc_claim_` | [`Session`] |
//!
//! Differences: the gateway's documentation lists them, because nginx's implementation is closed source.
//!
//! ## Errors
//! The layer answers by itself and passes on the errors of the inner service. An error response has an [`Error`] in its extensions, and a matching
//! status: 400 for an unknown login, 403 for a user whom the provider refuses or whose token is invalid, 502 for a provider that cannot be reached
//! or gives an invalid answer. In none of these cases is the request admitted.
//!
//! ## Cost
//! A request with a session: a hash of its cookie, a look-up, and a clone of an `Arc`. A login: three or four requests to the provider, two of
//! which are cached. [`Memory`] has a maximum size; when it is full, the sessions that would expire first are evicted.

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
