//! Links that have their hash in their path: nginx's older form.

use md5::{Digest as _, Md5};

use super::link::same;

/// What is behind the hash in `/prefix/hash/path`, if that is the hash of the path and the secret, in hexadecimal digits.
pub(super) fn behind_hash<'t>(target: &'t [u8], secret: &[u8]) -> Option<&'t [u8]> {
    let slash = |text: &[u8]| text.iter().position(|byte| *byte == b'/');
    // The prefix may be empty, as in nginx: its first byte is not looked at.
    let rest = target.get(1..)?;
    let rest = rest.get(slash(rest)? + 1..)?;
    let end = slash(rest)?;
    let (hash, path) = (hexadecimal(rest.get(..end)?)?, rest.get(end + 1..)?);
    let made = Md5::new().chain_update(path).chain_update(secret).finalize();
    (!path.is_empty() && same(&hash, &made.into())).then_some(path)
}

fn hexadecimal(text: &[u8]) -> Option<[u8; 16]> {
    let mut found = [0; 16];
    if text.len() != 32 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in found.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_behind_their_hash() {
        // echo -n 'top_secret_file.pdfsegredo' | openssl md5 -hex
        const HASH: &str = "0849e9c72988f118896724a0502b92a8";
        let good = format!("/p/{HASH}/top_secret_file.pdf");
        for (target, expected) in [
            (good.clone(), true),
            (good.replace("49e9", "49E9"), true),
            (good.replace("/p/", "/a-longer-prefix/"), true),
            (good.replace("/p/", "/p/q/"), false),
            (good.replace("0849", "0848"), false),
            (good.replace("0849", "084"), false),
            (good.replace("0849", "x849"), false),
            (good.replace(".pdf", ".pd"), false),
            (format!("/p/{HASH}/"), false),
            (format!("/p/{HASH}"), false),
            (format!("/{HASH}/top_secret_file.pdf"), false),
            ("/".to_owned(), false),
            (String::new(), false),
        ] {
            let found = behind_hash(target.as_bytes(), b"segredo");
            assert_eq!(found, expected.then_some(&b"top_secret_file.pdf"[..]), "{target}");
            assert_eq!(behind_hash(target.as_bytes(), b"other"), None);
        }
    }
}
