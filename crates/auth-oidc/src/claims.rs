//! Whether an ID token is good (OpenID Connect Core, 3.1.3.7), its signature apart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use propylon_auth_jwt::{KeySet, Token};
use serde_json::{Map, Value};

use crate::secrets::base64;
use crate::{Error, Provider};

/// How far the provider's clock may be from this one.
const LEEWAY: Duration = Duration::from_secs(30);

/// What an ID token that is good says of whom it is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) subject: Box<str>,
    /// The provider's name of the session, if it has one.
    pub(crate) sid: Option<Box<str>>,
}

/// Judges a token.
pub(crate) fn check(
    token: &Token,
    keys: &KeySet,
    provider: &Provider,
    nonce: &str,
    access_token: &str,
    now: SystemTime,
) -> Result<Subject, Error> {
    let algorithm = token.header(&["alg"]).unwrap_or_default();
    // A secret that the provider publishes is none, and one that we share with it is not used for this.
    if algorithm.starts_with(b"HS") {
        return Err(Error::Token(propylon_auth_jwt::Refused::Algorithm));
    }
    KeySet::verify([keys], token, now, LEEWAY)?;
    let Ok(Value::Object(claims)) = serde_json::from_slice(token.payload()) else {
        return Err(Error::Token(propylon_auth_jwt::Refused::Malformed));
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if text("iss") != Some(&*provider.issuer) {
        return Err(Error::Claim("`iss` names another provider"));
    }
    audience(&claims, &provider.client_id)?;
    times(&claims, now)?;
    if text("nonce") != Some(nonce) {
        return Err(Error::Claim("`nonce` does not match the login"));
    }
    if let Some(hash) = claims.get("at_hash")
        && hash.as_str() != half_hash(&algorithm, access_token).as_deref()
    {
        return Err(Error::Claim("`at_hash` does not match the access token"));
    }
    let subject = text("sub").ok_or(Error::Claim("`sub` is missing"))?.into();
    Ok(Subject { subject, sid: text("sid").map(Into::into) })
}

/// It is for us, and if for others too, then given to us.
fn audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), Error> {
    let others = match claims.get("aud") {
        Some(Value::String(one)) if one == client_id => false,
        Some(Value::Array(all)) if all.iter().any(|one| one.as_str() == Some(client_id)) => all.len() > 1,
        _ => return Err(Error::Claim("`aud` does not name this client")),
    };
    match claims.get("azp") {
        None if others => Err(Error::Claim("`aud` has several values and `azp` is missing")),
        Some(party) if party.as_str() != Some(client_id) => {
            Err(Error::Claim("`azp` does not name this client"))
        }
        _ => Ok(()),
    }
}

/// `exp` and `iat` have to be there; that `exp` is to come was found with the signature.
fn times(claims: &Map<String, Value>, now: SystemTime) -> Result<(), Error> {
    let date = |name: &str| claims.get(name).and_then(Value::as_f64);
    if date("exp").is_none() {
        return Err(Error::Claim("`exp` is missing"));
    }
    let issued = date("iat").ok_or(Error::Claim("`iat` is missing"))?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if issued > now + LEEWAY.as_secs_f64() {
        return Err(Error::Claim("`iat` is in the future"));
    }
    Ok(())
}

/// The left half of a token's hash (3.1.3.6), of the hash that the signature is made with.
fn half_hash(algorithm: &[u8], token: &str) -> Option<String> {
    let hash = match algorithm {
        b"RS256" | b"PS256" | b"ES256" => &digest::SHA256,
        b"RS384" | b"PS384" | b"ES384" => &digest::SHA384,
        b"RS512" | b"PS512" | b"EdDSA" => &digest::SHA512, // Ed25519 is on SHA-512
        _ => return None,
    };
    let hash = digest::digest(hash, token.as_bytes());
    let half = hash.as_ref().get(..hash.as_ref().len() / 2)?;
    Some(base64(half))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use propylon_testkit::tokens::{Signer, set};

    use super::*;

    fn judged(signer: &Signer, header: &str, claims: &str) -> Result<Subject, String> {
        let keys = KeySet::parse(set(&[signer.key("\"kid\":\"a\"")]).as_bytes()).unwrap();
        let token = Token::parse(signer.token(header, claims).as_bytes()).unwrap();
        let provider = Provider::new("https://id.test", "us");
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        check(&token, &keys, &provider, "n", "access", now).map_err(|error| error.to_string())
    }

    const GOOD: &str = r#"{"iss":"https://id.test","sub":"me","aud":"us","exp":1001,"iat":1000,"nonce":"n"}"#;

    #[test]
    fn a_good_one_is_good_and_each_claim_counts() {
        let signer = Signer::new("ES256");
        let of = |claims: &str| judged(&signer, r#"{"alg":"ES256","kid":"a"}"#, claims);
        assert_eq!(of(GOOD).unwrap(), Subject { subject: "me".into(), sid: None });
        let sid = of(&GOOD.replace("\"nonce\"", "\"sid\":\"s\",\"nonce\"")).unwrap().sid;
        assert_eq!(sid.as_deref(), Some("s"));
        for (from, to) in [
            ("\"us\"", r#"["us"]"#),
            ("\"us\"", r#"["them","us"],"azp":"us""#),
            ("\"us\"", r#""us","azp":"us""#),
            ("\"iat\":1000", "\"iat\":1030"),
            ("\"exp\":1001", "\"exp\":971"),
        ] {
            of(&GOOD.replace(from, to)).unwrap_or_else(|why| panic!("{to}: {why}"));
        }
        for (from, to, why) in [
            ("https://id.test", "https://id.test/", "`iss` names another provider"),
            ("\"iss\"", "\"x\"", "`iss` names another provider"),
            ("\"us\"", "\"them\"", "`aud` does not name this client"),
            ("\"us\"", r#"["them"]"#, "`aud` does not name this client"),
            ("\"us\"", r#""them,us""#, "`aud` does not name this client"),
            ("\"aud\"", "\"x\"", "`aud` does not name this client"),
            ("\"us\"", r#"["them","us"]"#, "`aud` has several values and `azp` is missing"),
            ("\"us\"", r#""us","azp":"them""#, "`azp` does not name this client"),
            ("\"us\"", r#""us","azp":null"#, "`azp` does not name this client"),
            ("\"exp\"", "\"x\"", "`exp` is missing"),
            ("\"exp\":1001", "\"exp\":970", "the JSON Web Token has expired"),
            ("\"iat\"", "\"x\"", "`iat` is missing"),
            ("\"iat\":1000", "\"iat\":\"1000\"", "`iat` is missing"),
            ("\"iat\":1000", "\"iat\":1031", "`iat` is in the future"),
            ("\"nonce\"", "\"x\"", "`nonce` does not match the login"),
            ("\"n\"", "\"m\"", "`nonce` does not match the login"),
            ("\"sub\"", "\"x\"", "`sub` is missing"),
            ("\"me\"", "\"\"", "`sub` is missing"),
            ("\"me\"", "7", "`sub` is missing"),
        ] {
            let found = of(&GOOD.replace(from, to)).unwrap_err();
            assert_eq!(found, format!("invalid ID token: {why}"), "{to}");
        }
    }

    #[test]
    fn signatures_are_of_the_keys_that_are_there_and_never_of_secrets() {
        let signer = Signer::new("ES256");
        let header = r#"{"alg":"ES256","kid":"b"}"#;
        assert!(judged(&signer, header, GOOD).unwrap_err().ends_with("no key matches the JSON Web Token"));
        let unsigned = judged(&signer, r#"{"alg":"none"}"#, GOOD).unwrap_err();
        assert!(unsigned.ends_with("uses an unsupported algorithm"), "{unsigned}");
        let secret = judged(&Signer::secret("HS256", b"secret"), r#"{"alg":"HS256","kid":"a"}"#, GOOD);
        assert!(secret.unwrap_err().ends_with("uses an unsupported algorithm"));
    }

    #[test]
    fn the_access_token_is_the_one_that_came_along() {
        // printf access | openssl dgst -sha256 -binary | head -c 16 | basenc --base64url
        for (algorithm, expected) in [
            ("ES256", "oFYf1knNtrqnhAVfBRuteQ"),
            ("ES384", "SeGOaEgS6QNKbB7vkLM3y8nujeY4Ple3"),
            ("EdDSA", "kyd4-h3ZoV2sH212kLKbcOnCBajStKQ38Ae_bfT-PFI"),
        ] {
            let signer = Signer::new(algorithm);
            let header = format!("{{\"alg\":\"{algorithm}\",\"kid\":\"a\"}}");
            let with = |hash: &str| GOOD.replace("\"nonce\"", &format!("\"at_hash\":{hash},\"nonce\""));
            judged(&signer, &header, &with(&format!("\"{expected}\""))).unwrap();
            for bad in [
                "\"\"",
                "null",
                "\"AAAA\"",
                &format!("\"{}\"", half_hash(algorithm.as_bytes(), "other").unwrap()),
            ] {
                let found = judged(&signer, &header, &with(bad)).unwrap_err();
                assert!(
                    found.ends_with("`at_hash` does not match the access token"),
                    "{algorithm} {bad}: {found}"
                );
            }
        }
    }
}
