//! Cipher suites and protocols by OpenSSL's names.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

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
pub(crate) fn provider(ciphers: Option<&str>) -> Result<CryptoProvider, BuildError> {
    let mut provider = aws_lc_rs::default_provider();
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

fn choose(list: &str) -> Result<Vec<CipherSuite>, BuildError> {
    let mut chosen: Vec<CipherSuite> = Vec::new();
    for part in list.split([':', ',', ' ']).filter(|part| !part.is_empty() && !part.starts_with('@')) {
        let (sign, word) = match part.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), word)) => (sign, word),
            _ => ("", part),
        };
        let Some(group) = group(word) else {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            return Err(BuildError::Cipher { name: word.into(), known: known.join(", ") });
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
    fn every_suite_has_a_name() {
        for suite in aws_lc_rs::default_provider().cipher_suites {
            assert_ne!(name(suite.suite()), "unknown", "{suite:?}");
        }
        assert!(provider(Some("!HIGH")).is_ok(), "1.3 is left");
        assert!(protocols(&["TLSv1.1".into()]).is_err());
    }
}
