//! A login under way: what goes to the provider with a browser, and comes back with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::form::{join, with_arguments};
use crate::metadata::Metadata;
use crate::provider::Provider;
use crate::secrets::{Secrets, base64, fingerprint, random};
use crate::{Error, Provider as Settings};

/// How long a login may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// No way back is longer: the provider has to take it along. From a longer one users come back to `/`.
const LONGEST_WAY: usize = 1024;

/// A login as it is known by what comes back: when it began, something random, and where it leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Login {
    began: u64,
    pub(crate) random: [u8; 16],
    way: String,
}

impl Login {
    /// One that begins now, and leads to this path and query in the end.
    pub(crate) fn begin(way: &[u8], now: SystemTime) -> Option<Self> {
        Some(Self { began: seconds(now), random: random()?, way: way_back(way) })
    }

    /// The text that goes to the provider and comes back: bound to a browser by its cookie, and to the provider.
    pub(crate) fn state(&self, secrets: &Secrets, provider: &Provider, browser: &str) -> Option<String> {
        let mut plain = self.began.to_be_bytes().to_vec();
        plain.extend_from_slice(&self.random);
        plain.extend_from_slice(self.way.as_bytes());
        secrets.seal(&plain, bound_to(provider, browser).as_bytes())
    }

    /// The login that a text is of which came back.
    pub(crate) fn of(
        state: &str,
        secrets: &Secrets,
        provider: &Settings,
        browser: &str,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let unknown = Error::State("the login was begun by another server or in another browser");
        let plain = secrets.open(state, bound_to(provider, browser).as_bytes());
        let login = plain.as_deref().and_then(Self::read).ok_or(unknown)?;
        if seconds(now) > login.began.saturating_add(PATIENCE.as_secs()) {
            return Err(Error::State("the login took too long"));
        }
        Ok(login)
    }

    fn read(plain: &[u8]) -> Option<Self> {
        let (began, rest) = plain.split_first_chunk::<8>()?;
        let (random, way) = rest.split_first_chunk::<16>()?;
        let way = std::str::from_utf8(way).ok()?;
        Some(Self { began: u64::from_be_bytes(*began), random: *random, way: way.to_owned() })
    }

    /// Where it leads: a path on this host, whatever else it looks like.
    pub(crate) fn way(&self) -> &str {
        &self.way
    }

    /// What the ID token has to repeat.
    pub(crate) fn nonce(&self, secrets: &Secrets, browser: &str) -> String {
        secrets.derive("nonce", [browser.as_bytes(), &self.random])
    }

    /// What the code is bound to (RFC 7636, 4.1).
    pub(crate) fn verifier(&self, secrets: &Secrets, browser: &str) -> String {
        secrets.derive("verifier", [browser.as_bytes(), &self.random])
    }

    /// The URL of the authentication request (OpenID Connect Core, 3.1.2.1).
    pub(crate) fn url(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        secrets: &Secrets,
        redirect_uri: &str,
        browser: &str,
    ) -> Option<String> {
        let state = self.state(secrets, provider, browser)?;
        let nonce = self.nonce(secrets, browser);
        let mut arguments = join(&[
            ("response_type", "code"),
            ("scope", &provider.scope),
            ("client_id", &provider.client_id),
            ("redirect_uri", redirect_uri),
            ("state", &state),
            ("nonce", &nonce),
        ]);
        if metadata.binds_codes(provider) {
            let challenge = fingerprint(self.verifier(secrets, browser));
            arguments.push('&');
            arguments.push_str(&join(&[("code_challenge", &challenge), ("code_challenge_method", "S256")]));
        }
        if let Some(extra) = provider.extra_auth_args.as_deref().filter(|extra| !extra.is_empty()) {
            arguments.push('&');
            arguments.push_str(extra);
        }
        Some(with_arguments(&metadata.authorization_endpoint, &arguments))
    }
}

/// What a browser is known by for as long as it logs in: it has it already, or gets it.
pub(crate) fn browser(cookie: Option<&str>) -> Option<String> {
    match cookie.filter(|cookie| cookie.len() == 43 && crate::secrets::unbase64(cookie).is_some()) {
        Some(known) => Some(known.to_owned()), // several tabs may log in at once
        None => random::<32>().map(base64),
    }
}

fn bound_to(provider: &Provider, browser: &str) -> String {
    format!("{}\n{}\n{browser}", provider.issuer, provider.client_id)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A path and a query that lead nowhere but to this host: `//host` and what browsers take for it do not (RFC 3986, 4.2).
fn way_back(target: &[u8]) -> String {
    if target.len() > LONGEST_WAY {
        return "/".to_owned();
    }
    let from = target.iter().position(|byte| !matches!(byte, b'/' | b'\\')).unwrap_or(target.len());
    let mut way = "/".to_owned();
    if from == 0 {
        return way; // it is no path
    }
    for &byte in target.get(from..).unwrap_or_default() {
        match byte {
            b'!'..=b'~' if byte != b'\\' => way.push(char::from(byte)),
            _ => way.push_str(&format!("%{byte:02X}")),
        }
    }
    way
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn provider() -> Provider {
        Provider::new("https://id.test", "us")
    }

    #[test]
    fn a_login_is_known_by_what_comes_back() {
        let (secrets, provider) = (Secrets::new().unwrap(), provider());
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let login = Login::begin(b"/a?b=c", now).unwrap();
        let state = login.state(&secrets, &provider, "browser").unwrap();
        let of = |state: &str, provider: &Provider, browser: &str, after: u64| {
            Login::of(state, &secrets, provider, browser, now + Duration::from_secs(after))
        };
        let found = of(&state, &provider, "browser", 600).unwrap();
        assert_eq!((found.way(), &found), ("/a?b=c", &login));
        assert!(matches!(
            of(&state, &provider, "browser", 601),
            Err(Error::State("the login took too long"))
        ));
        assert!(of(&state, &provider, "another", 0).is_err());
        assert!(of(&state, &Provider::new("https://id.test", "them"), "browser", 0).is_err());
        assert!(of(&state, &Provider::new("https://other.test", "us"), "browser", 0).is_err());
        assert!(of(&state.to_ascii_lowercase(), &provider, "browser", 0).is_err());
        assert!(of("", &provider, "browser", 0).is_err());
        let other = Login::begin(b"/a?b=c", now).unwrap();
        assert_ne!(other.nonce(&secrets, "browser"), login.nonce(&secrets, "browser"));
        assert_ne!(login.verifier(&secrets, "browser"), login.nonce(&secrets, "browser"));
    }

    #[test]
    fn ways_back_stay_on_this_host() {
        for (target, way) in [
            (&b"/"[..], "/"),
            (b"/a/b?c=d&e=%20", "/a/b?c=d&e=%20"),
            (b"//evil.test/a", "/evil.test/a"),
            (b"///evil.test", "/evil.test"),
            (b"/\\evil.test", "/evil.test"),
            (b"/\\/evil.test", "/evil.test"),
            (b"/a\\b", "/a%5Cb"),
            (b"/a\r\nSet-Cookie: b", "/a%0D%0ASet-Cookie:%20b"),
            (b"/\t/evil.test", "/%09/evil.test"),
            ("/ü".as_bytes(), "/%C3%BC"),
            (b"https://evil.test/", "/"),
            (b"*", "/"),
            (b"", "/"),
        ] {
            assert_eq!(way_back(target), way, "{}", String::from_utf8_lossy(target));
        }
        assert_eq!(way_back(format!("/{}", "a".repeat(1023)).as_bytes()).len(), 1024);
        assert_eq!(way_back(format!("/{}", "a".repeat(1024)).as_bytes()), "/");
    }

    #[test]
    fn browsers_are_known_by_something_random() {
        let new = browser(None).unwrap();
        assert_eq!(new.len(), 43);
        assert_eq!(browser(Some(&new)), Some(new.clone()));
        for odd in ["", "short", &"ä".repeat(22), &format!("{new}a")] {
            assert_ne!(browser(Some(odd)).unwrap(), odd);
        }
    }

    #[test]
    fn the_request_says_what_it_has_to() {
        let secrets = Secrets::new().unwrap();
        let json = r#"{"issuer":"https://id.test","authorization_endpoint":"https://id.test/auth?a=b","token_endpoint":"https://id.test/t","jwks_uri":"https://id.test/k"}"#;
        let provider = provider().client_secret("s").scope("email").extra_auth_args("prompt=login");
        let metadata = Metadata::parse(json.as_bytes(), &provider).unwrap();
        let login = Login::begin(b"/", SystemTime::UNIX_EPOCH).unwrap();
        let url = |provider: &Provider| {
            login.url(provider, &metadata, &secrets, "https://app.test/back", "browser").unwrap()
        };
        let plain = url(&provider);
        let begin = "https://id.test/auth?a=b&response_type=code&scope=openid%20email&client_id=us&redirect_uri=https%3A%2F%2Fapp.test%2Fback&state=";
        assert!(plain.starts_with(begin) && plain.ends_with("&prompt=login"), "{plain}");
        assert!(!plain.contains("code_challenge"));
        let bound = url(&provider.pkce(true));
        let challenge = fingerprint(login.verifier(&secrets, "browser"));
        assert!(
            bound.contains(&format!("&code_challenge={challenge}&code_challenge_method=S256&")),
            "{bound}"
        );
    }
}
