//! JSON Web Tokens, and the keys that sign them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PublicKeyData, RsaKeySize};

/// Somebody who signs tokens.
#[derive(Debug)]
pub struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    /// The key as those get it who check.
    public: String,
}

/// RFC 5208: what stands before an RSA key of 2048 bits in PKCS #8.
const BEFORE_RSA: usize = 26;

impl Signer {
    /// With this secret.
    #[must_use]
    pub fn secret(algorithm: &str, secret: &[u8]) -> Self {
        let public = format!("\"kty\":\"oct\",\"k\":\"{}\"", encode(secret));
        Self { algorithm: known(algorithm), key: EncodingKey::from_secret(secret), public }
    }

    /// With a new key for this algorithm: one of the families RS, PS and ES, or `EdDSA`.
    ///
    /// # Panics
    /// There is no such algorithm.
    #[must_use]
    pub fn new(algorithm: &str) -> Self {
        let known = known(algorithm);
        match algorithm {
            "ES256" => Self::curve(known, "P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
            "ES384" => Self::curve(known, "P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
            "EdDSA" => {
                let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
                let x = encode(pair.der_bytes());
                let public = format!("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"");
                Self { algorithm: known, key: EncodingKey::from_ed_der(&pair.serialize_der()), public }
            }
            _ => Self::rsa(known),
        }
    }

    fn curve(algorithm: Algorithm, name: &str, kind: &'static rcgen::SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(kind).expect("a key");
        let (_, point) = pair.der_bytes().split_first().expect("an uncompressed point");
        let (x, y) = point.split_at(point.len() / 2);
        let public =
            format!("\"kty\":\"EC\",\"crv\":\"{name}\",\"x\":\"{}\",\"y\":\"{}\"", encode(x), encode(y));
        Self { algorithm, key: EncodingKey::from_ec_der(&pair.serialize_der()), public }
    }

    fn rsa(algorithm: Algorithm) -> Self {
        let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let key = EncodingKey::from_rsa_der(pair.serialize_der().get(BEFORE_RSA..).expect("PKCS #1 in it"));
        let jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public key");
        let AlgorithmParameters::RSA(rsa) = jwk.algorithm else { panic!("{:?}", jwk.algorithm) };
        let public = format!("\"kty\":\"RSA\",\"n\":\"{}\",\"e\":\"{}\"", rsa.n, rsa.e);
        Self { algorithm, key, public }
    }

    /// A token with this header and these claims, in JSON.
    ///
    /// # Panics
    /// The key cannot sign.
    #[must_use]
    pub fn token(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).expect("a signature");
        format!("{message}.{signature}")
    }

    /// A token with these claims, and a header that names the algorithm and this key.
    #[must_use]
    pub fn named(&self, key: &str, claims: &str) -> String {
        self.token(&format!("{{\"alg\":\"{:?}\",\"kid\":\"{key}\"}}", self.algorithm), claims)
    }

    /// The key as JSON, with this beside it: `"kid":"a"`.
    #[must_use]
    pub fn key(&self, beside: &str) -> String {
        let comma = if beside.is_empty() { "" } else { "," };
        format!("{{{}{comma}{beside}}}", self.public)
    }
}

/// A set of keys.
#[must_use]
pub fn set(keys: &[String]) -> String {
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

fn known(algorithm: &str) -> Algorithm {
    algorithm.parse().expect("an algorithm")
}

/// Base64url without padding, as tokens have it.
#[must_use]
pub fn encode(part: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}
