//! What a client's certificate says, in OpenSSL's words.

use std::fmt::Write;

use aws_lc_rs::digest;
use pkcs8::LineEnding;
use rustls_pki_types::CertificateDer;
use x509_parser::der_parser::asn1_rs::{Any, Tag};
use x509_parser::prelude::{ASN1Time, AttributeTypeAndValue, FromDer, X509Certificate, X509Name};

use crate::verify::Refusal;

/// The certificate that a client showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whether it is to be trusted, or why not (nginx: `$ssl_client_verify`).
    pub verified: Result<(), Refusal>,
    /// The certificate, PEM (nginx: `$ssl_client_raw_cert`).
    pub pem: String,
    /// Whose it is, as RFC 2253 has it (nginx: `$ssl_client_s_dn`).
    pub subject: String,
    /// Who issued it (nginx: `$ssl_client_i_dn`).
    pub issuer: String,
    /// Whose it is, with slashes (nginx: `$ssl_client_s_dn_legacy`).
    pub subject_legacy: String,
    /// Who issued it, with slashes (nginx: `$ssl_client_i_dn_legacy`).
    pub issuer_legacy: String,
    /// Its number, hexadecimal (nginx: `$ssl_client_serial`).
    pub serial: String,
    /// Its SHA-1, hexadecimal (nginx: `$ssl_client_fingerprint`).
    pub fingerprint: String,
    /// When it began (nginx: `$ssl_client_v_start`).
    pub start: String,
    /// When it ends (nginx: `$ssl_client_v_end`).
    pub end: String,
    /// The same in seconds since 1970.
    pub end_seconds: i64,
}

impl ClientCertificate {
    /// What there is to be told; `None`: it is no certificate.
    pub(crate) fn new(der: &CertificateDer<'_>, verified: Result<(), Refusal>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let validity = parsed.validity();
        Some(Self {
            verified,
            pem: pkcs8::der::pem::encode_string("CERTIFICATE", LineEnding::LF, der).ok()?,
            subject: rfc2253(parsed.subject()),
            issuer: rfc2253(parsed.issuer()),
            subject_legacy: oneline(parsed.subject()),
            issuer_legacy: oneline(parsed.issuer()),
            serial: serial(parsed.raw_serial()),
            fingerprint: hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
            start: time(validity.not_before),
            end: time(validity.not_after),
            end_seconds: validity.not_after.timestamp(),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // a String takes everything
        out
    })
}

/// OpenSSL's: upper case, without the zero that keeps the number positive.
fn serial(raw: &[u8]) -> String {
    let significant = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    hex(significant).to_ascii_uppercase()
}

/// OpenSSL's `ASN1_TIME_print`.
pub(crate) fn time(time: ASN1Time) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = time.to_datetime();
    let month = MONTHS.get(usize::from(u8::from(date.month())) - 1).copied().unwrap_or_default();
    let (hour, minute, second) = date.to_hms();
    format!("{month} {:2} {hour:02}:{minute:02}:{second:02} {} GMT", date.day(), date.year())
}

/// OpenSSL's short names.
const NAMES: [(&str, &str); 19] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.46", "dnQualifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// RFC 2253, as OpenSSL writes it: the last part first, bytes beyond ASCII and controls in hexadecimal.
fn rfc2253(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let parts = parts.into_iter().rev().map(|part| {
        let mut attributes: Vec<_> = part.iter().map(attribute).collect();
        attributes.reverse(); // as OpenSSL does
        attributes.join("+")
    });
    parts.collect::<Vec<_>>().join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let name = NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
    match (name, text(attribute.attr_value())) {
        (Some(name), Some(text)) => format!("{name}={}", escaped(&text)),
        // What OpenSSL does not know either: the value as it is encoded.
        (name, _) => {
            let value = attribute.attr_value();
            let tag = u8::try_from(value.tag().0).unwrap_or_default();
            let data = value.as_bytes();
            let length = match u8::try_from(data.len()) {
                Ok(length @ ..128) => format!("{length:02X}"),
                Ok(length) => format!("81{length:02X}"),
                Err(_) => format!("82{:04X}", data.len()),
            };
            let oid = name.map_or(oid, Into::into);
            format!("{oid}=#{tag:02X}{length}{}", hex(data).to_ascii_uppercase())
        }
    }
}

/// The text of a string, whatever its encoding.
fn text(value: &Any<'_>) -> Option<String> {
    let bytes = value.as_bytes();
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        // Latin 1, or part of it.
        Tag::PrintableString | Tag::Ia5String | Tag::T61String | Tag::NumericString | Tag::VisibleString => {
            Some(bytes.iter().map(|&byte| char::from(byte)).collect())
        }
        Tag::BmpString => {
            let units =
                bytes.chunks_exact(2).map(|two| two.iter().fold(0, |all, &one| all << 8 | u16::from(one)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.extend(['\\', char::from(byte)]),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b'#' if at == 0 => out.push_str("\\#"),
            0..0x20 | 0x7F.. => {
                let _ = write!(out, "\\{byte:02X}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// OpenSSL's `X509_NAME_oneline`.
fn oneline(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    for part in name.iter_rdn() {
        for (n, attribute) in part.iter().enumerate() {
            let oid = attribute.attr_type().to_id_string();
            let short = NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name);
            out.push(if n == 0 { '/' } else { '+' });
            out.push_str(short.unwrap_or(&oid));
            out.push('=');
            for &byte in attribute.attr_value().as_bytes() {
                match byte {
                    b' '..=b'~' => out.push(char::from(byte)),
                    _ => {
                        let _ = write!(out, "\\x{byte:02X}");
                    }
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped() {
        assert_eq!(
            escaped(" a,b+c\"d\\e<f>g;h#=ä\n "),
            "\\ a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h#=\\C3\\A4\\0A\\ "
        );
        assert_eq!(escaped("#x"), "\\#x");
        assert_eq!(serial(&[0, 0xAB, 1]), "AB01");
        assert_eq!(serial(&[0]), "00");
    }
}
