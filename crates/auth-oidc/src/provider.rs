use std::fmt;
use std::time::Duration;

/// An OpenID provider, and who we are to it. Setters are named like the keys of nginx's `oidc_provider`.
#[derive(Clone, PartialEq, Eq)]
pub struct Provider {
    pub(crate) issuer: Box<str>,
    pub(crate) client_id: Box<str>,
    pub(crate) client_secret: Option<Box<str>>,
    pub(crate) config_url: Option<Box<str>>,
    pub(crate) cookie_name: Box<str>,
    pub(crate) extra_auth_args: Option<Box<str>>,
    pub(crate) redirect_uri: Box<str>,
    pub(crate) logout_uri: Option<Box<str>>,
    pub(crate) post_logout_uri: Option<Box<str>>,
    pub(crate) logout_token_hint: bool,
    pub(crate) frontchannel_logout_uri: Option<Box<str>>,
    pub(crate) scope: Box<str>,
    pub(crate) session_timeout: Duration,
    pub(crate) userinfo: bool,
    pub(crate) pkce: Option<bool>,
}

impl Provider {
    /// The provider with this issuer identifier, to which we are known by this name.
    #[must_use]
    pub fn new(issuer: impl Into<Box<str>>, client_id: impl Into<Box<str>>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            client_secret: None,
            config_url: None,
            cookie_name: "NGX_OIDC_SESSION".into(),
            extra_auth_args: None,
            redirect_uri: "/oidc_callback".into(),
            logout_uri: None,
            post_logout_uri: None,
            logout_token_hint: false,
            frontchannel_logout_uri: None,
            scope: "openid".into(),
            session_timeout: Duration::from_secs(8 * 3600),
            userinfo: false,
            pkce: None,
        }
    }

    /// What proves that it is us. Default: nothing does, we are a public client.
    #[must_use]
    pub fn client_secret(mut self, secret: impl Into<Box<str>>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// Where its metadata is. Default: `/.well-known/openid-configuration` below the issuer.
    #[must_use]
    pub fn config_url(mut self, url: impl Into<Box<str>>) -> Self {
        self.config_url = Some(url.into());
        self
    }

    /// The cookie that a browser is known by. Default: `NGX_OIDC_SESSION`.
    #[must_use]
    pub fn cookie_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.cookie_name = name.into();
        self
    }

    /// Arguments of the authentication request besides, as they are written in a query.
    #[must_use]
    pub fn extra_auth_args(mut self, arguments: impl Into<Box<str>>) -> Self {
        self.extra_auth_args = Some(arguments.into());
        self
    }

    /// Where users come back from the provider: a path, or a whole URI of it. Default: `/oidc_callback`.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<Box<str>>) -> Self {
        self.redirect_uri = uri.into();
        self
    }

    /// The path that ends a session. Default: there is none.
    #[must_use]
    pub fn logout_uri(mut self, path: impl Into<Box<str>>) -> Self {
        self.logout_uri = Some(path.into());
        self
    }

    /// Where users are sent after that: a path, or a whole URI. Default: a page says that it is over.
    #[must_use]
    pub fn post_logout_uri(mut self, uri: impl Into<Box<str>>) -> Self {
        self.post_logout_uri = Some(uri.into());
        self
    }

    /// The provider is shown the ID token of the session that ends.
    #[must_use]
    pub fn logout_token_hint(mut self, hint: bool) -> Self {
        self.logout_token_hint = hint;
        self
    }

    /// The path by which the provider ends sessions (OpenID Connect Front-Channel Logout). Default: there is none.
    #[must_use]
    pub fn frontchannel_logout_uri(mut self, path: impl Into<Box<str>>) -> Self {
        self.frontchannel_logout_uri = Some(path.into());
        self
    }

    /// What is asked for, with blanks in between. Default: `openid`, which is always a part of it.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        let others = scope.split_ascii_whitespace().filter(|word| *word != "openid");
        self.scope = std::iter::once("openid").chain(others).collect::<Vec<_>>().join(" ").into();
        self
    }

    /// How long a session lasts. Default: eight hours.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// Whether more is asked about users, at the provider's endpoint for that. Default: no.
    #[must_use]
    pub fn userinfo(mut self, userinfo: bool) -> Self {
        self.userinfo = userinfo;
        self
    }

    /// Whether codes are bound to who has begun the login (RFC 7636, S256). Default: where the provider says that it knows how, or nothing
    /// else proves that it is us.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = Some(pkce);
        self
    }

    /// The URL of its metadata.
    pub(crate) fn metadata_url(&self) -> String {
        match &self.config_url {
            Some(url) => url.to_string(),
            None => format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/')),
        }
    }

    /// The path of the redirection URI, whatever stands before it.
    pub(crate) fn callback(&self) -> &str {
        path(&self.redirect_uri)
    }

    /// Scheme and host as browsers see them, if the redirection URI tells.
    pub(crate) fn origin(&self) -> Option<&str> {
        let length = self.redirect_uri.len().checked_sub(self.callback().len())?;
        self.redirect_uri.get(..length).filter(|origin| !origin.is_empty())
    }

    /// The cookie that a login is bound to while it is under way.
    pub(crate) fn login_cookie(&self) -> String {
        format!("{}_LOGIN", self.cookie_name)
    }
}

/// The path of a URI that may have scheme and host.
fn path(uri: &str) -> &str {
    match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => uri,
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret is nobody's business.
        f.debug_struct("Provider")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirection_uris_are_paths_or_whole() {
        let of = |uri: &str| Provider::new("https://id.test/", "us").redirect_uri(uri);
        let check = |uri: &str, callback: &str, origin: Option<&str>| {
            let provider = of(uri);
            assert_eq!((provider.callback(), provider.origin()), (callback, origin), "{uri}");
        };
        check("/back", "/back", None);
        check("https://app.test/a/b", "/a/b", Some("https://app.test"));
        check("https://app.test:8443/a", "/a", Some("https://app.test:8443"));
        assert_eq!(of("/").metadata_url(), "https://id.test/.well-known/openid-configuration");
    }

    #[test]
    fn openid_is_always_asked_for() {
        let scope = |scope: &str| Provider::new("i", "c").scope(scope).scope;
        assert_eq!(&*scope("email  profile"), "openid email profile");
        assert_eq!(&*scope("email openid"), "openid email");
        assert_eq!(&*scope(""), "openid");
    }
}
