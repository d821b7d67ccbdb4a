//! Groups of key exchange by OpenSSL's names.

use std::borrow::Cow;

use rustls::NamedGroup;
use rustls::crypto::{SupportedKxGroup, aws_lc_rs};

use crate::cipher::all;
use crate::error::BuildError;

/// The groups of OpenSSL's by its names, the first being what nginx prints; those that the TLS library has are spoken.
#[rustfmt::skip]
const NAMES: [(&[&str], u16); 44] = [
    (&["X25519"], 0x001D), (&["prime256v1", "P-256", "secp256r1"], 0x0017), (&["secp384r1", "P-384"], 0x0018),
    (&["X25519MLKEM768"], 0x11EC), (&["SecP256r1MLKEM768"], 0x11EB), (&["SecP384r1MLKEM1024"], 0x11ED),
    (&["MLKEM512"], 0x0200), (&["MLKEM768"], 0x0201), (&["MLKEM1024"], 0x0202),
    (&["secp521r1", "P-521"], 0x0019), (&["X448"], 0x001E),
    (&["ffdhe2048"], 0x0100), (&["ffdhe3072"], 0x0101), (&["ffdhe4096"], 0x0102), (&["ffdhe6144"], 0x0103),
    (&["ffdhe8192"], 0x0104),
    (&["brainpoolP256r1"], 0x001A), (&["brainpoolP384r1"], 0x001B), (&["brainpoolP512r1"], 0x001C),
    (&["brainpoolP256r1tls13"], 0x001F), (&["brainpoolP384r1tls13"], 0x0020), (&["brainpoolP512r1tls13"], 0x0021),
    (&["sect163k1", "K-163"], 0x0001), (&["sect163r1"], 0x0002), (&["sect163r2", "B-163"], 0x0003),
    (&["sect193r1"], 0x0004), (&["sect193r2"], 0x0005), (&["sect233k1", "K-233"], 0x0006),
    (&["sect233r1", "B-233"], 0x0007), (&["sect239k1"], 0x0008), (&["sect283k1", "K-283"], 0x0009),
    (&["sect283r1", "B-283"], 0x000A), (&["sect409k1", "K-409"], 0x000B), (&["sect409r1", "B-409"], 0x000C),
    (&["sect571k1", "K-571"], 0x000D), (&["sect571r1", "B-571"], 0x000E), (&["secp160k1"], 0x000F),
    (&["secp160r1"], 0x0010), (&["secp160r2"], 0x0011), (&["secp192k1"], 0x0012),
    (&["prime192v1", "P-192", "secp192r1"], 0x0013), (&["secp224k1"], 0x0014), (&["secp224r1", "P-224"], 0x0015),
    (&["secp256k1"], 0x0016),
];

/// The groups of these names. Those that only OpenSSL has are passed over, as long as there are others.
pub(crate) fn groups(names: &[String]) -> Result<Vec<&'static dyn SupportedKxGroup>, BuildError> {
    let found: Vec<_> = names.iter().filter_map(|name| spoken(number(name)?)).collect();
    let wrong = |name: &&str| found.is_empty() || number(name).is_none();
    let unknown: Vec<&str> = names.iter().map(|name| &**name).filter(wrong).collect();
    if unknown.is_empty() {
        return Ok(found);
    }
    let known = NAMES.iter().filter(|(_, number)| spoken(*number).is_some());
    let known: Vec<&str> = known.filter_map(|(names, _)| names.first().copied()).collect();
    Err(BuildError::Curve { name: all(&unknown), known: known.join(", ") })
}

/// OpenSSL's name of a group, which is nginx's `$ssl_curve`.
pub(crate) fn name(group: NamedGroup) -> Cow<'static, str> {
    let number = u16::from(group);
    let known =
        NAMES.iter().find(|(_, known)| *known == number).and_then(|(names, _)| names.first().copied());
    known.map_or_else(|| format!("0x{number:04x}").into(), Cow::Borrowed)
}

/// The group that OpenSSL knows by this name.
fn number(name: &str) -> Option<u16> {
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    NAMES.iter().find(|(names, _)| names.iter().any(is)).map(|(_, number)| *number)
}

fn spoken(number: u16) -> Option<&'static dyn SupportedKxGroup> {
    aws_lc_rs::ALL_KX_GROUPS.iter().copied().find(|group| u16::from(group.name()) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        match groups(&names) {
            Ok(groups) => groups.iter().map(|group| name(group.name())).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn by_any_of_their_names() {
        assert_eq!(chosen(&["P-256", "x25519", "secp384r1"]), "prime256v1 X25519 secp384r1");
        assert_eq!(name(NamedGroup::from(0x1234)), "0x1234");
        assert_eq!(name(NamedGroup::FFDHE2048), "ffdhe2048");
        assert!(aws_lc_rs::ALL_KX_GROUPS.iter().all(|group| !name(group.name()).starts_with("0x")));
    }

    #[test]
    fn what_only_openssl_has_is_passed_over() {
        assert_eq!(chosen(&["X448", "X25519", "secp521r1", "prime256v1"]), "X25519 prime256v1");
        assert_eq!(
            chosen(&["SecP384r1MLKEM1024", "X25519MLKEM768", "MLKEM512", "ffdhe6144"]),
            "X25519MLKEM768"
        );
        for alone in ["secp521r1", "brainpoolP256r1", "MLKEM512"] {
            let error = chosen(&[alone]);
            assert!(
                error.starts_with(&format!("unknown curve \"{alone}\"; supported curves: X25519, ")),
                "{error}"
            );
            assert!(
                !error.contains("supported curves: X25519, X448") && !error.contains(", MLKEM512"),
                "{error}"
            );
        }
    }

    #[test]
    fn all_that_nobody_knows_is_told_at_once() {
        let error = chosen(&["X25519", "X22519", "brainpool"]);
        assert!(error.starts_with("unknown curve \"X22519\", \"brainpool\"; "), "{error}");
    }
}
