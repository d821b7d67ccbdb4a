//! Certificates and revocation lists from files.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::error::BuildError;

const DATA: &[u8] = b"data:";

/// Whether what stands in the place of a file is what the file would hold.
pub(crate) fn is_data(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().starts_with(DATA)
}

/// A path that may be shown: what is no path is not, for it may be a key.
pub(crate) fn shown(path: &Path) -> PathBuf {
    if is_data(path) { "data:".into() } else { path.into() }
}

/// What is wrong with a file.
pub(crate) fn problem(path: &Path, problem: &dyn std::fmt::Display) -> BuildError {
    BuildError::File { path: shown(path), problem: format!("{problem}") }
}

/// What a file holds, or what stands after `data:` in its place.
pub(crate) fn content(path: &Path) -> Result<Vec<u8>, BuildError> {
    match path.as_os_str().as_encoded_bytes().strip_prefix(DATA) {
        Some(data) => Ok(data.to_vec()),
        None => std::fs::read(path).map_err(|error| problem(path, &error)),
    }
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let bytes = content(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(problem(path, &"no certificate found")),
        Ok(found) => Ok(found),
        Err(error) => Err(problem(path, &error)),
    }
}

/// Whom to trust: these certificates.
pub(crate) fn roots(
    path: &Path,
    certificates: &[CertificateDer<'static>],
    roots: &mut RootCertStore,
) -> Result<(), BuildError> {
    for certificate in certificates {
        roots.add(certificate.clone()).map_err(|error| problem(path, &error))?;
    }
    Ok(())
}

/// Whom the system trusts.
pub(crate) fn system_roots() -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(BuildError::NoTrust) } else { Ok(roots) }
}

pub(crate) fn revocation_lists(path: &Path) -> Result<Vec<CertRevocationList<'static>>, BuildError> {
    let bytes = content(path)?;
    let mut lists = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
        let list = list.map_err(|error| problem(path, &error))?;
        let list = OwnedCertRevocationList::from_der(&list).map_err(|error| problem(path, &error))?;
        lists.push(CertRevocationList::Owned(list));
    }
    if lists.is_empty() { Err(problem(path, &"no certificate revocation list found")) } else { Ok(lists) }
}
