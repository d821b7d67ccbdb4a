//! Who has logged in with a request's browser: what `$oidc_claim_NAME`, `$oidc_id_token`, `$oidc_access_token` and `$oidc_userinfo` are made from. Who logs
//! in where is not known here.

use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::Exchange;

use crate::state;

/// Somebody who has logged in at a provider.
pub trait Login: Send + Sync {
    /// What the provider says of the user under this name.
    fn claim(&self, name: &str) -> Option<Bytes>;

    /// A part of the session, whole.
    fn part(&self, part: LoginPart) -> Option<Bytes>;
}

/// What a session is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginPart {
    /// The ID token.
    IdToken,
    /// The access token.
    AccessToken,
    /// What else the provider says of the user, as JSON.
    Userinfo,
}

/// The request is of this session from here on, and wherever it goes; `None`: it is of none.
pub fn set_login(exchange: &Exchange, login: Option<Arc<dyn Login>>) {
    if login.is_none() && known(exchange).is_none() {
        return;
    }
    state::write(exchange, |facts| {
        facts.forget_maps(); // they may have the one before in them
        facts.few().login = login;
    });
}

/// The value of `$oidc_claim_NAME`.
#[inline(never)] // few logs have it
pub(crate) fn claim(exchange: &Exchange, name: &str) -> Option<Bytes> {
    known(exchange)?.claim(name)
}

/// The value of one of the others.
#[inline(never)] // few logs have it
pub(crate) fn part(exchange: &Exchange, part: LoginPart) -> Option<Bytes> {
    known(exchange)?.part(part)
}

fn known(exchange: &Exchange) -> Option<Arc<dyn Login>> {
    state::few(exchange, |few| few.login.clone())
}
