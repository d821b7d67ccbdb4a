//! What OpenSSL reads and webpki does not: certificates of version 1, and names that stand nowhere but in the subject.

use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor};
use x509_parser::asn1_rs::Any;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whether one of these issued the certificate: `None` if none goes by the issuer's name, else whether the signature is its own.
pub(crate) fn issued_by(
    certificate: &X509Certificate<'_>,
    anchors: &[TrustAnchor<'_>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Option<bool> {
    let issuer = content(certificate.issuer().as_raw())?;
    let named = anchors.iter().filter(|anchor| anchor.subject.as_ref() == issuer);
    named.map(|anchor| is_signed_by(certificate, anchor, algorithms)).reduce(|one, other| one || other)
}

fn is_signed_by(
    certificate: &X509Certificate<'_>,
    anchor: &TrustAnchor<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    let spki = SubjectPublicKeyInfoDer::from(sequence(&anchor.subject_public_key_info));
    let Ok(key) = webpki::RawPublicKeyEntity::try_from(&spki) else { return false };
    let oid = certificate.signature_algorithm.algorithm.as_bytes();
    let (message, signature) = (certificate.tbs_certificate.as_ref(), &*certificate.signature_value.data);
    let mut fitting = algorithms.iter().filter(|algorithm| {
        // An object identifier, and what belongs to it.
        let id = algorithm.signature_alg_id();
        id.as_ref().get(2..).is_some_and(|id| id.starts_with(oid))
    });
    fitting.any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok())
}

/// What a DER value holds.
fn content(der: &[u8]) -> Option<&[u8]> {
    Any::from_der(der).ok().map(|(_, any)| any.data)
}

/// A DER sequence of this content.
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0).copied();
    let mut der = vec![0x30];
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => der.push(short),
        _ => {
            let long: Vec<u8> = significant.collect();
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            der.extend(long);
        }
    }
    der.extend_from_slice(content);
    der
}

/// Whether the subject's common name is this name, of a certificate that has no other name for hosts: OpenSSL's rule.
pub(crate) fn is_called(certificate: &X509Certificate<'_>, name: &str, is_host: bool) -> bool {
    let names = certificate.subject_alternative_name();
    let hosts = |names: &[GeneralName<'_>]| names.iter().any(|name| matches!(name, GeneralName::DNSName(_)));
    match names {
        Ok(None) => {}
        Ok(Some(names)) if !hosts(&names.value.general_names) => {}
        _ => return false,
    }
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    common.into_iter().any(|common| fits(common, name, is_host))
}

/// Whether a name fits: `*.` stands for one label.
fn fits(pattern: &str, name: &str, is_host: bool) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    let Some(parent) = pattern.strip_prefix("*.").filter(|parent| is_host && parent.contains('.')) else {
        return false;
    };
    name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit() {
        for (pattern, name, is_host, expected) in [
            ("a.test", "A.test", true, true),
            ("a.test", "b.test", true, false),
            ("*.a.test", "b.a.test", true, true),
            ("*.a.test", "c.b.a.test", true, false),
            ("*.a.test", "a.test", true, false),
            ("*.test", "a.test", true, false),
            ("127.0.0.1", "127.0.0.1", false, true),
            ("*.0.0.1", "127.0.0.1", false, false),
        ] {
            assert_eq!(fits(pattern, name, is_host), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn sequences() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = vec![7; length];
            assert_eq!(content(&sequence(&bytes)), Some(&*bytes), "{length}");
        }
    }
}
