//! What can go wrong with TLS.

use std::io;
use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A file that cannot be read, or holds nothing of what it should.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate and a key that do not belong together.
    #[error("the key {} does not belong to the certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate that no peer which verifies it will take today.
    #[error("the certificate {} {problem}", path.display())]
    Expired {
        /// The certificate's file.
        path: PathBuf,
        /// When it was valid, or will be.
        problem: String,
    },
    /// A protocol that is not spoken.
    #[error("unsupported protocol \"{name}\": only TLSv1.2 and TLSv1.3 are supported")]
    Protocol {
        /// What was asked for.
        name: String,
    },
    /// A cipher that does not exist here.
    #[error("unknown cipher \"{name}\"; supported ciphers: {known}")]
    Cipher {
        /// What was asked for; of several, all.
        name: String,
        /// What there is.
        known: String,
    },
    /// One of OpenSSL's lists for Suite B, which are about more than ciphers.
    #[error(
        "unsupported cipher list \"{name}\": use ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-ECDSA-AES128-GCM-SHA256 or both, \
         and the curves secp384r1 and prime256v1"
    )]
    SuiteB {
        /// What was asked for.
        name: String,
    },
    /// A group of key exchange that does not exist here.
    #[error("unknown curve \"{name}\"; supported curves: {known}")]
    Curve {
        /// What was asked for; of several, all.
        name: String,
        /// What there is.
        known: String,
    },
    /// Nothing is left to be spoken.
    #[error("none of the ciphers \"{ciphers}\" can be used with the enabled protocols")]
    NoCipher {
        /// What was asked for.
        ciphers: String,
    },
    /// Verification without anybody to trust.
    #[error("the system has no trusted certificates")]
    NoTrust,
    /// What the TLS library says.
    #[error("{0}")]
    Library(String),
}

impl BuildError {
    /// Whether the world is to blame, not the text of a configuration: a file that is missing, or not what it should be.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Mismatch { .. } | Self::Expired { .. } | Self::NoTrust)
    }
}

/// Why a handshake with a peer failed. The texts are nginx's, with OpenSSL's numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's certificate is not to be trusted.
    #[error("upstream SSL certificate verify error: ({code}:{reason}) while SSL handshaking to upstream")]
    Certificate {
        /// OpenSSL's number.
        code: u8,
        /// OpenSSL's words.
        reason: &'static str,
    },
    /// The peer's certificate is for another name.
    #[error("upstream SSL certificate does not match \"{name}\" while SSL handshaking to upstream")]
    Name {
        /// The name that was expected.
        name: String,
    },
    /// The peer refused, or does not speak TLS as we do.
    #[error("SSL_do_handshake() failed ({0}) while SSL handshaking to upstream")]
    Handshake(String),
    /// The connection broke.
    #[error("peer closed connection in SSL handshake ({0}) while SSL handshaking to upstream")]
    Io(#[source] io::Error),
}
