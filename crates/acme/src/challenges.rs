//! What an authority that looks for its challenges is to find.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use instant_acme::{Identifier, KeyAuthorization};
use parking_lot::RwLock;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

use crate::error::Error;
use crate::provider;

/// The protocol above TLS (ALPN) by which an authority looks for TLS-ALPN-01 (RFC 8737 6.2).
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// How the paths begin where an authority looks for HTTP-01 (RFC 8555 8.3).
pub const WELL_KNOWN: &str = "/.well-known/acme-challenge/";

/// The challenges that are pending: what answers them looks here. A clone is the same set.
///
/// ```
/// use propylon_acme::Challenges;
///
/// let challenges = Challenges::new();
/// assert_eq!(challenges.http("/.well-known/acme-challenge/token"), None);
/// ```
#[derive(Clone, Default)]
pub struct Challenges(Arc<Pending>);

#[derive(Default)]
struct Pending {
    /// What the answer is, by token.
    http: RwLock<HashMap<String, Bytes>>,
    /// What is shown, by the name that the client asks for.
    tls: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

/// A challenge that is pending until this is dropped.
#[derive(Debug)]
pub(crate) enum Open {
    Http(Challenges, String),
    Tls(Challenges, String),
}

impl Challenges {
    /// None, until a keeper adds some.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer to a request of HTTP-01 with this path, if its challenge is pending.
    #[must_use]
    pub fn http(&self, path: &str) -> Option<Bytes> {
        let token = path.strip_prefix(WELL_KNOWN)?;
        self.0.http.read().get(token).cloned()
    }

    /// How a client is served that asks for [`ACME_TLS`] and this name, if its challenge is pending: nothing but the handshake
    /// follows, and the connection is to be closed.
    #[must_use]
    pub fn tls(&self, name: Option<&str>) -> Option<Arc<ServerConfig>> {
        let key = self.shown(name)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .ok()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(One(key)));
        config.alpn_protocols = vec![ACME_TLS.to_vec()];
        config.send_tls13_tickets = 0;
        Some(Arc::new(config))
    }

    /// The certificate that is shown to a client that asks for this name.
    pub(crate) fn shown(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.0.tls.read().get(&name?.to_ascii_lowercase()).cloned()
    }

    pub(crate) fn open_http(&self, token: &str, authorization: &KeyAuthorization) -> Open {
        let answer = Bytes::copy_from_slice(authorization.as_str().as_bytes());
        self.0.http.write().insert(token.into(), answer);
        Open::Http(self.clone(), token.into())
    }

    #[cfg(test)]
    pub(crate) fn open_answer(&self, token: &str) -> Open {
        self.0.http.write().insert(token.into(), Bytes::from_static(b"answer"));
        Open::Http(self.clone(), token.into())
    }

    pub(crate) fn open_tls(
        &self,
        identifier: &Identifier,
        authorization: &KeyAuthorization,
    ) -> Result<Open, Error> {
        let (name, asked) = match identifier {
            Identifier::Dns(name) => (name.clone(), name.to_ascii_lowercase()),
            Identifier::Ip(address) => (address.to_string(), reverse(*address)),
            other => return Err(Error::Answer(format!("unsupported identifier {other:?}"))),
        };
        let certificate = certificate(&name, authorization.digest().as_ref(), &provider())?;
        self.0.tls.write().insert(asked.clone(), Arc::new(certificate));
        Ok(Open::Tls(self.clone(), asked))
    }
}

impl std::fmt::Debug for Challenges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (http, tls) = (self.0.http.read().len(), self.0.tls.read().len());
        f.debug_struct("Challenges").field("http", &http).field("tls", &tls).finish()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        match self {
            Self::Http(challenges, token) => drop(challenges.0.http.write().remove(token)),
            Self::Tls(challenges, name) => drop(challenges.0.tls.write().remove(name)),
        }
    }
}

/// The same certificate for everybody.
#[derive(Debug)]
struct One(Arc<CertifiedKey>);

impl ResolvesServerCert for One {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// The certificate of TLS-ALPN-01 (RFC 8737 3): for the name alone, with the digest of the key authorization.
fn certificate(name: &str, digest: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    if digest.len() != 32 {
        return Err(Error::Library("a digest of SHA-256 has 32 bytes".into()));
    }
    let key = KeyPair::generate().map_err(Error::library)?;
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(Error::library)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(Error::library)?;
    let secret = PrivateKeyDer::try_from(key.serialize_der()).map_err(Error::library)?;
    let secret = provider.key_provider.load_private_key(secret).map_err(Error::library)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], secret))
}

/// What an authority asks for where an address is validated (RFC 8738 6): a name is asked for in TLS, never an address.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            let name: String = nibbles.map(|nibble| format!("{nibble:x}.")).collect();
            name + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_answered_while_they_are_pending() {
        let challenges = Challenges::new();
        let other = challenges.clone();
        let pending = challenges.open_answer("t0k-en_");
        for (path, found) in [
            ("/.well-known/acme-challenge/t0k-en_", true),
            ("/.well-known/acme-challenge/t0k-en_/", false),
            ("/.well-known/acme-challenge/t0k-en", false),
            ("/.well-known/acme-challenge/", false),
            ("/.well-known/acme-challenge/../t0k-en_", false),
            ("/t0k-en_", false),
            ("", false),
        ] {
            assert_eq!(other.http(path).is_some(), found, "{path}");
        }
        drop(pending);
        assert_eq!(other.http("/.well-known/acme-challenge/t0k-en_"), None);
    }

    #[test]
    fn addresses_are_asked_for_by_their_reverse_names() {
        assert_eq!(reverse([10, 0, 2, 1].into()), "1.2.0.10.in-addr.arpa");
        let v6 = reverse("2001:db8::1".parse().unwrap());
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"), "{v6}");
        assert_eq!(v6.split('.').count(), 34);
    }

    #[test]
    fn the_certificate_has_the_digest_and_nothing_is_shown_to_others() {
        let key = certificate("a.test", &[7; 32], &provider()).unwrap();
        let der = key.cert.first().unwrap();
        let id_pe_acme_identifier = [0x2B, 6, 1, 5, 5, 7, 1, 31];
        assert!(der.windows(8).any(|window| window == id_pe_acme_identifier));
        assert!(der.windows(32).any(|window| window == [7; 32]));
        assert!(certificate("a.test", &[7; 3], &provider()).is_err());
        let challenges = Challenges::new();
        challenges.0.tls.write().insert("a.test".into(), Arc::new(key));
        assert!(challenges.tls(Some("A.test")).is_some());
        assert!(challenges.tls(Some("b.test")).is_none() && challenges.tls(None).is_none());
    }
}
