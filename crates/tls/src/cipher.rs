//! Cipher suites and protocols by OpenSSL's names.

use std::borrow::Cow;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

use crate::curve;
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
const ALL: [&str; 9] = ["HIGH", "DEFAULT", "ALL", "ECDHE", "EECDH", "kEECDH", "ECDH", "kECDHE", "TLSv1.2"];

/// OpenSSL's groups that none of the suites is in: to exclude them changes nothing, and neither does it to ask for them.
/// `RSA` is one: it is the key exchange, which has no forward secrecy. Two are GnuTLS's and nobody's.
#[rustfmt::skip]
const NONE: [&str; 83] = [
    "aNULL", "eNULL", "NULL", "EXPORT", "EXP", "EXPORT40", "EXPORT56", "LOW", "MEDIUM", "MD5", "SHA1", "SHA",
    "SHA256", "SHA384", "RC4", "RC2", "DES", "3DES", "IDEA", "SEED", "PSK", "kPSK", "aPSK", "SRP", "kSRP",
    "aSRP", "DSS", "aDSS", "ADH", "AECDH", "CAMELLIA", "CAMELLIA128", "CAMELLIA256", "ARIA", "ARIAGCM",
    "ARIA128", "ARIA256", "ARIA128-GCM", "ARIA256-GCM", "RSA", "kRSA", "CBC", "SSLv2", "SSLv3", "TLSv1",
    "TLSv1.0", "TLSv1.1", "TLSv1.3", "DH", "DHE", "EDH", "kDH", "kDHE", "kEDH", "aDH", "aECDH", "kECDH",
    "kECDHr", "kECDHe", "kDHr", "kDHd", "AESCCM", "AESCCM8", "RSAPSK", "ECDHEPSK", "DHEPSK",
    "kRSAPSK", "kECDHEPSK", "kDHEPSK", "COMPLEMENTOFDEFAULT", "COMPLEMENTOFALL", "aGOST", "aGOST01", "aGOST12", "kGOST",
    "kGOST18", "GOST94", "GOST89", "GOST89MAC", "GOST12", "SHA512", "SECURE", "AEAD",
];

/// What the names of suites are put together from.
#[rustfmt::skip]
const PARTS: [&str; 52] = [
    "TLS13", "ECDHE", "ECDH", "DHE", "EDH", "DH", "ADH", "AECDH", "RSA", "ECDSA", "DSS", "PSK", "SRP", "KRB5",
    "GOST2001", "GOST94", "GOST89", "EXP", "EXP1024", "AES", "AES128", "AES256", "128", "256", "GCM", "CCM",
    "CCM8", "8", "CBC", "CBC3", "CHACHA20", "POLY1305", "CAMELLIA128", "CAMELLIA256", "ARIA128", "ARIA256",
    "SEED", "IDEA", "DES", "RC2", "RC4", "NULL", "MD5", "SHA", "SHA1", "SHA256", "SHA384", "SHA512", "GCM16",
    "draft", "OLD", "GOST2012256",
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
        provider.kx_groups = curve::groups(curves)?;
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

/// Several names for an error that has them in quotes.
pub(crate) fn all(names: &[&str]) -> String {
    names.join("\", \"")
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
    let (mut chosen, mut killed): (Vec<CipherSuite>, Vec<CipherSuite>) = Default::default();
    let (mut unknown, mut passed_over): (Vec<&str>, Vec<&str>) = Default::default();
    let list = list.replace('@', ":@");
    for part in list.split([':', ',', ';', ' ']) {
        if let Some(command) = part.strip_prefix('@') {
            if command == "STRENGTH" {
                chosen.sort_by_key(|suite| name(*suite).contains("AES128"));
            }
            continue;
        }
        let (sign, word) = match part.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), word)) => (sign, word),
            Some(_) => ("", part),
            None => continue,
        };
        if word.starts_with("SUITEB") {
            return Err(BuildError::SuiteB { name: word.into() });
        }
        let Some(group) = group(word) else {
            unknown.push(word);
            continue;
        };
        if sign.is_empty() && group.is_empty() {
            passed_over.push(word);
        }
        let moved = sign == "+" && group.iter().any(|suite| chosen.contains(suite));
        match sign {
            "!" => {
                chosen.retain(|suite| !group.contains(suite));
                killed.extend(group);
            }
            "-" => chosen.retain(|suite| !group.contains(suite)),
            // Those that are there go to the end.
            "+" if moved => chosen.sort_by_key(|suite| group.contains(suite)),
            "+" => {}
            _ => {
                for suite in group {
                    if !chosen.contains(&suite) && !killed.contains(&suite) {
                        chosen.push(suite);
                    }
                }
            }
        }
    }
    // As OpenSSL has it, what does not exist is passed over, as long as something is left: but nobody else's word is.
    if chosen.is_empty() {
        unknown.extend(passed_over);
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

/// The suites of a name or a group, none if they are not spoken here; `None` for what OpenSSL does not know either.
fn group(word: &str) -> Option<Vec<CipherSuite>> {
    if let Some((_, suite)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(vec![*suite]);
    }
    let mut suites: Vec<_> = NAMES.iter().filter(|(name, _)| !name.starts_with("TLS_")).collect();
    for part in word.split('+') {
        let holds = |name: &str| match part {
            "AESGCM" | "FIPS" => name.contains("AES"),
            "AES" | "AES256" | "AES128" | "CHACHA20" | "ECDSA" => name.contains(part),
            "aECDSA" => name.contains("ECDSA"),
            "aRSA" => name.contains("-RSA-"),
            known => ALL.contains(&known),
        };
        let known = ALL.contains(&part) || suites_of(part) || NONE.contains(&part) || is_name(part);
        if !known {
            return None;
        }
        suites.retain(|(name, _)| holds(name));
    }
    Some(suites.into_iter().map(|(_, suite)| *suite).collect())
}

/// Whether some of the suites are in a group of this name.
fn suites_of(part: &str) -> bool {
    matches!(part, "AESGCM" | "FIPS" | "AES" | "AES256" | "AES128" | "CHACHA20" | "ECDSA" | "aECDSA" | "aRSA")
}

/// Whether this is made like the name of a suite, which may be an old one or one of another library's.
fn is_name(word: &str) -> bool {
    word.contains('-') && word.split('-').all(|part| PARTS.contains(&part))
        || word.strip_prefix("TLS_AES_128_CCM").is_some_and(|end| matches!(end, "_SHA256" | "_8_SHA256"))
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
            chosen("AES128-SHA:DHE-RSA-AES256-GCM-SHA384").starts_with(
                "unknown cipher \"AES128-SHA\", \"DHE-RSA-AES256-GCM-SHA384\"; supported ciphers: TLS_AES_256"
            ),
            "nothing is left"
        );
        assert!(choose("TLS_AES_128_GCM_SHA256").unwrap().len() == 1, "a named suite of 1.3 is the only one");
    }

    #[test]
    fn all_that_does_not_exist_is_told_at_once() {
        let error = choose("RC4-SHE:ECDHE-RSA-AES128-GCM-SHA256:AES129-SHA").unwrap_err().to_string();
        assert!(error.starts_with("unknown cipher \"RC4-SHE\", \"AES129-SHA\"; "), "{error}");
    }

    /// Lists as they are found in configurations: what OpenSSL knows and is not spoken here is passed over.
    #[test]
    fn what_only_openssl_has_is_passed_over() {
        let six = "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 \
                   ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-CHACHA20-POLY1305";
        let intermediate = format!(
            "{}:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305",
            six.replace(' ', ":")
        );
        assert_eq!(chosen(&intermediate), six, "Mozilla's intermediate list");
        for list in [
            "ECDH+AESGCM:ECDH+AES256:ECDH+AES128:DH+3DES:!ADH:!AECDH:!MD5",
            "EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH",
            "HIGH:!PSK:!RSA:!aNULL:!MD5:!SHA:!CAMELLIA:!AES+SHA256:!AES+SHA384:!CHACHA20",
            "!aNULL:kECDH+AESGCM:ECDH+AESGCM:RSA+AESGCM:kECDH+AES:ECDH+AES:RSA+AES:",
            "DEFAULT@SECLEVEL=1:!CHACHA20",
            "TLS13-AES-256-GCM-SHA384:TLS13-AES-128-CCM-8-SHA256:EECDH+CHACHA20-draft:RSA+3DES:EECDH+AES:!MD5",
        ] {
            let mut suites: Vec<_> = chosen(list).split(' ').map(String::from).collect();
            suites.sort();
            let [a, b, c, d] = six.split(' ').take(4).collect::<Vec<_>>()[..] else { panic!() };
            assert_eq!(suites, [a, c, b, d], "{list}");
        }
        assert_eq!(chosen("!aECDSA:CHACHA20"), "ECDHE-RSA-CHACHA20-POLY1305", "what is killed stays away");
        assert_eq!(
            chosen("CHACHA20:ECDHE-RSA-AES128-GCM-SHA256:+CHACHA20:!ECDSA"),
            "ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305"
        );
    }

    #[test]
    fn what_restricts_in_openssl_restricts_here() {
        let four = "ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 \
                    ECDHE-RSA-AES128-GCM-SHA256";
        assert_eq!(chosen("FIPS"), four);
        assert_eq!(chosen("ALL:!FIPS"), "ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-CHACHA20-POLY1305");
        // Words of GnuTLS's, which OpenSSL passes over.
        for word in ["SECURE", "AEAD"] {
            assert_eq!(chosen(&format!("{word}:ECDHE-RSA-AES128-GCM-SHA256")), "ECDHE-RSA-AES128-GCM-SHA256");
        }
        // Suite B is also about curves and signatures.
        for word in ["SUITEB128", "SUITEB192", "SUITEB128ONLY", "SUITEB128C2"] {
            let error = chosen(&format!("{word}:ECDHE-RSA-AES128-GCM-SHA256"));
            assert!(error.starts_with(&format!("unsupported cipher list \"{word}\"")), "{error}");
            assert!(error.contains("ECDHE-ECDSA-AES256-GCM-SHA384") && error.contains("curves"), "{error}");
        }
    }

    #[test]
    fn names_that_stand_in_lists_and_nowhere_else() {
        let list = "ECDHE-RSA-AES256-GCM-SHA512:DHE-RSA-AES256-GCM-SHA512:GOST2012256-GOST89-GOST89:\
                    ECDHE-RSA-AES256-GCM-SHA384:!aGOST:!kGOST:!SHA512:!GOST94";
        assert_eq!(chosen(list), "ECDHE-RSA-AES256-GCM-SHA384");
    }

    #[test]
    fn the_order_of_strength() {
        assert_eq!(
            chosen(
                "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:@STRENGTH"
            ),
            "ECDHE-RSA-CHACHA20-POLY1305 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256"
        );
        assert!(chosen("DEFAULT:!CHACHA20@STRENGTH").ends_with("AES128-GCM-SHA256"));
        assert!(
            chosen("DEFAULT:!CHACHA20@STRENGTH")
                .starts_with("ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256")
        );
    }

    #[test]
    fn every_suite_has_a_name() {
        assert_eq!(offered_name(CipherSuite::from(0xC014)), "ECDHE-RSA-AES256-SHA");
        assert_eq!(offered_name(CipherSuite::from(0x0A0A)), "0x0a0a");
        for suite in aws_lc_rs::default_provider().cipher_suites {
            assert_ne!(name(suite.suite()), "unknown", "{suite:?}");
        }
        assert!(provider(Some("!HIGH"), &[]).is_ok(), "1.3 is left");
        assert!(protocols(&["TLSv1.1".into()]).is_err());
    }
}
