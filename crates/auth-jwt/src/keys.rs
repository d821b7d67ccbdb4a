//! Keys, and what each of them may check.

use std::time::{Duration, SystemTime};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use crate::{KeyError, Refused, Token};

/// Keys that tokens are signed with (RFC 7517): a set, or one alone.
///
/// A key that signatures cannot be checked with is left out, as RFC 7517, 5 has it: of a kind that is not known, without
/// what it needs, for something else (`use`, `key_ops`), or for an algorithm that does not fit it.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    name: Option<Box<str>>,
    /// What it may check: the key says so, never the token alone. Else a public key could be taken for a secret.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// No set is larger, in bytes.
    pub const LARGEST: usize = 1024 * 1024;

    /// Reads keys.
    ///
    /// # Errors
    /// There are none that signatures can be checked with.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > Self::LARGEST {
            return Err(KeyError::TooLarge);
        }
        let value: Value = serde_json::from_slice(json)?;
        let keys = match value {
            Value::Object(mut object) => match object.remove("keys") {
                Some(Value::Array(keys)) => keys,
                None if object.contains_key("kty") => vec![Value::Object(object)],
                _ => return Err(KeyError::NoSet),
            },
            _ => return Err(KeyError::NoSet),
        };
        let keys: Vec<Key> = keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() { Err(KeyError::NoKey) } else { Ok(Self { keys }) }
    }

    /// Says whether a token was signed with one of the keys of these sets, and is good at this time. The key is the one that the token names
    /// (`kid`), or, where it names none, any that is for its algorithm.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify<'k>(
        sets: impl IntoIterator<Item = &'k Self>,
        token: &Token,
        now: SystemTime,
        leeway: Duration,
    ) -> Result<(), Refused> {
        let (algorithm, name) = (token.algorithm()?, token.key()?);
        let keys = sets.into_iter().flat_map(|set| &set.keys);
        let named = keys.filter(|key| name.is_none() || key.name.as_deref() == name);
        let mut found = Refused::NoKey;
        for key in named.filter(|key| key.algorithms.contains(&algorithm)) {
            match crypto::verify(token.signature(), token.signed(), &key.key, algorithm) {
                Ok(true) => return token.timely(now, leeway),
                Ok(false) | Err(_) => found = Refused::Signature,
            }
        }
        Err(found)
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let common = &jwk.common;
        if common.public_key_use.as_ref().is_some_and(|of| *of != PublicKeyUse::Signature)
            || common.key_operations.as_ref().is_some_and(|all| !all.contains(&KeyOperations::Verify))
        {
            return None;
        }
        let mut algorithms = fitting(&jwk.algorithm);
        if let Some(only) = common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        (!algorithms.is_empty()).then(|| Self { name: jwk.common.key_id.map(Into::into), algorithms, key })
    }
}

/// What a key of this kind can check.
fn fitting(key: &AlgorithmParameters) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    match key {
        // Everybody knows the empty secret.
        AlgorithmParameters::OctetKey(key) if !key.value.is_empty() => vec![HS256, HS384, HS512],
        AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![EdDSA],
        _ => Vec::new(),
    }
}
