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

/// Takes the token of a request apart, if it has one.
pub type TokenReader = dyn Fn(&Exchange) -> Option<Arc<dyn Token>> + Send + Sync;

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

/// What is known of a request's token.
#[derive(Clone, Default)]
pub(crate) struct TokenFacts {
    how: Option<Arc<TokenReader>>,
    /// The token, once somebody has asked: it may be none.
    said: Option<Option<Arc<dyn Token>>>,
    /// Whether it stays what it is wherever the request goes.
    stays: bool,
}

impl TokenFacts {
    /// The request is at another place.
    pub(crate) fn moved(&mut self) {
        self.how = None;
        if !self.stays {
            self.said = None;
        }
    }
}

/// How the request's token is found from here on, where somebody asks for what it says before it is [known](set_token).
pub fn set_token_reader(exchange: &Exchange, how: Arc<TokenReader>) {
    state::write(exchange, |facts| {
        let token = facts.token.get_or_insert_default();
        token.moved();
        token.how = Some(how);
    });
}

/// The request's token is this one, from here on; `None`: it was refused, and nobody hears what it says any more.
pub fn set_token(exchange: &Exchange, token: Option<Arc<dyn Token>>) {
    state::write(exchange, |facts| {
        if token.is_none() {
            facts.forget_maps(); // they may have it in them
        }
        let stays = token.is_some();
        facts.token = Some(Box::new(TokenFacts { how: None, said: Some(token), stays }));
    });
}

/// Whether the request may come in is settled: what a token says that was not [found good](set_token) nobody hears from here on.
pub fn settle_token(exchange: &Exchange) {
    state::write(exchange, |facts| {
        let Some(token) = facts.token.as_mut().filter(|token| !token.stays) else { return };
        let heard = matches!(token.said, Some(Some(_)));
        (token.how, token.said) = (None, Some(None));
        if heard {
            facts.forget_maps();
        }
    });
}

/// The value that these names lead to.
#[inline(never)] // few logs have it
pub(crate) fn value(exchange: &Exchange, part: TokenPart, path: &[Box<str>]) -> Option<Bytes> {
    token(exchange)?.value(part, path)
}

/// The value of `$jwt_payload`.
#[inline(never)] // few logs have it
pub(crate) fn payload(exchange: &Exchange) -> Option<Bytes> {
    token(exchange)?.payload()
}

/// The token. While it is looked for it is not there, so that what has itself in it comes to an end.
fn token(exchange: &Exchange) -> Option<Arc<dyn Token>> {
    let found = state::write(exchange, |facts| {
        let token = facts.token.as_mut()?;
        Some((token.said.clone(), token.how.take_if(|_| token.said.is_none())))
    })??;
    match found {
        (Some(said), _) => said,
        (None, how) => {
            let how = how?;
            let said = how(exchange);
            state::write(exchange, |facts| {
                if let Some(token) = &mut facts.token {
                    (token.how, token.said) = (Some(how), Some(said.clone()));
                }
            });
            said
        }
    }
}
