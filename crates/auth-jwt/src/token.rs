//! What a token says, whoever has signed it.

use std::str;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::Refused;

/// A JSON Web Token in the compact form of a JWS (RFC 7515, 7.1), taken apart. That it was taken apart says nothing of whether it is true:
/// [`KeySet::verify`](crate::KeySet::verify) does.
#[derive(Clone, Debug)]
pub struct Token {
    text: Box<str>,
    /// Where the signature begins.
    signature: usize,
    header: Map<String, Value>,
    payload: Bytes,
    claims: Map<String, Value>,
}

/// No token is longer: it has to fit into the fields of a request, and what is in it becomes a tree.
const LONGEST: usize = 64 * 1024;

impl Token {
    /// Takes a token apart.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &[u8]) -> Result<Self, Refused> {
        match text.len() {
            0 => return Err(Refused::NoToken),
            length if length > LONGEST => return Err(Refused::TooLong),
            _ => {}
        }
        let text = str::from_utf8(text).map_err(|_| Refused::Malformed)?;
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refused::Malformed);
        };
        let header = object(&decode(header)?)?;
        let payload = Bytes::from(decode(claims)?);
        let claims = object(&payload)?;
        Ok(Self { text: text.into(), signature: text.len() - signature.len(), header, payload, claims })
    }

    /// The token as it came.
    #[must_use]
    pub const fn text(&self) -> &str {
        &self.text
    }

    /// The value in the header that these names lead to, from the outermost: see [`claim`](Self::claim).
    #[must_use]
    pub fn header(&self, path: &[impl AsRef<str>]) -> Option<Bytes> {
        value_at(&self.header, path)
    }

    /// The claim that these names lead to, from the outermost: texts as they are, numbers and truths as JSON has them, arrays as
    /// their elements with commas between them. An object has none, nor has `null`.
    #[must_use]
    pub fn claim(&self, path: &[impl AsRef<str>]) -> Option<Bytes> {
        value_at(&self.claims, path)
    }

    /// The claims as the JSON that they came as.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The name of the key that has signed it.
    ///
    /// # Errors
    /// It is no text.
    pub(crate) fn key(&self) -> Result<Option<&str>, Refused> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(name)) => Ok(Some(name)),
            Some(_) => Err(Refused::Malformed),
        }
    }

    /// How it is signed. `none` is no way to sign.
    pub(crate) fn algorithm(&self) -> Result<Algorithm, Refused> {
        // RFC 7515, 4.1.11: what is critical and not understood makes it invalid; nothing is understood.
        if self.header.contains_key("crit") {
            return Err(Refused::Critical);
        }
        let Some(Value::String(name)) = self.header.get("alg") else { return Err(Refused::Malformed) };
        name.parse().map_err(|_| Refused::Algorithm)
    }

    /// What was signed.
    pub(crate) fn signed(&self) -> &[u8] {
        self.text.as_bytes().get(..self.signature.saturating_sub(1)).unwrap_or_default()
    }

    /// The signature, in base64url.
    pub(crate) fn signature(&self) -> &str {
        self.text.get(self.signature..).unwrap_or_default()
    }

    /// Whether it is good at this time.
    pub(crate) fn timely(&self, now: SystemTime, leeway: Duration) -> Result<(), Refused> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = leeway.as_secs_f64();
        // RFC 7519, 4.1.4: on or after it, it is not good any more.
        if self.date("exp")?.is_some_and(|end| now >= end + leeway) {
            return Err(Refused::Expired);
        }
        if self.date("nbf")?.is_some_and(|begin| now + leeway < begin) {
            return Err(Refused::NotYet);
        }
        Ok(())
    }

    /// A claim that is a time, in seconds since 1970.
    fn date(&self, name: &str) -> Result<Option<f64>, Refused> {
        self.claims.get(name).map(|value| value.as_f64().ok_or(Refused::Malformed)).transpose()
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refused> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)
}

fn object(json: &[u8]) -> Result<Map<String, Value>, Refused> {
    serde_json::from_slice(json).map_err(|_| Refused::Malformed)
}

/// The value in an object that these names lead to, from the outermost, as [`Token::claim`] has it: for what is said as claims are, and is
/// in no token.
#[must_use]
pub fn value_at(object: &Map<String, Value>, path: &[impl AsRef<str>]) -> Option<Bytes> {
    let (last, outer) = path.split_last()?;
    let mut object = object;
    for name in outer {
        object = object.get(name.as_ref())?.as_object()?;
    }
    match object.get(last.as_ref())? {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        Value::Array(elements) => Some(elements.iter().map(element).collect::<Vec<_>>().join(",").into()),
        value => Some(value.to_string().into()),
    }
}

fn element(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> Result<Token, Refused> {
        let encode = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
        Token::parse(format!("{}.{}.c2ln", encode(header), encode(claims)).as_bytes())
    }

    #[test]
    fn what_is_no_token() {
        #[track_caller]
        fn check(text: &str, expected: Refused) {
            assert_eq!(Token::parse(text.as_bytes()).unwrap_err(), expected, "{text:.40}");
        }
        check("", Refused::NoToken);
        for text in [
            "a",
            "a.b",
            "e30.e30",
            "e30.e30.a.b",
            "e30.e30.a.b.c",
            "..",
            ".e30.",
            "e30..",
            "e30=.e30.",
            "e3 .e30.",
        ] {
            check(text, Refused::Malformed); // five parts are a JWE
        }
        check("W10.e30.", Refused::Malformed); // an array
        check("e30.W10.", Refused::Malformed);
        check("e30.eyI.", Refused::Malformed); // half of an object
        check("é.e30.", Refused::Malformed);
        let nested =
            BASE64_URL_SAFE_NO_PAD.encode(format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000)));
        check(&format!("e30.{nested}."), Refused::Malformed);
        let long = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{}\"}}", "b".repeat(LONGEST)));
        check(&format!("e30.{long}."), Refused::TooLong);
        assert_eq!(Token::parse(b"e30.\xff.").unwrap_err(), Refused::Malformed);
    }

    #[test]
    fn claims_by_their_names() {
        let claims = r#"{"sub":"a b","n":1.5,"i":12345678901,"t":true,"none":null,"a":["x",1,["y"]],"empty":[],"o":{"e-mail":"m","p":{"q":7}},"x.y":"dot"}"#;
        let token = token(r#"{"alg":"HS256","kid":"k"}"#, claims).unwrap();
        #[track_caller]
        fn check(token: &Token, path: &[&str], expected: Option<&str>) {
            assert_eq!(token.claim(path).as_deref(), expected.map(str::as_bytes), "{path:?}");
        }
        check(&token, &["sub"], Some("a b"));
        check(&token, &["n"], Some("1.5"));
        check(&token, &["i"], Some("12345678901"));
        check(&token, &["t"], Some("true"));
        check(&token, &["a"], Some("x,1,[\"y\"]"));
        check(&token, &["empty"], Some(""));
        check(&token, &["o", "e-mail"], Some("m"));
        check(&token, &["o", "p", "q"], Some("7"));
        check(&token, &["x.y"], Some("dot"));
        for path in [&["none"][..], &["o"], &["o", "x"], &["sub", "x"], &["Sub"], &["kid"], &[]] {
            check(&token, path, None);
        }
        assert_eq!(token.header(&["kid"]).as_deref(), Some(&b"k"[..]));
        assert_eq!(token.payload(), claims.as_bytes());
    }

    #[test]
    fn how_it_is_signed() {
        #[track_caller]
        fn check(header: &str, expected: Result<Algorithm, Refused>) {
            assert_eq!(token(header, "{}").unwrap().algorithm(), expected, "{header}");
        }
        check(r#"{"alg":"ES384"}"#, Ok(Algorithm::ES384));
        for name in ["none", "None", "NONE", "hs256", "", "HS256 "] {
            check(&format!(r#"{{"alg":"{name}"}}"#), Err(Refused::Algorithm));
        }
        check("{}", Err(Refused::Malformed));
        check(r#"{"alg":["HS256"]}"#, Err(Refused::Malformed));
        check(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, Err(Refused::Critical));
    }

    #[test]
    fn when_it_is_good() {
        #[track_caller]
        fn check(claims: &str, leeway: u64, expected: Result<(), Refused>) {
            let now = UNIX_EPOCH + Duration::from_secs(1000);
            let found = token("{}", claims).unwrap().timely(now, Duration::from_secs(leeway));
            assert_eq!(found, expected, "{claims} {leeway}");
        }
        check("{}", 0, Ok(()));
        check(r#"{"exp":1001}"#, 0, Ok(()));
        check(r#"{"exp":1000.5}"#, 0, Ok(()));
        check(r#"{"exp":1000}"#, 0, Err(Refused::Expired));
        check(r#"{"exp":1000}"#, 1, Ok(()));
        check(r#"{"exp":999}"#, 1, Err(Refused::Expired));
        check(r#"{"exp":-1}"#, 0, Err(Refused::Expired));
        check(r#"{"nbf":1000}"#, 0, Ok(()));
        check(r#"{"nbf":1001}"#, 0, Err(Refused::NotYet));
        check(r#"{"nbf":1001}"#, 1, Ok(()));
        check(r#"{"nbf":1e300}"#, 1, Err(Refused::NotYet));
        for bad in [r#""1001""#, "null", "true", "{}"] {
            check(&format!("{{\"exp\":{bad}}}"), 0, Err(Refused::Malformed));
            check(&format!("{{\"nbf\":{bad}}}"), 0, Err(Refused::Malformed));
        }
    }
}
