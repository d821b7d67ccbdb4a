//! Certificates, keys and revocation lists from files.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::error::BuildError;

fn problem(path: &Path, problem: &dyn std::fmt::Display) -> BuildError {
    BuildError::File { path: path.into(), problem: format!("{problem}") }
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|error| problem(path, &error))
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(problem(path, &"there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(problem(path, &error)),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, BuildError> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("ENCRYPTED") {
            problem(path, &"the key is encrypted: keys with a password cannot be used")
        } else {
            problem(path, &format!("there is no private key in it ({error})"))
        }
    })
}

/// A certificate with its chain, and its key.
pub(crate) fn identity(
    provider: &CryptoProvider,
    certificate: &Path,
    key_file: &Path,
) -> Result<Arc<CertifiedKey>, BuildError> {
    let chain = certificates(certificate)?;
    let signing = provider.key_provider.load_private_key(key(key_file)?);
    let signing = signing.map_err(|error| problem(key_file, &error))?;
    let identity = CertifiedKey::new(chain, signing);
    match identity.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(identity))
        }
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(BuildError::Mismatch { certificate: certificate.into(), key: key_file.into() })
        }
        Err(error) => Err(problem(certificate, &error)),
    }
}

/// Whom to trust: the certificates of a file.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| problem(path, &error))?;
    }
    Ok(roots)
}

/// Whom the system trusts.
pub(crate) fn system_roots() -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(BuildError::NoTrust) } else { Ok(roots) }
}

pub(crate) fn revocation_lists(path: &Path) -> Result<Vec<CertRevocationList<'static>>, BuildError> {
    let bytes = read(path)?;
    let mut lists = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
        let list = list.map_err(|error| problem(path, &error))?;
        let list = OwnedCertRevocationList::from_der(&list).map_err(|error| problem(path, &error))?;
        lists.push(CertRevocationList::Owned(list));
    }
    if lists.is_empty() { Err(problem(path, &"there is no revocation list in it")) } else { Ok(lists) }
}
