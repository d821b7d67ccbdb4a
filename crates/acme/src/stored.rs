//! A certificate with its key, as it stands in a file.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::CertificateIdentifier;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use crate::schedule;
use crate::settings::Wanted;

/// What stands before the directory in a file: PEM lets there be text around its sections.
const DIRECTORY: &str = "directory: ";

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// The directory of the authority that it is from.
    pub(crate) directory: String,
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) names: BTreeSet<String>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    /// What the authority calls it (RFC 9773 4.1).
    pub(crate) id: Option<CertificateIdentifier<'static>>,
    /// A number between 0 and 1 that is its own.
    pub(crate) spread: f64,
}

impl Stored {
    /// The text of a file.
    pub(crate) fn text(directory: &str, key: &str, chain: &str) -> String {
        format!("{DIRECTORY}{directory}\n{}\n{}\n", key.trim_end(), chain.trim_end())
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &[u8], provider: &CryptoProvider) -> Result<Self, String> {
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(text).collect();
        let chain = chain.map_err(|error| format!("invalid PEM: {error}"))?;
        let first = chain.first().ok_or("no certificate found")?.clone();
        let key =
            PrivateKeyDer::from_pem_slice(text).map_err(|error| format!("no private key found: {error}"))?;
        let key = provider.key_provider.load_private_key(key).map_err(|error| error.to_string())?;
        let (_, parsed) = X509Certificate::from_der(&first)
            .map_err(|error| format!("the certificate cannot be read: {error}"))?;
        if key.public_key().is_some_and(|own| own.as_ref() != parsed.public_key().raw) {
            return Err("the private key does not belong to the certificate".into());
        }
        let line = text.split(|&byte| byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
        let directory = line.and_then(|line| line.strip_prefix(DIRECTORY)).unwrap_or_default().trim();
        let last = parsed.raw_serial().last().copied().unwrap_or_default();
        Ok(Self {
            directory: directory.into(),
            key: Arc::new(CertifiedKey::new(chain, key)),
            names: names(&parsed),
            not_before: time(parsed.validity().not_before),
            not_after: time(parsed.validity().not_after),
            id: CertificateIdentifier::try_from(&first).ok().map(CertificateIdentifier::into_owned),
            spread: f64::from(last) / 255.0,
        })
    }

    /// Whether it is for all of these names.
    pub(crate) fn covers(&self, wanted: &Wanted) -> bool {
        wanted.names().iter().all(|name| self.names.contains(name))
    }

    /// When it is to be renewed; `window`: what the authority suggests.
    pub(crate) fn renewal(&self, window: Option<(SystemTime, SystemTime)>) -> SystemTime {
        match window {
            Some(window) => schedule::suggested(window, self.not_before, self.not_after, self.spread),
            None => schedule::renewal(self.not_before, self.not_after, self.spread),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let all = alternatives.iter().flat_map(|found| &found.value.general_names);
    all.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            _ => Some(IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    })
    .collect()
}

fn time(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

#[cfg(test)]
mod tests {
    use propylon_testkit::certificates::Authority;

    use super::*;

    fn parse(text: &str) -> Result<Stored, String> {
        Stored::parse(text.as_bytes(), &rustls::crypto::aws_lc_rs::default_provider())
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let root = Authority::root("Root");
        let identity = root.intermediate("Middle").server(&["a.test", "www.a.test", "10.0.0.1", "::1"]);
        let stored = parse(&Stored::text("https://ca.test/dir", &identity.key, &identity.chain)).unwrap();
        assert_eq!(stored.directory, "https://ca.test/dir");
        assert_eq!(stored.key.cert.len(), 2);
        assert!(stored.covers(&Wanted::new(["a.test", "10.0.0.1", "::1"]).unwrap()));
        assert!(!stored.covers(&Wanted::new(["a.test", "b.test"]).unwrap()));
        assert!(stored.not_before < stored.not_after && (0.0..=1.0).contains(&stored.spread));
        let bare = parse(&format!("{}{}", identity.key, identity.chain)).unwrap();
        assert_eq!(bare.directory, "", "somebody else has put it there");
    }

    #[test]
    fn what_is_broken_is_told_apart() {
        let root = Authority::root("Root");
        let (one, other) = (root.server(&["a.test"]), root.server(&["a.test"]));
        let check = |text: &str, expected: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check("", "no certificate");
        check("\0\u{ff}garbage", "no certificate");
        check(&one.chain, "no private key");
        check(&one.key, "no certificate");
        check(&format!("{}{}", other.key, one.chain), "does not belong to the certificate");
        let cut = one.chain.get(..200).unwrap();
        check(&format!("{}{cut}", one.key), "");
        check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no private key");
        let strange = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(&format!("{}{strange}", one.key), "cannot be read");
    }
}
