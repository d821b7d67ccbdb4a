//! Requests to a provider, and what their answers say.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Map, Value};

use crate::form::{encode, join};
use crate::metadata::{Metadata, Proof};
use crate::{Error, Provider};

const TOKENS: &str = "the response of the token endpoint";
pub(crate) const USERINFO: &str = "the response of the userinfo endpoint";

/// What a code was changed for.
pub(crate) struct Tokens {
    pub(crate) id: Box<str>,
    pub(crate) access: Box<str>,
}

/// A request for what stands there.
pub(crate) fn get(url: &str, what: &'static str) -> Result<Request<Bytes>, Error> {
    let request = Request::get(url).header(ACCEPT, "application/json");
    request.body(Bytes::new()).map_err(|error| Error::answer(what, &error))
}

/// A request for tokens (OpenID Connect Core, 3.1.3.1).
pub(crate) fn tokens(
    provider: &Provider,
    metadata: &Metadata,
    code: &str,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<Request<Bytes>, Error> {
    let mut pairs =
        vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
    pairs.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    let mut request = Request::post(&*metadata.token_endpoint)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match (provider.client_secret.as_deref(), metadata.proof) {
        (Some(secret), Proof::Basic) => {
            request = request.header(AUTHORIZATION, basic(&provider.client_id, secret)?);
        }
        (Some(secret), Proof::Post) => {
            pairs.extend([("client_id", &*provider.client_id), ("client_secret", secret)]);
        }
        (Some(_), Proof::Other) => return Err(Error::Method),
        (None, _) => pairs.push(("client_id", &provider.client_id)),
    }
    request.body(join(&pairs).into()).map_err(|error| Error::answer(TOKENS, &error))
}

/// RFC 6749, 2.3.1: both are encoded before they become a password.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, Error> {
    let mut pair = String::new();
    encode(id, &mut pair);
    pair.push(':');
    encode(secret, &mut pair);
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .map_err(|error| Error::answer(TOKENS, &error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The tokens (3.1.3.3), or why there are none (3.1.3.4).
pub(crate) fn read_tokens(answer: &Response<Bytes>) -> Result<Tokens, Error> {
    let status = answer.status();
    let said = object(answer.body(), TOKENS);
    if status.is_client_error()
        && let Ok(said) = &said
        && text(said, "error") == Some("invalid_grant")
    {
        return Err(Error::Code(text(said, "error_description").unwrap_or("invalid_grant").into()));
    }
    if status != StatusCode::OK {
        return Err(match said.as_ref().ok().and_then(|said| text(said, "error")) {
            Some(error) => Error::answer(TOKENS, &format!("{status}, \"{}\"", error.escape_debug())),
            None => Error::Status { what: TOKENS, status },
        });
    }
    let said = said?;
    let needed = |name: &'static str| {
        text(&said, name).ok_or_else(|| Error::answer(TOKENS, &format!("`{name}` is missing")))
    };
    if !needed("token_type")?.eq_ignore_ascii_case("bearer") {
        return Err(Error::answer(TOKENS, &"`token_type` is not \"Bearer\""));
    }
    Ok(Tokens { id: needed("id_token")?.into(), access: needed("access_token")?.into() })
}

/// A request for what is known of the user (5.3.1).
pub(crate) fn userinfo(url: &str, access: &str) -> Result<Request<Bytes>, Error> {
    let mut request = get(url, USERINFO)?;
    let mut value = HeaderValue::from_str(&format!("Bearer {access}"))
        .map_err(|error| Error::answer(USERINFO, &error))?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(request)
}

/// What is known of the user, who is this one (5.3.2).
pub(crate) fn read_userinfo(json: &Bytes, subject: &str) -> Result<Map<String, Value>, Error> {
    let said = object(json, USERINFO)?;
    if text(&said, "sub") == Some(subject) { Ok(said) } else { Err(Error::Subject) }
}

/// JSON on one line, so that it can be the value of a field: some write theirs for people.
pub(crate) fn one_line(json: &Bytes) -> Bytes {
    let (mut line, mut in_text, mut escaped) = (Vec::with_capacity(json.len()), false, false);
    for &byte in json {
        if in_text || !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            line.push(byte);
        }
        // A quotation mark behind a backslash does not end a text.
        in_text ^= byte == b'"' && !escaped;
        escaped = in_text && byte == b'\\' && !escaped;
    }
    line.into()
}

/// The body of an answer that is 200.
pub(crate) fn body(answer: Response<Bytes>, what: &'static str) -> Result<Bytes, Error> {
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(Error::Status { what, status }),
    }
}

fn object(json: &[u8], what: &'static str) -> Result<Map<String, Value>, Error> {
    serde_json::from_slice(json).map_err(|error| Error::answer(what, &error))
}

fn text<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o str> {
    object.get(name)?.as_str()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn asked(provider: &Provider, methods: &str) -> Result<Request<Bytes>, Error> {
        let json = format!(
            r#"{{"issuer":"https://id.test","authorization_endpoint":"https://id.test/a","token_endpoint":"https://id.test/t","jwks_uri":"https://id.test/k",
            "token_endpoint_auth_methods_supported":[{methods}]}}"#
        );
        let metadata = Metadata::parse(json.as_bytes(), provider).unwrap();
        tokens(provider, &metadata, "c&d", "https://app.test/back", Some("verifier"))
    }

    #[test]
    fn how_the_secret_is_shown() {
        let public = Provider::new("https://id.test", "u:s");
        let secret = public.clone().client_secret("p w%");
        let common = "grant_type=authorization_code&code=c%26d&redirect_uri=https%3A%2F%2Fapp.test%2Fback&code_verifier=verifier";
        let basic = asked(&secret, "\"client_secret_post\",\"client_secret_basic\"").unwrap();
        let expected = format!("Basic {}", BASE64_STANDARD.encode("u%3As:p%20w%25"));
        assert_eq!(basic.headers()[AUTHORIZATION], expected);
        assert_eq!(basic.body(), common);
        let post = asked(&secret, "\"client_secret_post\"").unwrap();
        assert!(post.headers().get(AUTHORIZATION).is_none());
        assert_eq!(*post.body(), format!("{common}&client_id=u%3As&client_secret=p%20w%25"));
        let open = asked(&public, "\"none\"").unwrap();
        assert!(open.headers().get(AUTHORIZATION).is_none());
        assert_eq!(*open.body(), format!("{common}&client_id=u%3As"));
        assert!(matches!(asked(&secret, "\"private_key_jwt\""), Err(Error::Method)));
    }

    #[test]
    fn what_comes_of_a_code() {
        let read = |status: u16, json: &str| {
            let answer = Response::builder().status(status).body(Bytes::copy_from_slice(json.as_bytes()));
            read_tokens(&answer.unwrap()).map(|tokens| tokens.id)
        };
        let good = r#"{"id_token":"i","access_token":"a","token_type":"bearer"}"#;
        assert_eq!(&*read(200, good).unwrap(), "i");
        for (status, json, expected) in [
            (200, &*good.replace("id_token", "x"), 502),
            (200, &good.replace("access_token", "x"), 502),
            (200, &good.replace("bearer", "mac"), 502),
            (200, "[]", 502),
            (201, good, 502),
            (302, good, 502),
            (400, r#"{"error":"invalid_grant"}"#, 403),
            (400, r#"{"error":"invalid_client"}"#, 502),
            (401, "", 502),
            (500, r#"{"error":"invalid_grant"}"#, 502),
        ] {
            assert_eq!(read(status, json).unwrap_err().status(), expected, "{status} {json}");
        }
    }

    #[test]
    fn what_is_said_of_a_user_is_said_of_this_one() {
        let read = |json: &'static str| read_userinfo(&Bytes::from_static(json.as_bytes()), "me");
        assert_eq!(read(r#"{"sub":"me","email":"e"}"#).unwrap()["email"], "e");
        assert!(matches!(read(r#"{"sub":"you"}"#), Err(Error::Subject)));
        assert!(matches!(read("{}"), Err(Error::Subject)));
        assert!(read("eyJ.e30.").is_err());
    }

    #[test]
    fn json_for_people_is_put_on_one_line() {
        for (json, line) in [
            ("{\r\n\t\"sub\": \"a b\",\n \"n\" : [1, 2]\n}\n", r#"{"sub":"a b","n":[1,2]}"#),
            (r#"{ "a" : "\" b" , "c\\" : " d " }"#, r#"{"a":"\" b","c\\":" d "}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(one_line(&Bytes::from_static(json.as_bytes())), line);
        }
    }
}
