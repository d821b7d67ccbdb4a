//! The table `acme`: certificates that come by themselves.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use toml::de::DeTable;

use crate::effective::Effective;
use crate::key::{Key, Kind, Need, PATH, Table};
use crate::listen::{Listen, ListenAddress};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::server::Server;
use crate::server_name::ServerName;
use crate::source::{Span, Spanned};
use crate::tls::Tls;

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
const KEYS: &[&str] = &["ecdsa:256", "ecdsa:384", "rsa:2048", "rsa:3072", "rsa:4096"];

const EXTERNAL: Table = Table {
    name: "acme.external_account",
    doc: "An account that the authority knows already.",
    keys: &[
        Key {
            name: "id",
            kind: Kind::Text { hint: "the identifier that the authority has given out" },
            need: Need::Required,
            nginx: "external_account_key",
            doc: "What it is called there.",
        },
        Key {
            name: "key",
            kind: Kind::Text { hint: "a file path, or `data:` and the key" },
            need: Need::Required,
            nginx: "external_account_key",
            doc: "The file of its key, base64url, or the key itself after `data:`.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const TABLE: Table = Table {
    name: "acme",
    doc: "Certificates that come by themselves (ACME, RFC 8555), for servers with `tls.acme`. They are ordered and renewed while the \
          gateway runs, and in force without a reload: a third of the lifetime before the end, or when the authority says (ARI). Until \
          there is the first one, handshakes for it fail. What fails is in the error log, and is tried again after two minutes, twice as \
          long each time up to six hours, or when the authority says.",
    keys: &[
        Key {
            name: "directory",
            kind: Kind::Text { hint: "a URL that begins with https://" },
            need: Need::Default("\"https://acme-v02.api.letsencrypt.org/directory\""),
            nginx: "uri",
            doc: "The URL of the authority's directory; Let's Encrypt's unless set.",
        },
        Key {
            name: "state_path",
            kind: PATH,
            need: Need::Required,
            nginx: "state_path",
            doc: "The directory of accounts, certificates and their keys, for whoever started the process alone. It is made if it is not \
                  there. Several processes may share it.",
        },
        Key {
            name: "contact",
            kind: Kind::List(&Kind::Text { hint: "an address of mail, or a URL" }),
            need: Need::Default("[]"),
            nginx: "contact",
            doc: "Where the authority may turn to: \"mailto:hostmaster@example.com\", or the address alone.",
        },
        Key {
            name: "accept_terms_of_service",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "accept_terms_of_service",
            doc: "Whether you agree to the authority's terms of service; most do nothing without.",
        },
        Key {
            name: "challenge",
            kind: Kind::Choice { built: &["http-01", "tls-alpn-01"], unbuilt: &["dns-01"] },
            need: Need::Default("\"http-01\""),
            nginx: "challenge",
            doc: "How it is shown that names are yours. \"http-01\": the authority asks port 80 of the name, and is answered before any \
                  step, location or `return` of any server that listens without `tls`. \"tls-alpn-01\": it shakes hands on port 443, and is \
                  answered wherever `listen` says `tls`.",
        },
        Key {
            name: "key",
            kind: Kind::Choice { built: KEYS, unbuilt: &["ecdsa:521"] },
            need: Need::Default("\"ecdsa:256\""),
            nginx: "acme_certificate ... key=",
            doc: "The keys of certificates, each of which has its own: \"ecdsa:256\", \"ecdsa:384\", \"rsa:2048\", \"rsa:3072\" or \
                  \"rsa:4096\".",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "The file of certificates that the authority's own TLS is trusted by, PEM; none: those that the system trusts.",
        },
        Key {
            name: "external_account",
            kind: Kind::Table(&EXTERNAL),
            need: Need::Optional,
            nginx: "external_account_key",
            doc: "An account that the authority knows already (RFC 8555 7.3.4), where it asks for one.",
        },
        Key {
            name: "profile",
            kind: Kind::Text { hint: "a name that the authority has for a kind of certificate" },
            need: Need::Optional,
            nginx: "",
            doc: "The kind of certificate, by the authority's name for it, such as \"shortlived\".",
        },
    ],
    unbuilt: &[],
};

/// What `tls.acme` may be.
pub(crate) const SERVER: Key = Key {
    name: "acme",
    kind: Kind::Either(&[Kind::Bool, Kind::List(&Kind::Text { hint: "the name of a host, or an address" })]),
    need: Need::Default("false"),
    nginx: "acme_certificate",
    doc: "true: the certificate is ordered as `[acme]` says, for the server's names; a list: for these names. It stands in the place of \
          `certificates`. Wildcards and regexes take DNS-01, which is not built. Servers with the same first name share one certificate.",
};

/// What `tls.acme` says.
pub(crate) enum Asked {
    /// The server's names.
    Names(Span),
    /// These names.
    These(Vec<Spanned<Box<str>>>, Span),
}

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
            let diagnostic =
                Diagnostic::at(span, format!("\"{}\" is no address of mail", text.escape_debug()));
            cx.push(diagnostic.label("expected `hostmaster@example.com` or a URL such as `mailto:…`"));
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
        let diagnostic = Diagnostic::error(directory.span, "the directory is no URL of https");
        cx.push(diagnostic.label("expected `https://HOST/PATH`"));
    }
    if **directory == *LETS_ENCRYPT && !accept_terms_of_service {
        let message = "Let's Encrypt makes no account for those who do not agree to its terms of service";
        cx.push(
            Diagnostic::error(span, message)
                .label("expected `accept_terms_of_service = true` here")
                .help("they are at https://letsencrypt.org/repository/"),
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

/// Reads `tls.acme`.
pub(crate) fn asked(cx: &mut Context, value: &Value<'_>) -> Option<Asked> {
    let span = cx.span(value.span());
    if let Some(on) = value.get_ref().as_bool() {
        return on.then_some(Asked::Names(span));
    }
    let items = value.get_ref().as_array()?.iter();
    let names = items.filter_map(|item| {
        Some(Spanned::new(item.get_ref().as_str()?.to_ascii_lowercase().into(), cx.span(item.span())))
    });
    Some(Asked::These(names.collect(), span))
}

/// The names of the certificate of a server, and its place in its TLS.
pub(crate) fn of_server(
    cx: &mut Context,
    asked: Asked,
    tls: &mut Tls,
    (listens, names): (&[Spanned<Listen>], &[Spanned<ServerName>]),
) {
    // One without TLS may have inherited it.
    if !listens.iter().any(|listen| listen.tls) {
        return;
    }
    let (span, names) = match asked {
        Asked::Names(span) => (span, certified(cx, names, span)),
        Asked::These(names, span) => {
            if names.is_empty() {
                let diagnostic = Diagnostic::error(span, "a certificate has at least one name");
                cx.push(diagnostic.label("expected names, or true for those of the server"));
            }
            let mut certified = Vec::new();
            for name in names {
                match is_certified(&name) {
                    true => certified.push(name.value),
                    false => refuse(cx, &name.value, name.span),
                }
            }
            (span, certified)
        }
    };
    if let Some(own) = tls.certificates.first() {
        let diagnostic =
            Diagnostic::error(span, "this server has certificates of its own as well as one of `[acme]`");
        cx.push(diagnostic.label("expected one or the other").related(own.span, "its own"));
        return;
    }
    let Some(state) = &cx.acme else {
        let diagnostic = Diagnostic::error(span, "there is no `[acme]` to order this certificate from");
        cx.push(
            diagnostic
                .label("it is asked for here")
                .help("write `[acme]` with `state_path`, and `accept_terms_of_service = true`"),
        );
        return;
    };
    if let (Some(first), Some(state)) = (names.first(), state) {
        tls.certificates = vec![Spanned::new(crate::tls::Certificate::in_file(&file(state, first)), span)];
        tls.acme = names;
    }
}

/// The names of a server that a certificate can be for.
fn certified(cx: &mut Context, names: &[Spanned<ServerName>], asked: Span) -> Vec<Box<str>> {
    let (mut certified, before) = (Vec::new(), cx.report.diagnostics().len());
    for name in names {
        match &name.value {
            ServerName::Exact(exact) if exact.is_empty() => {}
            ServerName::Exact(exact) if is_certified(bare(exact)) => certified.push(bare(exact).into()),
            _ => refuse(cx, name.value.as_str(), name.span),
        }
    }
    if certified.is_empty() && cx.report.diagnostics().len() == before {
        let diagnostic = Diagnostic::error(asked, "this server has no name that a certificate could be for");
        cx.push(
            diagnostic.label("expected `name = [\"example.com\"]` in the server, or a list of names here"),
        );
    }
    certified
}

fn refuse(cx: &mut Context, name: &str, span: Span) {
    let wild = name.contains('*') || name.starts_with(['.', '~']);
    let message = format!("`{}` is no name that a certificate can be ordered for", name.escape_debug());
    let label = if wild { "this takes DNS-01, which is not built" } else { "expected the name of a host" };
    let help = "write the names that are meant: `acme = [\"example.com\"]`";
    cx.push(Diagnostic::error(span, message).label(label).help(help));
}

/// An address without its brackets.
fn bare(name: &str) -> &str {
    name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name)
}

/// Whether this may be the name of a host, or an address.
fn is_certified(name: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits) && !label.starts_with('-')
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

/// The file of the certificate that is called so.
fn file(state: &Path, name: &str) -> PathBuf {
    state.join("certificates").join(format!("{name}.pem"))
}

/// Collects the certificates that servers want, and says what is odd.
pub(crate) fn finish(
    cx: &mut Context,
    acme: Option<Acme>,
    servers: &[std::sync::Arc<Server>],
) -> Option<Acme> {
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
            let diagnostic = Diagnostic::warning(acme.span, "no server asks for a certificate of `[acme]`");
            cx.push(diagnostic.label("it does nothing").help("write `tls.acme = true` in servers with TLS"));
        }
        return Some(acme);
    }
    let listens = || servers.iter().flat_map(|server| &server.listens);
    let at =
        |port: u16, listen: &Listen| matches!(&listen.address, ListenAddress::Tcp(at) if at.port() == port);
    let (heard, what) = match acme.challenge {
        AcmeChallenge::Http01 => (
            listens().any(|listen| !listen.tls && at(80, listen)),
            "the CA asks port 80, and no server listens there without `tls`",
        ),
        AcmeChallenge::TlsAlpn01 => (
            listens().any(|listen| listen.tls && at(443, listen)),
            "the CA shakes hands on port 443, and no server listens there with `tls`",
        ),
    };
    if !heard {
        let diagnostic = Diagnostic::warning(acme.span, what);
        cx.push(diagnostic.label("something else has to lead it to one that does"));
    }
    Some(acme)
}
