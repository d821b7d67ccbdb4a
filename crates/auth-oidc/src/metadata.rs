//! What a provider says of itself (OpenID Connect Discovery).

use http::Uri;
use serde_json::{Map, Value};

use crate::{Error, Provider};

const WHAT: &str = "the provider's metadata";

/// What of it is of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) authorization_endpoint: Box<str>,
    pub(crate) token_endpoint: Box<str>,
    pub(crate) jwks_uri: Box<str>,
    pub(crate) userinfo_endpoint: Option<Box<str>>,
    pub(crate) end_session_endpoint: Option<Box<str>>,
    /// How we are known at the token endpoint.
    pub(crate) proof: Proof,
    /// Whether it knows of codes that are bound to who has begun (RFC 7636).
    s256: bool,
    /// Whether whatever comes back says from whom (RFC 9207).
    pub(crate) names_itself: bool,
}

/// How a client shows its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// As a password, in `Authorization`.
    Basic,
    /// Among the arguments.
    Post,
    /// In none of these ways.
    Other,
}

impl Metadata {
    pub(crate) fn parse(json: &[u8], provider: &Provider) -> Result<Self, Error> {
        let all: Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| Error::answer(WHAT, &error))?;
        // Discovery, 4.3: it must be the very same, or somebody else answers in its name.
        match all.get("issuer").and_then(Value::as_str) {
            None => return Err(Error::Lacks("`issuer`")),
            Some(issuer) if issuer != &*provider.issuer => return Err(Error::Issuer(issuer.into())),
            Some(_) => {}
        }
        let endpoint = |name| endpoint(&all, name, &provider.issuer);
        let needed = |name, what| endpoint(name)?.ok_or(Error::Lacks(what));
        Ok(Self {
            authorization_endpoint: needed("authorization_endpoint", "`authorization_endpoint`")?,
            token_endpoint: needed("token_endpoint", "`token_endpoint`")?,
            jwks_uri: needed("jwks_uri", "`jwks_uri`")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            proof: proof(&all),
            s256: lists(&all, "code_challenge_methods_supported", "S256"),
            names_itself: all.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }

    /// Whether codes are bound to who has begun a login.
    pub(crate) fn binds_codes(&self, provider: &Provider) -> bool {
        provider.pkce.unwrap_or(self.s256 || provider.client_secret.is_none())
    }
}

/// Discovery, 3: without a word it is `client_secret_basic`, which is also the better one.
fn proof(all: &Map<String, Value>) -> Proof {
    let name = "token_endpoint_auth_methods_supported";
    if !all.contains_key(name) || lists(all, name, "client_secret_basic") {
        Proof::Basic
    } else if lists(all, name, "client_secret_post") {
        Proof::Post
    } else {
        Proof::Other
    }
}

fn lists(all: &Map<String, Value>, name: &str, value: &str) -> bool {
    let list = all.get(name).and_then(Value::as_array);
    list.is_some_and(|list| list.iter().any(|item| item.as_str() == Some(value)))
}

/// A URL that can be asked, or that a browser can be sent to. Discovery, 3: of a provider whose name is one of https it is one as well;
/// logins, codes and tokens are not for everybody on the way.
fn endpoint(all: &Map<String, Value>, name: &'static str, issuer: &str) -> Result<Option<Box<str>>, Error> {
    let Some(url) = all.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let text = url.as_str().unwrap_or_default();
    let good = text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !good || text.contains('#') {
        return Err(Error::answer(WHAT, &format!("`{name}` is not a URL")));
    }
    if is_https(issuer) && !is_https(text) {
        return Err(Error::answer(WHAT, &format!("`{name}` is not an https:// URL")));
    }
    Ok(Some(text.into()))
}

fn is_https(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const LEAST: &str = r#""issuer":"https://id.test","authorization_endpoint":"https://id.test/a","token_endpoint":"https://id.test/t","jwks_uri":"https://id.test/k""#;

    fn parse(json: &str) -> Result<Metadata, Error> {
        Metadata::parse(json.as_bytes(), &Provider::new("https://id.test", "us").client_secret("s"))
    }

    #[test]
    fn what_is_needed_and_what_is_there() {
        let least = parse(&format!("{{{LEAST}}}")).unwrap();
        assert_eq!((&*least.token_endpoint, least.proof), ("https://id.test/t", Proof::Basic));
        assert_eq!((least.userinfo_endpoint, least.end_session_endpoint), (None, None));
        let more = parse(&format!(
            r#"{{{LEAST},"userinfo_endpoint":"https://id.test/u","end_session_endpoint":null,"code_challenge_methods_supported":["plain","S256"],
            "token_endpoint_auth_methods_supported":["private_key_jwt","client_secret_post"],"authorization_response_iss_parameter_supported":true}}"#
        ))
        .unwrap();
        assert_eq!(more.userinfo_endpoint.as_deref(), Some("https://id.test/u"));
        assert_eq!((more.proof, more.names_itself), (Proof::Post, true));
        let other =
            parse(&format!(r#"{{{LEAST},"token_endpoint_auth_methods_supported":["tls_client_auth"]}}"#));
        assert_eq!(other.unwrap().proof, Proof::Other);
    }

    #[test]
    fn what_is_no_metadata() {
        let check = |json: &str, expected: &str| assert_eq!(parse(json).unwrap_err().to_string(), expected);
        check("{}", "the provider's metadata has no `issuer`");
        check(
            &format!("{{{}}}", LEAST.replace("\"https://id.test\"", "\"https://id.test/\"")),
            "unexpected issuer \"https://id.test/\" in the provider's metadata",
        );
        check(
            &format!("{{{}}}", LEAST.replace("jwks_uri", "x")),
            "the provider's metadata has no `jwks_uri`",
        );
        for url in ["/t", "ftp://id.test/t", "https://id.test/t#x", "https://", ""] {
            let json = format!("{{{}}}", LEAST.replace("https://id.test/t", url));
            check(&json, "the provider's metadata is invalid: `token_endpoint` is not a URL");
        }
        assert!(parse("[]").is_err() && parse("<html>").is_err());
    }

    #[test]
    fn who_speaks_https_does_so_everywhere() {
        let more = r#","userinfo_endpoint":"https://id.test/u","end_session_endpoint":"https://id.test/e""#;
        let all = format!("{{{LEAST}{more}}}");
        assert!(parse(&all.replace("https://id.test/t", "HTTPS://id.test/t")).is_ok());
        for (name, path) in [
            ("authorization_endpoint", "/a"),
            ("token_endpoint", "/t"),
            ("jwks_uri", "/k"),
            ("userinfo_endpoint", "/u"),
            ("end_session_endpoint", "/e"),
        ] {
            let json = all.replace(&format!("https://id.test{path}\""), &format!("http://id.test{path}\""));
            let expected = format!("the provider's metadata is invalid: `{name}` is not an https:// URL");
            assert_eq!(parse(&json).unwrap_err().to_string(), expected);
        }
        // One that says so itself is one for a machine of its own.
        let open = all.replace("https://", "http://");
        assert!(Metadata::parse(open.as_bytes(), &Provider::new("http://id.test", "us")).is_ok());
    }

    #[test]
    fn codes_are_bound_where_it_is_known_how() {
        let of = |beside: &str, provider: Provider| {
            parse(&format!("{{{LEAST}{beside}}}")).unwrap().binds_codes(&provider)
        };
        let (secret, public) = (Provider::new("i", "c").client_secret("s"), Provider::new("i", "c"));
        let s256 = r#","code_challenge_methods_supported":["S256"]"#;
        assert!(!of("", secret.clone()) && of(s256, secret.clone()));
        assert!(!of(r#","code_challenge_methods_supported":["plain"]"#, secret.clone()));
        assert!(of("", public), "nothing else proves that it is us");
        assert!(of("", secret.clone().pkce(true)) && !of(s256, secret.pkce(false)));
    }
}
