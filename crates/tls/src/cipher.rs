//! Cipher suites and protocols by OpenSSL's names.

use std::borrow::Cow;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{CipherSuite, NamedGroup, SupportedCipherSuite, SupportedProtocolVersion};

use crate::error::BuildError;

/// OpenSSL's names, in the order of preference.
const NAMES: [(&str, CipherSuite); 9] = [
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// Groups that stand for all of the suites: every one here has forward secrecy, authentication and an AEAD.
const ALL: [&str; 9] =
    ["HIGH", "DEFAULT", "ALL", "ECDHE", "EECDH", "AESGCM+CHACHA20", "AEAD", "kEECDH", "SECURE"];

/// Groups that none of the suites is in: to exclude them changes nothing.
const NONE: [&str; 24] = [
    "aNULL", "eNULL", "NULL", "EXPORT", "EXP", "LOW", "MEDIUM", "MD5", "SHA1", "SHA", "RC4", "DES", "3DES",
    "IDEA", "SEED", "PSK", "SRP", "DSS", "ADH", "AECDH", "CAMELLIA", "kRSA", "CBC", "SSLv3",
];

/// OpenSSL's name of a suite, which is nginx's `$ssl_cipher`.
pub(crate) fn name(suite: CipherSuite) -> &'static str {
    NAMES.iter().find(|(_, known)| *known == suite).map_or("unknown", |(name, _)| name)
}

/// OpenSSL's name of a protocol, which is nginx's `$ssl_protocol`.
pub(crate) fn protocol_name(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => "TLSv1.2",
    }
}

/// The protocols of these names; none: both.
pub(crate) fn protocols(names: &[String]) -> Result<Vec<&'static SupportedProtocolVersion>, BuildError> {
    if names.is_empty() {
        return Ok(vec![&rustls::version::TLS13, &rustls::version::TLS12]);
    }
    let known = |name: &String| match name.as_str() {
        "TLSv1.3" => Ok(&rustls::version::TLS13),
        "TLSv1.2" => Ok(&rustls::version::TLS12),
        _ => Err(BuildError::Protocol { name: name.clone() }),
    };
    names.iter().map(known).collect()
}

/// What the TLS library is to use for OpenSSL's list of ciphers, which is about TLS 1.2 as in OpenSSL: the suites of TLS 1.3
/// are always there, unless the list names some of them.
pub(crate) fn provider(ciphers: Option<&str>, curves: &[String]) -> Result<CryptoProvider, BuildError> {
    let mut provider = aws_lc_rs::default_provider();
    if !curves.is_empty() {
        let unknown: Vec<&str> =
            curves.iter().map(|name| &**name).filter(|name| curve(name).is_none()).collect();
        if !unknown.is_empty() {
            let known = CURVES.iter().filter_map(|(names, _)| names.first().copied());
            return Err(BuildError::Curve {
                name: all(&unknown),
                known: known.collect::<Vec<_>>().join(", "),
            });
        }
        provider.kx_groups = curves.iter().filter_map(|name| curve(name)).collect();
    }
    if let Some(list) = ciphers {
        let chosen = choose(list)?;
        let suites = provider.cipher_suites.iter().copied();
        provider.cipher_suites = chosen
            .iter()
            .filter_map(|wanted| suites.clone().find(|suite| suite.suite() == *wanted))
            .collect::<Vec<SupportedCipherSuite>>();
        if provider.cipher_suites.is_empty() {
            return Err(BuildError::NoCipher { ciphers: list.into() });
        }
    }
    Ok(provider)
}

/// The group of this name, one of OpenSSL's for it.
fn curve(name: &str) -> Option<&'static dyn SupportedKxGroup> {
    let wanted = CURVES.iter().find(|(names, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)));
    let found =
        wanted.and_then(|(_, group)| aws_lc_rs::ALL_KX_GROUPS.iter().find(|known| known.name() == *group));
    found.copied()
}

/// Several names for an error that has them in quotes.
fn all(names: &[&str]) -> String {
    names.join("\", \"")
}

/// OpenSSL's names of the groups that exist here, the first being what nginx prints.
const CURVES: [(&[&str], NamedGroup); 5] = [
    (&["X25519"], NamedGroup::X25519),
    (&["prime256v1", "P-256", "secp256r1"], NamedGroup::secp256r1),
    (&["secp384r1", "P-384"], NamedGroup::secp384r1),
    (&["X25519MLKEM768"], NamedGroup::X25519MLKEM768),
    (&["SecP256r1MLKEM768"], NamedGroup::secp256r1MLKEM768),
];

/// OpenSSL's name of a group, which is nginx's `$ssl_curve`.
pub(crate) fn curve_name(group: NamedGroup) -> Cow<'static, str> {
    let known =
        CURVES.iter().find(|(_, known)| *known == group).and_then(|(names, _)| names.first().copied());
    let known = known.or(match group {
        NamedGroup::secp521r1 => Some("secp521r1"),
        NamedGroup::X448 => Some("X448"),
        NamedGroup::FFDHE2048 => Some("ffdhe2048"),
        NamedGroup::FFDHE3072 => Some("ffdhe3072"),
        NamedGroup::FFDHE4096 => Some("ffdhe4096"),
        NamedGroup::FFDHE6144 => Some("ffdhe6144"),
        NamedGroup::FFDHE8192 => Some("ffdhe8192"),
        _ => None,
    });
    known.map_or_else(|| format!("0x{:04x}", u16::from(group)).into(), Cow::Borrowed)
}

/// OpenSSL's names of the suites that clients offer, also of those that are not spoken here (nginx: `$ssl_ciphers`).
pub(crate) fn offered_name(suite: CipherSuite) -> Cow<'static, str> {
    if let Some((name, _)) = NAMES.iter().find(|(_, known)| *known == suite) {
        return (*name).into();
    }
    let number = u16::from(suite);
    match OLD.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).into(),
        None => format!("0x{number:04x}").into(),
    }
}

/// What old clients offer, and OpenSSL itself by default.
#[rustfmt::skip]
const OLD: [(u16, &str); 34] = [
    (0x000A, "DES-CBC3-SHA"), (0x002F, "AES128-SHA"), (0x0033, "DHE-RSA-AES128-SHA"), (0x0035, "AES256-SHA"),
    (0x0039, "DHE-RSA-AES256-SHA"), (0x003C, "AES128-SHA256"), (0x003D, "AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"), (0x006B, "DHE-RSA-AES256-SHA256"), (0x009C, "AES128-GCM-SHA256"),
    (0x009D, "AES256-GCM-SHA384"), (0x009E, "DHE-RSA-AES128-GCM-SHA256"), (0x009F, "DHE-RSA-AES256-GCM-SHA384"),
    (0x00FF, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"), (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"), (0xC008, "ECDHE-ECDSA-DES-CBC3-SHA"), (0xC009, "ECDHE-ECDSA-AES128-SHA"),
    (0xC00A, "ECDHE-ECDSA-AES256-SHA"), (0xC012, "ECDHE-RSA-DES-CBC3-SHA"), (0xC013, "ECDHE-RSA-AES128-SHA"),
    (0xC014, "ECDHE-RSA-AES256-SHA"), (0xC023, "ECDHE-ECDSA-AES128-SHA256"), (0xC024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xC027, "ECDHE-RSA-AES128-SHA256"), (0xC028, "ECDHE-RSA-AES256-SHA384"), (0xC09E, "DHE-RSA-AES128-CCM"),
    (0xC09F, "DHE-RSA-AES256-CCM"), (0xC0AC, "ECDHE-ECDSA-AES128-CCM"), (0xC0AD, "ECDHE-ECDSA-AES256-CCM"),
    (0xC0AE, "ECDHE-ECDSA-AES128-CCM8"), (0xC0AF, "ECDHE-ECDSA-AES256-CCM8"), (0xCCAA, "DHE-RSA-CHACHA20-POLY1305"),
    (0x5600, "TLS_FALLBACK_SCSV"),
];

fn choose(list: &str) -> Result<Vec<CipherSuite>, BuildError> {
    let (mut chosen, mut unknown): (Vec<CipherSuite>, Vec<&str>) = Default::default();
    for part in list.split([':', ',', ' ']).filter(|part| !part.is_empty() && !part.starts_with('@')) {
        let (sign, word) = match part.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), word)) => (sign, word),
            _ => ("", part),
        };
        let Some(group) = group(word) else {
            unknown.push(word);
            continue;
        };
        match sign {
            "!" | "-" => chosen.retain(|suite| !group.contains(suite)),
            "+" => {}
            _ => {
                for suite in group {
                    if !chosen.contains(&suite) {
                        chosen.push(suite);
                    }
                }
            }
        }
    }
    if !unknown.is_empty() {
        let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        return Err(BuildError::Cipher { name: all(&unknown), known: known.join(", ") });
    }
    let is_13 = |suite: &CipherSuite| name(*suite).starts_with("TLS_");
    if !chosen.iter().any(is_13) {
        chosen.splice(0..0, NAMES.iter().map(|(_, suite)| *suite).filter(is_13));
    }
    Ok(chosen)
}

/// The suites of a name or a group; `None` for what does not exist here.
fn group(word: &str) -> Option<Vec<CipherSuite>> {
    if let Some((_, suite)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(vec![*suite]);
    }
    let old = || NAMES.iter().filter(|(name, _)| !name.starts_with("TLS_"));
    if ALL.contains(&word) {
        return Some(old().map(|(_, suite)| *suite).collect());
    }
    if NONE.contains(&word) {
        return Some(Vec::new());
    }
    let mut suites: Vec<_> = old().collect();
    for part in word.split('+') {
        let holds = |name: &str| match part {
            "AESGCM" => name.contains("AES"),
            "AES" | "AES256" | "AES128" | "CHACHA20" | "ECDSA" | "RSA" => name.contains(part),
            "aECDSA" => name.contains("ECDSA"),
            "aRSA" => name.contains("-RSA-"),
            known => ALL.contains(&known),
        };
        suites.retain(|(name, _)| holds(name));
        if suites.is_empty() {
            return None;
        }
    }
    Some(suites.into_iter().map(|(_, suite)| *suite).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(list: &str) -> String {
        match choose(list) {
            Ok(suites) => {
                let names: Vec<_> =
                    suites.into_iter().map(name).filter(|name| !name.starts_with("TLS_")).collect();
                names.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn openssls_lists() {
        assert_eq!(chosen("HIGH:!aNULL:!MD5").split(' ').count(), 6);
        assert_eq!(chosen("ECDHE-RSA-AES128-GCM-SHA256"), "ECDHE-RSA-AES128-GCM-SHA256");
        assert_eq!(chosen("ECDHE+AESGCM:!aECDSA"), "ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256");
        assert_eq!(chosen("EECDH+CHACHA20:!ECDSA"), "ECDHE-RSA-CHACHA20-POLY1305");
        assert_eq!(chosen("TLS_AES_128_GCM_SHA256"), "");
        assert!(
            chosen("HIGH:AES128-SHA")
                .starts_with("no cipher is called \"AES128-SHA\" here; there are TLS_AES_256")
        );
        assert!(choose("TLS_AES_128_GCM_SHA256").unwrap().len() == 1, "a named suite of 1.3 is the only one");
    }

    #[test]
    fn all_that_does_not_exist_is_told_at_once() {
        let error = choose("RC4-SHA:ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA").unwrap_err().to_string();
        assert!(error.starts_with("no cipher is called \"RC4-SHA\", \"AES128-SHA\" here"), "{error}");
        let curves = ["X25519", "sect571r1", "brainpool"].map(String::from);
        let error = provider(None, &curves).unwrap_err().to_string();
        assert!(error.starts_with("no curve is called \"sect571r1\", \"brainpool\" here"), "{error}");
    }

    #[test]
    fn curves_by_any_of_their_names() {
        for (name, printed) in [("P-256", "prime256v1"), ("x25519", "X25519"), ("secp384r1", "secp384r1")] {
            assert_eq!(curve_name(curve(name).unwrap().name()), printed);
        }
        let wrong = provider(None, &["brainpoolP256r1".into()]).unwrap_err().to_string();
        assert!(
            wrong.starts_with("no curve is called \"brainpoolP256r1\" here; there are X25519"),
            "{wrong}"
        );
        assert_eq!(curve_name(NamedGroup::from(0x1234)), "0x1234");
        assert_eq!(offered_name(CipherSuite::from(0xC014)), "ECDHE-RSA-AES256-SHA");
        assert_eq!(offered_name(CipherSuite::from(0x0A0A)), "0x0a0a");
    }

    #[test]
    fn every_suite_has_a_name() {
        for suite in aws_lc_rs::default_provider().cipher_suites {
            assert_ne!(name(suite.suite()), "unknown", "{suite:?}");
        }
        assert!(provider(Some("!HIGH"), &[]).is_ok(), "1.3 is left");
        assert!(protocols(&["TLSv1.1".into()]).is_err());
    }
}
