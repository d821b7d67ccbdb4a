//! What is random, what is sealed and what is made of both.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Keys of one process for logins under way: nobody else can begin one, or change where it leads.
pub(crate) struct Secrets {
    seal: RandomizedNonceKey,
    derive: hmac::Key,
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Base64url without padding.
pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What base64url without padding stands for.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// A fingerprint (SHA-256), in base64url.
pub(crate) fn fingerprint(text: impl AsRef<[u8]>) -> String {
    base64(digest::digest(&digest::SHA256, text.as_ref()))
}

impl Secrets {
    /// New ones; none: the system has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        let seal = RandomizedNonceKey::new(&AES_256_GCM, &random::<32>()?).ok()?;
        Some(Self { seal, derive: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?) })
    }

    /// A text that only who has these keys can have made, and read, together with what it is bound to.
    pub(crate) fn seal(&self, plain: &[u8], bound_to: &[u8]) -> Option<String> {
        let mut sealed = plain.to_vec();
        let nonce = self.seal.seal_in_place_append_tag(Aad::from(bound_to), &mut sealed).ok()?;
        let mut all = nonce.as_ref().to_vec();
        all.append(&mut sealed);
        Some(base64(all))
    }

    /// What was sealed, if it was, and bound to the same.
    pub(crate) fn open(&self, text: &str, bound_to: &[u8]) -> Option<Vec<u8>> {
        let all = unbase64(text)?;
        let (nonce, sealed) = all.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let length = self.seal.open_in_place(nonce, Aad::from(bound_to), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }

    /// A text that follows from `parts`, and that nobody can guess who has not got the keys: 43 characters of base64url.
    pub(crate) fn derive(&self, what: &str, parts: [&[u8]; 2]) -> String {
        let mut context = hmac::Context::with_key(&self.derive);
        for part in [what.as_bytes(), parts[0], parts[1]] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        base64(context.sign())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_who_has_the_keys_alone() {
        let (ours, theirs) = (Secrets::new().unwrap(), Secrets::new().unwrap());
        let sealed = ours.seal(b"plain", b"browser").unwrap();
        assert_eq!(ours.open(&sealed, b"browser").as_deref(), Some(&b"plain"[..]));
        assert_eq!(ours.open(&sealed, b"another"), None);
        assert_eq!(theirs.open(&sealed, b"browser"), None);
        for cut in 0..sealed.len() {
            assert_eq!(ours.open(sealed.get(..cut).unwrap(), b"browser"), None, "{cut}");
        }
        assert_ne!(ours.seal(b"plain", b"browser").unwrap(), sealed);
    }

    #[test]
    fn derived_texts_have_no_doubtful_edges() {
        let secrets = Secrets::new().unwrap();
        let one = secrets.derive("nonce", [b"ab", b"c"]);
        assert_eq!(one.len(), 43);
        assert_eq!(one, secrets.derive("nonce", [b"ab", b"c"]));
        assert_ne!(one, secrets.derive("nonce", [b"a", b"bc"]));
        assert_ne!(one, secrets.derive("verifier", [b"ab", b"c"]));
    }
}
