//! Whether somebody is who it should be.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use webpki::{CertRevocationList, EndEntityCert, KeyUsage, RevocationOptionsBuilder};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::odd;

/// Why a certificate is refused: OpenSSL's number and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("({code}:{reason})")]
pub struct Refusal {
    /// OpenSSL's number.
    pub code: u8,
    /// OpenSSL's words.
    pub reason: &'static str,
}

impl Refusal {
    /// Whether only somebody to trust is missing, be it that the chain was not followed so far, and the rest may be as it should
    /// (nginx: what `ssl_verify_client optional_no_ca` lets pass).
    #[must_use]
    pub fn is_for_trust(&self) -> bool {
        matches!(self.code, 18..=22 | 27)
    }
}

/// The certificate is for another name.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the certificate is for another name")]
pub(crate) struct OtherName;

const fn refused(code: u8, reason: &'static str) -> Refusal {
    Refusal { code, reason }
}

const EXPIRED: Refusal = refused(10, "certificate has expired");
const NOT_YET: Refusal = refused(9, "certificate is not yet valid");
const SELF_SIGNED: Refusal = refused(18, "self-signed certificate");
const TOO_LONG: Refusal = refused(22, "certificate chain too long");
const NO_LIST: Refusal = refused(3, "unable to get certificate CRL");
const PURPOSE: Refusal = refused(26, "unsuitable certificate purpose");
const SIGNATURE: Refusal = refused(7, "certificate signature failure");
const UNKNOWN: Refusal = refused(1, "unspecified certificate verification error");

fn error(other: impl std::error::Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(other))))
}

/// Who the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// Whom to trust, and how far.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) roots: RootCertStore,
    /// The same certificates as they are: one that signed itself may be shown as it is.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// How many certificates may stand between the other side's and a trusted one.
    pub(crate) depth: usize,
    pub(crate) revoked: Vec<CertRevocationList<'static>>,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Verifies as OpenSSL does: chain, validity, purpose, depth, revocation.
    pub(crate) fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        role: Role,
    ) -> Result<(), Refusal> {
        let found = match EndEntityCert::try_from(end_entity) {
            Ok(certificate) => self.chain(&certificate, intermediates, now, role),
            Err(found) => Err(found),
        };
        match found {
            Ok(()) => Ok(()),
            // A certificate that signed itself, and is trusted as it is: none of webpki's, which wants an issuer.
            Err(_)
                if is_self_issued(end_entity)
                    && self.certificates.iter().any(|known| known == end_entity) =>
            {
                self.pinned(end_entity, now, role)
            }
            // Of version 1, which webpki does not read.
            Err(webpki::Error::UnsupportedCertVersion) if !is_self_issued(end_entity) => {
                self.old(end_entity, intermediates, now)
            }
            Err(found) => Err(refusal(&found, end_entity, intermediates)),
        }
    }

    fn chain(
        &self,
        certificate: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        role: Role,
    ) -> Result<(), webpki::Error> {
        let lists: Vec<&CertRevocationList<'_>> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(RevocationOptionsBuilder::build);
        let depth = |path: &webpki::VerifiedPath<'_>| match path.intermediate_certificates().count() {
            count if count > self.depth => Err(webpki::Error::MaximumPathDepthExceeded),
            _ => Ok(()),
        };
        let usage = match role {
            Role::Server => KeyUsage::server_auth(),
            Role::Client => KeyUsage::client_auth(),
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let roots = &self.roots.roots;
        certificate
            .verify_for_usage(algorithms, roots, intermediates, now, usage, revocation, Some(&depth))
            .map(drop)
    }

    fn pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime, role: Role) -> Result<(), Refusal> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| UNKNOWN)?;
        in_time(&parsed, now)?;
        let purposes = parsed.extended_key_usage().map_err(|_| UNKNOWN)?;
        let fits = purposes.is_none_or(|purposes| {
            let wanted =
                if role == Role::Server { purposes.value.server_auth } else { purposes.value.client_auth };
            wanted || purposes.value.any
        });
        match (fits, self.revoked.is_empty()) {
            (false, _) => Err(PURPOSE),
            // Its own list would have to say that it is not revoked.
            (true, false) => Err(NO_LIST),
            (true, true) => Ok(()),
        }
    }

    /// A certificate of version 1: it has no extensions, so that there is no purpose to judge. Somebody who is trusted must have
    /// issued it: nobody in between is looked at, and no revocation list.
    fn old(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| UNKNOWN)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match odd::issued_by(&parsed, &self.roots.roots, algorithms) {
            None => Err(refusal(&webpki::Error::UnknownIssuer, certificate, intermediates)),
            Some(false) => Err(SIGNATURE),
            Some(true) if !self.revoked.is_empty() => Err(NO_LIST),
            Some(true) => in_time(&parsed, now),
        }
    }

    /// Whether the name may stand in the subject alone, as OpenSSL takes it: only where it is said whom to trust, for those whom
    /// systems trust write names where they belong (RFC 9110 4.3.4).
    fn takes_common_names(&self) -> bool {
        !self.certificates.is_empty()
    }
}

fn in_time(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Refusal> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < certificate.validity().not_before.timestamp() {
        return Err(NOT_YET);
    }
    if now > certificate.validity().not_after.timestamp() {
        return Err(EXPIRED);
    }
    Ok(())
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.subject().as_raw() == parsed.issuer().as_raw())
}

fn refusal(
    error: &webpki::Error,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Refusal {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } => EXPIRED,
        Error::CertNotValidYet { .. } => NOT_YET,
        Error::UnknownIssuer | Error::CaUsedAsEndEntity | Error::UnsupportedCertVersion
            if is_self_issued(end_entity) =>
        {
            SELF_SIGNED
        }
        Error::UnknownIssuer | Error::UnsupportedCertVersion => match intermediates.last() {
            None => refused(21, "unable to verify the first certificate"),
            Some(last) if is_self_issued(last) => refused(19, "self-signed certificate in certificate chain"),
            Some(_) => refused(20, "unable to get local issuer certificate"),
        },
        Error::CertRevoked => refused(23, "certificate revoked"),
        Error::UnknownRevocationStatus => NO_LIST,
        Error::CrlExpired { .. } => refused(12, "CRL has expired"),
        Error::MaximumPathDepthExceeded => TOO_LONG,
        Error::RequiredEkuNotFoundContext(_) => PURPOSE,
        Error::InvalidSignatureForPublicKey => SIGNATURE,
        _ => UNKNOWN,
    }
}

/// The signature of somebody whose certificate webpki does not read, such as one of version 1: by the key in it.
fn odd_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    error: rustls::Error,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    if EndEntityCert::try_from(certificate).is_ok() {
        return Err(error);
    }
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Err(error) };
    let spki = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
    let Ok(key) = webpki::RawPublicKeyEntity::try_from(&spki) else { return Err(error) };
    let fitting = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
    let mut candidates = fitting.flat_map(|(_, all)| all.iter());
    match candidates.any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(error),
    }
}

/// Signatures are always verified: else a certificate would prove nothing.
macro_rules! signatures {
    (|$this:ident| $provider:expr) => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let $this = self;
            let algorithms = &$provider.signature_verification_algorithms;
            verify_tls12_signature(message, cert, dss, algorithms)
                .or_else(|error| odd_signature(message, cert, dss, algorithms, error))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let $this = self;
            let algorithms = &$provider.signature_verification_algorithms;
            verify_tls13_signature(message, cert, dss, algorithms)
                .or_else(|error| odd_signature(message, cert, dss, algorithms, error))
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let $this = self;
            $provider.signature_verification_algorithms.supported_schemes()
        }
    };
}

/// Verifies a peer as OpenSSL does for nginx, its name too.
#[derive(Debug)]
pub(crate) struct Verifier(pub(crate) Trust);

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.check(end_entity, intermediates, now, Role::Server).map_err(error)?;
        let named = EndEntityCert::try_from(end_entity)
            .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(server_name).is_ok());
        match named || (self.0.takes_common_names() && is_called(end_entity, server_name)) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(error(OtherName)),
        }
    }

    signatures!(|this| this.0.provider);
}

fn is_called(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    odd::is_called(&parsed, &name.to_str(), matches!(name, ServerName::DnsName(_)))
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

    signatures!(|this| this.0);
}

/// Asks clients for a certificate, and takes any: who it is from is judged when the handshake is done, so that a client that
/// is refused can be told why (nginx does the same).
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) provider: Arc<CryptoProvider>,
    /// The authorities that clients are told.
    pub(crate) authorities: Vec<DistinguishedName>,
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.authorities
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    signatures!(|this| this.provider);
}
