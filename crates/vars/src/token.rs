//! What a request's JSON Web Token says: what `$jwt_claim_NAME`, `$jwt_header_NAME`, `$jwt_payload` and the names that a configuration gives to what
//! is deeper inside are made from. Who takes tokens apart is not known here.

use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::Exchange;

use crate::state;

/// A token that was taken apart.
pub trait Token: Send + Sync {
    /// The value that these names lead to, from the outermost, in this part of it.
    fn value(&self, part: TokenPart, path: &[Box<str>]) -> Option<Bytes>;

    /// All claims.
    fn payload(&self) -> Option<Bytes>;
}

/// The parts of a token that have names in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// How it is signed, and with which key.
    Header,
    /// What it says of whoever bears it.
    Claims,
}

/// A value in a token.
pub(crate) type TokenPath = (TokenPart, Box<[Box<str>]>);

/// The request's token is this one, which was found good, from here on and wherever the request goes; `None`: it has none. Nobody hears of
/// another one.
pub fn set_token(exchange: &Exchange, token: Option<Arc<dyn Token>>) {
    if token.is_none() && known(exchange).is_none() {
        return;
    }
    state::write(exchange, |facts| {
        facts.forget_maps(); // they may have the one before in them
        facts.few().token = token;
    });
}

/// What `look` evaluates hears this token, which nobody has found good, and leaves no trace: where the keys are that it is to be signed with may
/// be written in it.
pub fn with_token<T>(exchange: &Exchange, token: Arc<dyn Token>, look: impl FnOnce() -> T) -> T {
    let before = state::write(exchange, |facts| facts.hear(token));
    let found = look();
    if let Some(before) = before {
        state::write(exchange, |facts| facts.forget(before));
    }
    found
}

/// The value that these names lead to.
#[inline(never)] // few logs have it
pub(crate) fn value(exchange: &Exchange, part: TokenPart, path: &[Box<str>]) -> Option<Bytes> {
    known(exchange)?.value(part, path)
}

/// The value of `$jwt_payload`.
#[inline(never)] // few logs have it
pub(crate) fn payload(exchange: &Exchange) -> Option<Bytes> {
    known(exchange)?.payload()
}

fn known(exchange: &Exchange) -> Option<Arc<dyn Token>> {
    state::few(exchange, |few| few.token.clone())
}
