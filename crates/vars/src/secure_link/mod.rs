//! Whether a request's link is one that a secret made: what `$secure_link` and `$secure_link_expires` are made from.
//!
//! MD5 is what nginx's links are made of: with a secret behind the text they hold against who wants to forge one, and not against who may
//! choose parts of two texts. Hashes are compared in the same time whatever they are.

mod link;
mod path;

use bytes::Bytes;
use propylon_exchange::Exchange;

use self::link::{Link, Verdict};
use self::path::behind_hash;
use crate::{Template, clock, state};

/// How the links of a place are judged.
#[derive(Clone, Debug)]
pub struct SecureLink(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The hash and the end of a link, and the text that the hash is of.
    Hash { link: Template, text: Template },
    /// The hash is a part of the path.
    Path { secret: Bytes },
}

impl SecureLink {
    /// `link` is a hash, with the second behind a comma that it is good until; `text` is what the hash has to be of (nginx: `secure_link`,
    /// `secure_link_md5`).
    #[must_use]
    pub fn new(link: Template, text: Template) -> Self {
        Self(Kind::Hash { link, text })
    }

    /// The path is `/prefix/hash/link`, and the hash is that of the link and this (nginx: `secure_link_secret`).
    #[must_use]
    pub fn in_path(secret: impl Into<Bytes>) -> Self {
        Self(Kind::Path { secret: secret.into() })
    }
}

/// The value of `$secure_link`: empty, or "0" for what is good no more, "1" for what is; in a path, what is behind the hash.
#[inline(never)] // few logs have it
pub(crate) fn secure_link(exchange: &Exchange) -> Option<Bytes> {
    if let Some(judged) = state::link_judged(exchange) {
        return judged;
    }
    let judged = state::with_secure_link(exchange, |SecureLink(kind)| match kind {
        Kind::Path { secret } => {
            let target = &exchange.head()?.target;
            Some(target.slice_ref(behind_hash(target, secret)?))
        }
        Kind::Hash { link, text } => {
            let link = link.eval(exchange);
            let link = Link::parse(&link);
            // The text has it in itself.
            state::set_link_expires(exchange, link.expires().map(Bytes::copy_from_slice));
            match link.verify(&text.eval(exchange), clock::now().as_secs()) {
                Verdict::Right => Some(Bytes::from_static(b"1")),
                Verdict::Expired => Some(Bytes::from_static(b"0")),
                Verdict::Wrong => None,
            }
        }
    })?;
    state::set_link_judged(exchange, judged.clone());
    judged
}

/// The value of `$secure_link_expires`.
pub(crate) fn expires(exchange: &Exchange) -> Option<Bytes> {
    state::link_expires(exchange).or_else(|| {
        state::with_secure_link(exchange, |SecureLink(kind)| match kind {
            Kind::Hash { link, .. } => {
                Link::parse(&link.eval(exchange)).expires().map(Bytes::copy_from_slice)
            }
            Kind::Path { .. } => None,
        })?
    })
}
