//! Whether a peer is who it should be.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{CertRevocationList, EndEntityCert, KeyUsage, RevocationOptionsBuilder};

/// Why a certificate is refused: OpenSSL's number and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{1}")]
pub(crate) struct Refusal(pub(crate) u8, pub(crate) &'static str);

/// The certificate is for another name.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the certificate is for another name")]
pub(crate) struct OtherName;

const TOO_LONG: Refusal = Refusal(22, "certificate chain too long");

fn refusal(error: &webpki::Error) -> Refusal {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } => Refusal(10, "certificate has expired"),
        Error::CertNotValidYet { .. } => Refusal(9, "certificate is not yet valid"),
        Error::UnknownIssuer => Refusal(20, "unable to get local issuer certificate"),
        Error::CaUsedAsEndEntity => Refusal(18, "self-signed certificate"),
        Error::CertRevoked => Refusal(23, "certificate revoked"),
        Error::UnknownRevocationStatus => Refusal(3, "unable to get certificate CRL"),
        Error::CrlExpired { .. } => Refusal(12, "CRL has expired"),
        Error::MaximumPathDepthExceeded => TOO_LONG,
        Error::RequiredEkuNotFoundContext(_) => Refusal(26, "unsuitable certificate purpose"),
        Error::InvalidSignatureForPublicKey => Refusal(7, "certificate signature failure"),
        _ => Refusal(1, "unspecified certificate verification error"),
    }
}

fn error(other: impl std::error::Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(other))))
}

/// Verifies as OpenSSL does for nginx: chain, validity, depth, revocation, and the name.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) roots: RootCertStore,
    /// How many certificates may stand between the peer's and the trusted one.
    pub(crate) depth: usize,
    pub(crate) revoked: Vec<CertRevocationList<'static>>,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn chain(
        &self,
        certificate: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let lists: Vec<&CertRevocationList<'_>> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(RevocationOptionsBuilder::build);
        let depth = |path: &webpki::VerifiedPath<'_>| match path.intermediate_certificates().count() {
            count if count > self.depth => Err(webpki::Error::MaximumPathDepthExceeded),
            _ => Ok(()),
        };
        let usage = KeyUsage::server_auth();
        let algorithms = self.provider.signature_verification_algorithms.all;
        certificate
            .verify_for_usage(
                algorithms,
                &self.roots.roots,
                intermediates,
                now,
                usage,
                revocation,
                Some(&depth),
            )
            .map(drop)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = EndEntityCert::try_from(end_entity)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        self.chain(&certificate, intermediates, now).map_err(|found| error(refusal(&found)))?;
        certificate.verify_is_valid_for_subject_name(server_name).map_err(|_| error(OtherName))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Believes everyone, as nginx does unless it is told otherwise: the connection is secret, and the peer may be anybody.
#[derive(Debug)]
pub(crate) struct Anybody(pub(crate) Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
