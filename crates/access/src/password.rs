//! Whether a password is the one that a hash was made of. Pure.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use md5::{Digest, Md5};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use sha1::Sha1;

/// Padded or not, as files and browsers have it.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash that cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an invalid or unsupported password hash: expected {{PLAIN}}, {{SHA}}, {{SSHA}}, $apr1$, $1$, $2y$, $5$ or $6$"
)]
pub(crate) struct Unknown;

/// Whether `password` fits `hash`.
pub(crate) fn verify(password: &[u8], hash: &str) -> Result<bool, Unknown> {
    if let Some(plain) = hash.strip_prefix("{PLAIN}") {
        return Ok(same(password, plain.as_bytes()));
    }
    if let Some(encoded) = hash.strip_prefix("{SHA}") {
        return Ok(decode(encoded).is_some_and(|hash| same(&Sha1::digest(password), &hash)));
    }
    if let Some(encoded) = hash.strip_prefix("{SSHA}") {
        let decoded = decode(encoded).ok_or(Unknown)?;
        let (hash, salt) = decoded.split_at_checked(20).ok_or(Unknown)?;
        return Ok(same(&Sha1::new().chain_update(password).chain_update(salt).finalize(), hash));
    }
    for magic in ["$apr1$", "$1$"] {
        if let Some(rest) = hash.strip_prefix(magic) {
            let salt = rest.split('$').next().unwrap_or_default();
            let salt = salt.get(..8).unwrap_or(salt);
            let expected = md5_crypt(password, magic, salt);
            return Ok(same(expected.as_bytes(), hash.as_bytes()));
        }
    }
    if hash.starts_with("$2") {
        return bcrypt::verify(password, hash).map_err(|_| Unknown);
    }
    if hash.starts_with("$5$") || hash.starts_with("$6$") {
        return Ok(ShaCrypt::default().verify_password(password, hash).is_ok());
    }
    Err(Unknown)
}

/// Compares in the same time whatever differs.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// The MD5-based crypt of FreeBSD, and Apache's, which differs in its magic.
fn md5_crypt(password: &[u8], magic: &str, salt: &str) -> String {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut outer = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    let mut left = password.len();
    while left > 0 {
        let taken = left.min(inner.len());
        outer.update(inner.get(..taken).unwrap_or_default());
        left -= taken;
    }
    let mut bits = password.len();
    while bits > 0 {
        let byte = if bits & 1 == 1 { 0 } else { password.first().copied().unwrap_or_default() };
        outer.update([byte]);
        bits >>= 1;
    }
    let mut hash = outer.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        let odd = round % 2 == 1;
        next.update(if odd { password } else { &hash });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &hash[..] } else { password });
        hash = next.finalize();
    }
    let mut text = format!("{magic}{salt}$");
    let byte = |at: usize| u32::from(hash.get(at).copied().unwrap_or_default());
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        digits(&mut text, byte(a) << 16 | byte(b) << 8 | byte(c), 4);
    }
    digits(&mut text, byte(11), 2);
    text
}

fn digits(text: &mut String, mut value: u32, count: usize) {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for _ in 0..count {
        text.extend(DIGITS.get((value & 0x3f) as usize).map(|&digit| char::from(digit)));
        value >>= 6;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes are what `openssl passwd`, `htpasswd` and Perl make of the password.
    #[test]
    fn hashes_of_every_kind() {
        #[track_caller]
        fn check(password: &str, hash: &str) {
            assert_eq!(verify(password.as_bytes(), hash), Ok(true), "{hash}");
            assert_eq!(verify(b"wrong", hash), Ok(false), "{hash}");
            assert_eq!(verify(b"", hash), Ok(false), "{hash}");
        }
        check("secret", "{PLAIN}secret");
        check("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=");
        check("secret", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0");
        check("secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/");
        check("secret", "$1$saltsalt$9xy1btjgzLYfb7hivXtC//");
        check("a much longer secret than md5 has bytes", "$apr1$x$rm8oV8zdz34c.Chd9P0LB0");
        check("secret", "$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.");
        check(
            "secret",
            "$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.",
        );
        check("secret", "$2y$04$N3tUNO4PUpk/eWtwp0MuXO7MSzKE/ISduCMsuZc5EdjT4ArYnhT3a");
    }

    #[test]
    fn what_is_no_hash_is_told() {
        for hash in ["", "secret", "Tabcdefghijkl", "{SSHA}short", "$y$j9T$abc$def", "$2y$xx$nothing"] {
            assert_eq!(verify(b"secret", hash), Err(Unknown), "{hash}");
        }
        assert_eq!(verify(b"secret", "{SHA}???"), Ok(false));
        assert_eq!(verify(b"secret", "$6$"), Ok(false));
    }
}
