//! Who we are: a certificate and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use crate::certificate::time;
use crate::error::BuildError;
use crate::pem::{certificates, content, is_data, problem, shown};

/// A certificate with its chain, and its key: files with PEM in them, or the PEM itself after `data:` (nginx does the same).
///
/// ```
/// use propylon_tls::Identity;
///
/// let identity = Identity::new("server.pem", "server.key").password_file("passwords").staple("ocsp.der");
/// assert_eq!(identity.files().count(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    password_file: Option<PathBuf>,
    staple: Option<PathBuf>,
}

impl Identity {
    /// The certificate and those between it and the root, and the key (nginx: `ssl_certificate`, `ssl_certificate_key`).
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), password_file: None, staple: None }
    }

    /// The file of passwords for the key, one a line, each of which is tried (nginx: `ssl_password_file`). The key is PKCS #8
    /// then (`BEGIN ENCRYPTED PRIVATE KEY`), as OpenSSL has written it since 3.0.
    #[must_use]
    pub fn password_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.password_file = Some(file.into());
        self
    }

    /// The file of an OCSP response, DER, that clients get with the certificate (nginx: `ssl_stapling_file`). It is passed on
    /// as it is.
    #[must_use]
    pub fn staple(mut self, file: impl Into<PathBuf>) -> Self {
        self.staple = Some(file.into());
        self
    }

    /// The files that it is read from.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let optional = [&self.password_file, &self.staple].into_iter().flatten();
        let all = [&self.certificate, &self.key].into_iter().chain(optional);
        all.map(|file| &**file).filter(|file| !is_data(file))
    }

    /// Whether the certificate and those that stand with it are valid today. Nothing else asks: one that has expired is shown
    /// like any other, and whether it will do is for the peer to say.
    ///
    /// # Errors
    /// [`BuildError::Expired`], or what is wrong with the file.
    pub fn is_current(&self) -> Result<(), BuildError> {
        for certificate in certificates(&self.certificate)? {
            let (_, parsed) = X509Certificate::from_der(&certificate)
                .map_err(|error| problem(&self.certificate, &format!("invalid certificate ({error})")))?;
            let (validity, now) = (parsed.validity(), ASN1Time::now());
            let problem = if validity.not_after < now {
                format!("has expired: it was valid until {}", time(validity.not_after))
            } else if now < validity.not_before {
                format!("is not valid yet: it is valid from {}", time(validity.not_before))
            } else {
                continue;
            };
            return Err(BuildError::Expired { path: shown(&self.certificate), problem });
        }
        Ok(())
    }

    /// Reads the files.
    pub(crate) fn load(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, BuildError> {
        let chain = certificates(&self.certificate)?;
        let signing = provider.key_provider.load_private_key(self.private_key()?);
        let signing = signing.map_err(|error| problem(&self.key, &error))?;
        // Not by webpki, which knows certificates of version 3 only: any that OpenSSL takes is one to show.
        if let (Some(own), Some(end_entity)) = (signing.public_key(), chain.first()) {
            let (_, parsed) = X509Certificate::from_der(end_entity)
                .map_err(|error| problem(&self.certificate, &format!("invalid certificate ({error})")))?;
            if parsed.public_key().raw != own.as_ref() {
                let (certificate, key) = (shown(&self.certificate), shown(&self.key));
                return Err(BuildError::Mismatch { certificate, key });
            }
        }
        let mut identity = CertifiedKey::new(chain, signing);
        if let Some(file) = &self.staple {
            identity.ocsp = Some(ocsp(file)?);
        }
        Ok(Arc::new(identity))
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, BuildError> {
        let pem = content(&self.key)?;
        if let Some(locked) = section(&pem, "ENCRYPTED PRIVATE KEY") {
            return self.unlock(locked);
        }
        if pem.windows(LOCKED_OLD.len()).any(|window| window == LOCKED_OLD) {
            return Err(problem(
                &self.key,
                &"the private key is encrypted in the format before PKCS #8, which is not supported; convert it with `openssl pkcs8 -topk8`",
            ));
        }
        PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|error| problem(&self.key, &format!("no private key found ({error})")))
    }

    fn unlock(&self, pem: &str) -> Result<PrivateKeyDer<'static>, BuildError> {
        let Some(file) = &self.password_file else {
            return Err(problem(
                &self.key,
                &"the private key is encrypted, and no password file is configured",
            ));
        };
        let passwords = content(file)?;
        let (_, document) = SecretDocument::from_pem(pem).map_err(|error| problem(&self.key, &error))?;
        let locked = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
            .map_err(|error| problem(&self.key, &error))?;
        let mut lines = passwords.split(|&byte| byte == b'\n');
        let mut last = None;
        let opened = lines.find_map(|line| match locked.decrypt(line.strip_suffix(b"\r").unwrap_or(line)) {
            Ok(opened) => Some(opened),
            Err(error) => {
                last = Some(error);
                None
            }
        });
        let Some(opened) = opened else {
            let why = last.map(|error| error.to_string()).unwrap_or_default();
            return Err(problem(
                &self.key,
                &format!("no password in {} decrypts the private key ({why})", file.display()),
            ));
        };
        Ok(PrivatePkcs8KeyDer::from(opened.as_bytes().to_vec()).into())
    }
}

const LOCKED_OLD: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// A section of PEM, its lines included.
fn section<'a>(pem: &'a [u8], label: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(pem).ok()?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = text.find(&begin)?;
    let length = text.get(start..)?.find(&end)? + end.len();
    text.get(start..start + length)
}

/// An OCSP response (RFC 6960), which must at least say that it is one.
fn ocsp(file: &Path) -> Result<Vec<u8>, BuildError> {
    let bytes = content(file)?;
    const SEQUENCE: u8 = 0x30;
    const SUCCESSFUL: [u8; 3] = [0x0A, 1, 0];
    let head = match bytes.as_slice() {
        [SEQUENCE, length, ..] if *length < 0x80 => 2,
        [SEQUENCE, length, ..] => 2 + usize::from(length & 0x7F),
        _ => {
            return Err(problem(
                file,
                &"not an OCSP response: expected DER, as `openssl ocsp -respout` writes it",
            ));
        }
    };
    match bytes.get(head..head + SUCCESSFUL.len()) {
        Some(status) if status == SUCCESSFUL => Ok(bytes.clone()),
        _ => Err(problem(file, &"not a successful OCSP response")),
    }
}
