//! Which keys check which tokens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use propylon_auth_jwt::{KeyError, KeySet, Refused, Token};
use propylon_testkit::tokens::{Signer, encode, set};

const CLAIMS: &str = "{\"sub\":\"a\"}";

fn verify(keys: &str, token: &str) -> Result<(), Refused> {
    let keys = KeySet::parse(keys.as_bytes()).unwrap();
    KeySet::verify([&keys], &Token::parse(token.as_bytes())?, now(), Duration::ZERO)
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000)
}

#[test]
fn every_algorithm_checks_its_signature_and_no_other() {
    let secret = ["HS256", "HS384", "HS512"].map(|name| (name, Signer::secret(name, b"fantasticjwt")));
    let public = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    let public = public.map(|name| (name, Signer::new(name)));
    for (name, signer) in secret.iter().chain(&public) {
        let token = signer.named("k", CLAIMS);
        let keys = set(&[signer.key("\"kid\":\"k\"")]);
        assert_eq!(verify(&keys, &token), Ok(()), "{name}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let other = format!("{header}.{}.{signature}", encode("{\"sub\":\"b\"}"));
        assert_eq!(verify(&keys, &other), Err(Refused::Signature), "{name}: other claims");
        for signature in ["", "AA", &encode([0; 64]), "!"] {
            let forged = format!("{signed}.{signature}");
            assert_eq!(verify(&keys, &forged), Err(Refused::Signature), "{name}: {signature:?}");
        }
        let stranger = match *name {
            "HS256" | "HS384" | "HS512" => Signer::secret(name, b"another"),
            _ => Signer::new(name),
        };
        assert_eq!(
            verify(&keys, &stranger.named("k", CLAIMS)),
            Err(Refused::Signature),
            "{name}: another key"
        );
    }
}

#[test]
fn no_letter_of_a_token_can_be_changed() {
    let signer = Signer::secret("HS256", b"secret");
    let keys = signer.key("");
    let token = signer.token("{\"alg\":\"HS256\"}", CLAIMS);
    assert_eq!(verify(&keys, &token), Ok(()));
    let letters = (b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z').chain(*b"-_.=+/ ");
    for letter in letters {
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            if std::mem::replace(&mut other[at], letter) == letter {
                continue;
            }
            let other = String::from_utf8(other).unwrap();
            assert!(verify(&keys, &other).is_err(), "{token} {other}");
        }
        for longer in [format!("{token}{}", char::from(letter)), format!("{}{token}", char::from(letter))] {
            assert!(verify(&keys, &longer).is_err(), "{longer}");
        }
    }
    assert!(verify(&keys, token.get(..token.len() - 1).unwrap()).is_err());
}

#[test]
fn a_public_key_is_no_secret() {
    for name in ["RS256", "ES256", "EdDSA"] {
        let signer = Signer::new(name);
        let key = signer.key("");
        // Whoever has the key signs with what he has of it: the text, or a member.
        let member = key.split('"').filter(|text| text.len() > 20).max_by_key(|text| text.len()).unwrap();
        for secret in [key.as_bytes(), member.as_bytes()] {
            let forged = Signer::secret("HS256", secret);
            let token = forged.token("{\"alg\":\"HS256\"}", CLAIMS);
            assert_eq!(verify(&set(std::slice::from_ref(&key)), &token), Err(Refused::NoKey), "{name}");
        }
    }
}

#[test]
fn what_is_not_signed_is_refused() {
    let keys = set(&[Signer::secret("HS256", b"secret").key("")]);
    for alg in ["none", "None", "nOnE", ""] {
        let token = format!("{}.{}.", encode(format!("{{\"alg\":\"{alg}\"}}")), encode(CLAIMS));
        assert_eq!(verify(&keys, &token), Err(Refused::Algorithm), "{alg:?}");
    }
    let empty = format!("{}.{}.", encode("{\"alg\":\"HS256\"}"), encode(CLAIMS));
    assert_eq!(verify(&keys, &empty), Err(Refused::Signature));
}

#[test]
fn a_key_is_for_the_algorithm_that_it_names() {
    let (rs, ps) = (Signer::new("RS256"), Signer::new("PS256"));
    let (hs256, hs512) = (Signer::secret("HS256", b"secret"), Signer::secret("HS512", b"secret"));
    let only = |signer: &Signer, alg: &str| set(&[signer.key(&format!("\"alg\":\"{alg}\""))]);
    assert_eq!(verify(&only(&rs, "RS256"), &rs.named("k", CLAIMS)), Err(Refused::NoKey), "no such name");
    let bare = |signer: &Signer, alg: &str| signer.token(&format!("{{\"alg\":\"{alg}\"}}"), CLAIMS);
    assert_eq!(verify(&only(&rs, "RS256"), &bare(&rs, "RS256")), Ok(()));
    assert_eq!(verify(&only(&rs, "PS256"), &bare(&rs, "RS256")), Err(Refused::NoKey));
    assert_eq!(verify(&only(&ps, "RS512"), &bare(&ps, "PS256")), Err(Refused::NoKey));
    assert_eq!(verify(&only(&hs256, "HS512"), &bare(&hs256, "HS256")), Err(Refused::NoKey));
    assert_eq!(verify(&only(&hs256, "HS512"), &bare(&hs512, "HS512")), Ok(()));
    assert_eq!(
        verify(&only(&hs256, "HS256"), &bare(&hs512, "HS256")),
        Err(Refused::Signature),
        "it says what it is not"
    );
}

#[test]
fn keys_by_name() {
    let (first, second) = (Signer::secret("HS256", b"first"), Signer::secret("HS256", b"second"));
    let keys = set(&[first.key("\"kid\":\"a\""), second.key("\"kid\":\"b\""), Signer::new("ES256").key("")]);
    for (token, expected) in [
        (first.named("a", CLAIMS), Ok(())),
        (second.named("b", CLAIMS), Ok(())),
        (first.named("b", CLAIMS), Err(Refused::Signature)),
        (first.named("c", CLAIMS), Err(Refused::NoKey)),
        (first.named("", CLAIMS), Err(Refused::NoKey)),
        (first.token("{\"alg\":\"HS256\"}", CLAIMS), Ok(())),
        (second.token("{\"alg\":\"HS256\"}", CLAIMS), Ok(())), // every key that fits
        (first.token("{\"alg\":\"HS256\",\"kid\":1}", CLAIMS), Err(Refused::Malformed)),
        (first.token("{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", CLAIMS), Err(Refused::Critical)),
        (first.named("a", "{\"exp\":999999}"), Err(Refused::Expired)),
        (first.named("a", "{\"nbf\":1000001}"), Err(Refused::NotYet)),
        (second.named("a", "{\"exp\":999999}"), Err(Refused::Signature)), // nothing is learned from a forged one
    ] {
        assert_eq!(verify(&keys, &token), expected, "{token}");
    }
    let sets = [&first, &second].map(|signer| KeySet::parse(signer.key("\"kid\":\"a\"").as_bytes()).unwrap());
    let token = Token::parse(second.named("a", CLAIMS).as_bytes()).unwrap();
    assert_eq!(
        KeySet::verify(&sets, &token, now(), Duration::ZERO),
        Ok(()),
        "one key alone is a set, and sets add up"
    );
}

#[test]
fn what_is_no_set() {
    let check = |json: &str| KeySet::parse(json.as_bytes()).unwrap_err();
    for json in ["", "{", "keys"] {
        assert!(matches!(check(json), KeyError::Json(_)), "{json}");
    }
    for json in ["[]", "{}", "\"keys\"", "{\"keys\":{}}", "{\"keys\":null}"] {
        assert!(matches!(check(json), KeyError::NoSet), "{json}");
    }
    let ec = Signer::new("ES256");
    for key in [
        "{\"kty\":\"oct\",\"k\":\"\"}", // everybody knows it
        "{\"kty\":\"oct\"}",
        "{\"kty\":\"oct\",\"k\":\"!\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\"}",
        "{\"kty\":\"AKP\",\"pub\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AQAB\",\"y\":\"AQAB\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AQAB\"}",
        "{\"kty\":\"oct\",\"k\":\"YQ\",\"alg\":\"RS256\"}",
        "{\"kty\":\"oct\",\"k\":\"YQ\",\"alg\":\"A128KW\"}",
        "{\"kty\":\"oct\",\"k\":\"YQ\",\"use\":\"enc\"}",
        "1",
        &ec.key("\"key_ops\":[\"sign\"]"),
    ] {
        assert!(matches!(check(&set(&[key.to_owned()])), KeyError::NoKey), "{key}");
        let beside = set(&[key.to_owned(), ec.key("\"use\":\"sig\",\"key_ops\":[\"verify\"]")]);
        assert_eq!(verify(&beside, &ec.token("{\"alg\":\"ES256\"}", CLAIMS)), Ok(()), "left out: {key}");
    }
    assert!(matches!(check("{\"keys\":[]}"), KeyError::NoKey));
    assert!(matches!(check(&" ".repeat(1024 * 1024 + 1)), KeyError::TooLarge));
}
