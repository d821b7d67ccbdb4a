//! The tables `oidc_provider.NAME`, where users log in, and the key `auth_oidc`, who has to.

mod keys;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use toml::de::DeTable;

use crate::keyval::{self, KeyvalKind, KeyvalZone};
use crate::nearest::nearest;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};
use crate::upstream_tls::UpstreamTls;

use keys::{TABLE, TLS};

pub(crate) use keys::{KEY, KIND};

/// An OpenID provider, and who we are to it.
#[derive(Clone, Debug, PartialEq)]
pub struct OidcProvider {
    /// Its name.
    pub name: Box<str>,
    /// Its issuer identifier.
    pub issuer: Box<str>,
    /// Who we are.
    pub client_id: Box<str>,
    /// What proves it; none: nothing does.
    pub client_secret: Option<Secret>,
    /// Where its metadata is; none: where it usually is.
    pub config_url: Option<Box<str>>,
    /// The cookie of a session.
    pub cookie_name: Spanned<Box<str>>,
    /// Arguments of the authentication request besides.
    pub extra_auth_args: Option<Box<str>>,
    /// Where users come back: a path, or a whole URI.
    pub redirect_uri: Box<str>,
    /// The path that ends a session.
    pub logout_uri: Option<Box<str>>,
    /// Where users are sent after that: a path, or a whole URI.
    pub post_logout_uri: Option<Box<str>>,
    /// Whether the provider is shown the ID token of the session that ends.
    pub logout_token_hint: bool,
    /// The path by which the provider ends sessions.
    pub frontchannel_logout_uri: Option<Box<str>>,
    /// What is asked for.
    pub scope: Vec<Box<str>>,
    /// Where sessions are; none: in memory of its own.
    pub session_store: Option<Arc<KeyvalZone>>,
    /// How long they last.
    pub session_timeout: Duration,
    /// Whether more is asked about users.
    pub userinfo: bool,
    /// Whether codes are bound to who has begun; none: as the provider says.
    pub pkce: Option<bool>,
    /// How it is known to be the one that it should be.
    pub tls: UpstreamTls,
    /// Where it is written.
    pub span: Span,
}

impl OidcProvider {
    /// The path that users come back by.
    #[must_use]
    pub fn callback(&self) -> &str {
        path_of(&self.redirect_uri)
    }
}

/// What is not shown where a configuration is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// It itself.
    #[must_use]
    pub const fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// No provider is called so.
const OFF: &str = "off";

/// What the cookie of a login has behind the name of the session's.
const LOGIN: &str = "_LOGIN";

/// Reads all providers.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        if written == OFF {
            let diagnostic = Diagnostic::at(name.span(), "a provider cannot be named `off`");
            cx.push(diagnostic.label("`auth_oidc = \"off\"` means no provider"));
        }
        match provider(cx, written, cx.span(name.span()), value) {
            Some(provider) => drop(cx.oidc_providers.insert(written.into(), Arc::new(provider))),
            None => cx.broken.push(written.into()),
        }
    }
}

fn provider(cx: &mut Context, name: &str, span: Span, value: &Value<'_>) -> Option<OidcProvider> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &TABLE, Some(table));
    // What is written nowhere is of the table.
    let placed = |key, text: Spanned<Box<str>>| {
        if table.contains_key(key) { text } else { Spanned::new(text.value, span) }
    };
    let url = |scope: &mut Scope<'_>, key| checked(scope, key, is_https, "expected an `https` URL");
    let path = |scope: &mut Scope<'_>, key| checked(scope, key, is_path, "expected a path");
    let text = |scope: &mut Scope<'_>, key| {
        checked(scope, key, is_text, "expected non-empty text without control characters")
    };
    let issuer = checked(&mut scope, "issuer", is_issuer, "expected an `https` URL without a query");
    let client_id = text(&mut scope, "client_id");
    let client_secret = text(&mut scope, "client_secret").map(|secret| Secret(secret.value));
    let config_url = url(&mut scope, "config_url");
    let cookie =
        checked(&mut scope, "cookie_name", is_token, "expected letters, digits and any of !#$%&'*+-.^_`|~")?;
    let cookie_name = placed("cookie_name", cookie);
    cookies_apart(scope.cx, &cookie_name);
    let extra = checked(
        &mut scope,
        "extra_auth_args",
        is_arguments,
        "expected query arguments such as \"display=page&prompt=login\"",
    );
    let redirect =
        checked(&mut scope, "redirect_uri", is_callback, "expected a path, or an `https` URL with a path")?;
    let redirect = placed("redirect_uri", redirect);
    let logout = path(&mut scope, "logout_uri");
    let after = checked(&mut scope, "post_logout_uri", is_after, "expected a path or a URL");
    let front_channel = path(&mut scope, "frontchannel_logout_uri");
    apart(scope.cx, [Some(&redirect), logout.as_ref(), front_channel.as_ref()]);
    let words = scope.list("scope", scope_word).unwrap_or_default();
    let session_store = scope.text("session_store").and_then(|name| store(scope.cx, &name));
    let value = |text: Spanned<Box<str>>| text.value;
    Some(OidcProvider {
        name: name.into(),
        issuer: issuer?.value,
        client_id: client_id?.value,
        client_secret,
        config_url: config_url.map(value),
        cookie_name,
        extra_auth_args: extra.map(value),
        redirect_uri: redirect.value,
        logout_uri: logout.map(value),
        post_logout_uri: after.map(value),
        logout_token_hint: scope.bool("logout_token_hint"),
        frontchannel_logout_uri: front_channel.map(value),
        scope: words,
        session_store,
        session_timeout: scope.duration("session_timeout"),
        userinfo: scope.bool("userinfo"),
        pkce: scope.read("pkce", |_, value| value.get_ref().as_bool()),
        tls: scope.read("tls", |cx, value| Some(tls(cx, value)))?,
        span,
    })
}

fn tls(cx: &mut Context, value: &Value<'_>) -> UpstreamTls {
    let span = cx.span(value.span());
    let mut scope = Scope::alone(cx, &TLS, value.get_ref().as_table());
    let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
    let (trusted, crl) = (path("trusted_certificate"), path("crl"));
    UpstreamTls::verifying(cx, trusted, crl, span)
}

/// The text of a key, if it is what it has to be.
fn checked(
    scope: &mut Scope<'_>,
    key: &'static str,
    is_good: fn(&str) -> bool,
    expected: &'static str,
) -> Option<Spanned<Box<str>>> {
    let text = scope.text(key)?;
    if !is_good(&text) {
        let message = format!("invalid `{key}`");
        scope.cx.push(Diagnostic::error(text.span, message).label(expected));
    }
    Some(text)
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

fn is_https(text: &str) -> bool {
    text.parse::<Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()))
        && !text.contains('#')
}

fn is_issuer(text: &str) -> bool {
    is_https(text) && !text.contains('?')
}

/// A path as a request is found by: without what would be decoded or cut off.
fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%' | b'\\'))
        && !text.contains("//")
}

fn is_callback(text: &str) -> bool {
    let path = |rest: &str| rest.find('/').and_then(|at| rest.get(at..)).is_some_and(is_path);
    is_path(text) || is_https(text) && text.split_once("://").is_some_and(|(_, rest)| path(rest))
}

fn is_after(text: &str) -> bool {
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_url = text.parse::<Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    graphic && (text.starts_with('/') && !text.starts_with("//") || is_url)
}

fn is_arguments(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'?')) && !text.starts_with('&')
}

/// RFC 6265, 4.1.1: a token.
fn is_token(text: &str) -> bool {
    let is_in = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_in)
}

/// RFC 6749, 3.3.
fn scope_word(cx: &mut Context, text: &str, span: std::ops::Range<usize>) -> Option<Box<str>> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\')) {
        cx.push(Diagnostic::at(span, "invalid `scope`").label("expected one word, such as \"email\""));
    }
    Some(text.into())
}

/// The cookie of one provider's sessions is not that of another one's logins, or these would end the sessions.
fn cookies_apart(cx: &mut Context, cookie: &Spanned<Box<str>>) {
    let is_login = |login: &str, session: &str| login.strip_suffix(LOGIN) == Some(session);
    let found = cx.oidc_providers.values().find_map(|other| {
        let other = &other.cookie_name;
        (is_login(cookie, other) || is_login(other, cookie)).then(|| other.clone())
    });
    if let Some(other) = found {
        let login = if is_login(cookie, &other) { cookie } else { &other };
        let message = format!("the cookie name `{}` is used twice", login.value);
        let diagnostic = Diagnostic::error(cookie.span, message).label("expected another name");
        let help = format!(
            "during a login, a second cookie is set: its name is `cookie_name` followed by `{LOGIN}`"
        );
        cx.push(diagnostic.related(other.span, "the other `cookie_name`").help(help));
    }
}

/// One path has one meaning.
fn apart(cx: &mut Context, uris: [Option<&Spanned<Box<str>>>; 3]) {
    let mut known: Vec<(&str, Span)> = Vec::new();
    for uri in uris.into_iter().flatten() {
        let path = path_of(uri);
        match known.iter().find(|(other, _)| *other == path) {
            Some((_, other)) => {
                let message = format!("the path `{path}` is used twice");
                let diagnostic = Diagnostic::error(uri.span, message).label("expected another path");
                cx.push(diagnostic.related(*other, "first used here"));
            }
            None => known.push((path, uri.span)),
        }
    }
}

/// The path of a URI, which may be nothing else.
fn path_of(uri: &str) -> &str {
    match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => uri,
    }
}

fn store(cx: &mut Context, name: &Spanned<Box<str>>) -> Option<Arc<KeyvalZone>> {
    let zone = keyval::find(cx, name)?;
    if zone.kind != KeyvalKind::String {
        let message = format!("the zone `{}` cannot store sessions", zone.name);
        let diagnostic =
            Diagnostic::error(name.span, message).label("expected a zone with `type = \"string\"`");
        cx.push(diagnostic.related(zone.span, "the zone"));
    }
    Some(zone)
}

/// Reads the key of a level; none: nobody has to log in.
pub(crate) fn of_level(level: &mut Scope<'_>) -> Option<Arc<OidcProvider>> {
    level.read(KEY.name, |cx, value| {
        let name = value.get_ref().as_str()?;
        if name == OFF {
            return None;
        }
        let provider = cx.oidc_providers.get(name).cloned();
        if provider.is_none() && !cx.broken.iter().any(|broken| **broken == *name) {
            let near = nearest(name, cx.oidc_providers.keys().map(AsRef::as_ref));
            let help = near.map(|name| format!("did you mean \"{name}\"?"));
            let message = format!("unknown provider `{}`", name.escape_debug());
            let label = "expected the NAME of an `[oidc_provider.NAME]`, or \"off\"";
            cx.push(Diagnostic::at(value.span(), message).label(label).maybe_help(help));
        }
        provider
    })
}
