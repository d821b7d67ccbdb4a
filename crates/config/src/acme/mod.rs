//! The table `acme`: certificates that come by themselves.

mod keys;
mod names;

use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use toml::de::DeTable;

use crate::effective::Effective;
use crate::listen::{Listen, ListenAddress};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::server::Server;
use crate::source::Span;

use keys::EXTERNAL;
pub(crate) use keys::{SERVER, TABLE};
pub(crate) use names::{asked, of_server};

/// Certificates that come by themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Acme {
    /// The URL of the authority's directory.
    pub directory: Box<str>,
    /// Where accounts and certificates are kept.
    pub state_path: PathBuf,
    /// Where the authority may turn to: URLs.
    pub contacts: Vec<Box<str>>,
    /// Whether its terms of service are agreed to.
    pub accept_terms_of_service: bool,
    /// How it is shown that names are ours.
    pub challenge: AcmeChallenge,
    /// The file of certificates that the authority's own TLS is trusted by.
    pub trusted_certificate: Option<PathBuf>,
    /// The account that it knows already.
    pub external_account: Option<ExternalAccount>,
    /// The kind of certificate, by the authority's name.
    pub profile: Option<Box<str>>,
    /// The keys of certificates.
    pub key: AcmeKey,
    /// The certificates: of each the names, of which the first calls it.
    pub certificates: Vec<Vec<Box<str>>>,
    /// The keys as text, with where each value comes from.
    pub effective: Effective,
    /// Where it is written.
    pub span: Span,
}

/// How it is shown that names are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// By an answer on port 80.
    Http01,
    /// By a handshake on port 443.
    TlsAlpn01,
}

/// The keys of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcmeKey {
    /// ECDSA on P-256.
    Ecdsa256,
    /// ECDSA on P-384.
    Ecdsa384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

/// An account that the authority knows already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// What it is called there.
    pub id: Box<str>,
    /// The file of its key, or the key itself after `data:`.
    pub key: Box<str>,
    /// Where it is written.
    pub span: Span,
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>, value: Option<&Value<'_>>) -> Option<Acme> {
    let table = table?;
    let span = value.map(|value| cx.span(value.span())).unwrap_or_default();
    let mut effective = Effective::of(&[&TABLE]);
    let mut scope = Scope::process(cx, &TABLE, Some(table), &mut effective);
    let directory = scope.text("directory")?;
    let state_path = scope.text("state_path");
    let contacts = scope.list("contact", |cx, text, span| match contact(text) {
        Some(url) => Some(url),
        None => {
            let diagnostic = Diagnostic::at(span, format!("invalid contact `{}`", text.escape_debug()));
            cx.push(diagnostic.label(
                "expected an e-mail address such as `hostmaster@example.com`, or a URL such as `mailto:…`",
            ));
            None
        }
    });
    let accept_terms_of_service = scope.bool("accept_terms_of_service");
    let (challenge, key) = (scope.text("challenge"), scope.text("key"));
    let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
    let trusted_certificate = path("trusted_certificate");
    let profile = scope.text("profile").map(|name| name.value);
    let external_account = scope.read("external_account", external);
    if !is_https(&directory) {
        let diagnostic = Diagnostic::error(directory.span, "invalid directory URL");
        cx.push(diagnostic.label("expected `https://HOST/PATH`"));
    }
    if **directory == *LETS_ENCRYPT && !accept_terms_of_service {
        let message = "Let's Encrypt requires agreement to its terms of service";
        cx.push(
            Diagnostic::error(span, message)
                .label("expected `accept_terms_of_service = true` here")
                .help("read the terms of service at https://letsencrypt.org/repository/"),
        );
    }
    Some(Acme {
        directory: directory.value,
        state_path: PathBuf::from(&*state_path?.value),
        contacts: contacts.unwrap_or_default(),
        accept_terms_of_service,
        challenge: match challenge.as_deref().map(AsRef::as_ref) {
            Some("tls-alpn-01") => AcmeChallenge::TlsAlpn01,
            _ => AcmeChallenge::Http01,
        },
        trusted_certificate,
        external_account,
        profile,
        key: match key.as_deref().map(AsRef::as_ref) {
            Some("ecdsa:384") => AcmeKey::Ecdsa384,
            Some("rsa:2048") => AcmeKey::Rsa2048,
            Some("rsa:3072") => AcmeKey::Rsa3072,
            Some("rsa:4096") => AcmeKey::Rsa4096,
            _ => AcmeKey::Ecdsa256,
        },
        certificates: Vec::new(),
        effective,
        span,
    })
}

fn external(cx: &mut Context, value: &Value<'_>) -> Option<ExternalAccount> {
    let span = cx.span(value.span());
    let mut scope = Scope::alone(cx, &EXTERNAL, Some(value.get_ref().as_table()?));
    Some(ExternalAccount { id: scope.text("id")?.value, key: scope.text("key")?.value, span })
}

/// A URL, or an address of mail.
fn contact(text: &str) -> Option<Box<str>> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    match text.split_once(':') {
        Some((scheme, rest)) => {
            let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
            (printable && is_scheme && !rest.is_empty()).then(|| text.into())
        }
        None => (printable && text.contains('@')).then(|| format!("mailto:{text}").into()),
    }
}

fn is_https(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.is_some_and(|uri| {
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// Collects the certificates that servers want, and says what is odd.
pub(crate) fn finish(cx: &mut Context, acme: Option<Acme>, servers: &[Arc<Server>]) -> Option<Acme> {
    let mut acme = acme?;
    for names in servers.iter().map(|server| &server.tls.acme).filter(|names| !names.is_empty()) {
        match acme.certificates.iter_mut().find(|known| known.first() == names.first()) {
            None => acme.certificates.push(names.clone()),
            Some(known) => {
                let more: Vec<_> = names.iter().filter(|name| !known.contains(name)).cloned().collect();
                known.extend(more);
            }
        }
    }
    if acme.certificates.is_empty() {
        if !cx.report.has_errors() {
            let diagnostic = Diagnostic::warning(acme.span, "no server uses `[acme]`");
            cx.push(
                diagnostic
                    .label("no certificate is ordered")
                    .help("add `tls.acme = true` to servers with TLS"),
            );
        }
        return Some(acme);
    }
    let listens = || servers.iter().flat_map(|server| &server.listens);
    let at =
        |port: u16, listen: &Listen| matches!(&listen.address, ListenAddress::Tcp(at) if at.port() == port);
    let (heard, what) = match acme.challenge {
        AcmeChallenge::Http01 => (
            listens().any(|listen| !listen.tls && at(80, listen)),
            "HTTP-01 needs port 80, but no server listens on port 80 without `tls`",
        ),
        AcmeChallenge::TlsAlpn01 => (
            listens().any(|listen| listen.tls && at(443, listen)),
            "TLS-ALPN-01 needs port 443, but no server listens on port 443 with `tls`",
        ),
    };
    if !heard {
        let diagnostic = Diagnostic::warning(acme.span, what);
        cx.push(diagnostic.label("no certificate can be ordered unless this port is forwarded to a server"));
    }
    Some(acme)
}
