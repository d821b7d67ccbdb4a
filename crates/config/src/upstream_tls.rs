//! The table `upstream.tls`: TLS towards upstreams.

use std::path::PathBuf;

use propylon_vars::Template;

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::Span;
use crate::tls::{CACHE_OR_OFF, CertificateCache, PROTOCOLS};

/// TLS towards the upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamTls {
    /// Whether its certificate must be trusted, valid and for the right name.
    pub verify: bool,
    /// The file of certificates to trust; `None`: those that the system trusts.
    pub trusted_certificate: Option<PathBuf>,
    /// How many certificates may stand between its own and a trusted one.
    pub verify_depth: usize,
    /// The file of revocation lists.
    pub crl: Option<PathBuf>,
    /// Whether it is told the name (SNI).
    pub server_name: bool,
    /// The name; `None`: the host of `proxy_pass`.
    pub name: Option<Template>,
    /// The certificate and the key to show, files; an empty name: none.
    pub identity: Option<(Template, Template)>,
    /// The file of passwords for the key.
    pub password_file: Option<PathBuf>,
    /// How long certificates with variables in their names are kept.
    pub certificate_cache: CertificateCache,
    /// The protocols, by OpenSSL's names; none: all that there are.
    pub protocols: Vec<Box<str>>,
    /// OpenSSL's list of ciphers.
    pub ciphers: Option<Box<str>>,
    /// The groups of key exchange, by OpenSSL's names; none: all that are usual.
    pub curves: Vec<Box<str>>,
    /// Whether sessions are resumed.
    pub session_reuse: bool,
    /// The file that the secrets of connections are written to.
    pub key_log: Option<PathBuf>,
    /// Where it is written; line 0 if nowhere.
    pub span: Span,
}

pub(crate) const TLS: Table = Table {
    name: "upstream.tls",
    doc: "TLS to the upstream, where `proxy_pass` has `https`. The table replaces that of the outer level as a whole.",
    keys: &[
        Key {
            name: "verify",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_ssl_verify",
            doc: "Whether to verify the upstream's certificate: that it is valid, issued by a trusted authority and has the \
                  right name. false: any certificate is accepted.",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "proxy_ssl_trusted_certificate",
            doc: "The file of trusted CA certificates, PEM. Default: the system's.",
        },
        Key {
            name: "verify_depth",
            kind: Kind::Integer { min: 0, max: 6 },
            need: Need::Default("1"),
            nginx: "proxy_ssl_verify_depth",
            doc: "The maximum number of intermediate certificates between the upstream's and a trusted one.",
        },
        Key {
            name: "crl",
            kind: PATH,
            need: Need::Optional,
            nginx: "proxy_ssl_crl",
            doc: "The file of revocation lists, PEM; it must have a list from each issuer.",
        },
        Key {
            name: "server_name",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_ssl_server_name",
            doc: "Whether to send the name by SNI.",
        },
        Key {
            name: "name",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_ssl_name",
            doc: "The name to send by SNI and to verify the certificate against. Default: the host of `proxy_pass`.",
        },
        Key {
            name: "certificate",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_ssl_certificate",
            doc: "The file of the client certificate and its chain, PEM, or the PEM itself after `data:`. Empty value: no \
                  certificate is sent.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_ssl_certificate_key",
            doc: "The file of the client certificate's key, PEM, or the PEM itself after `data:`.",
        },
        Key {
            name: "password_file",
            kind: PATH,
            need: Need::Optional,
            nginx: "proxy_ssl_password_file",
            doc: "The file of passwords for the key (PKCS #8), one per line; each is tried.",
        },
        Key {
            name: "certificate_cache",
            kind: CACHE_OR_OFF,
            need: Need::Default("{}"),
            nginx: "proxy_ssl_certificate_cache",
            doc: "The cache of certificates whose file names contain variables; false: they are read for each connection.",
        },
        Key {
            name: "protocols",
            kind: PROTOCOLS,
            need: Need::Default("[]"),
            nginx: "proxy_ssl_protocols",
            doc: "The enabled versions: \"TLSv1.2\", \"TLSv1.3\". Empty list: both.",
        },
        Key {
            name: "ciphers",
            kind: Kind::Text { hint: "an OpenSSL cipher list, such as \"HIGH:!aNULL\"" },
            need: Need::Optional,
            nginx: "proxy_ssl_ciphers",
            doc: "An OpenSSL cipher list. Only ciphers with forward secrecy and authenticated encryption (AEAD) are \
                  available.",
        },
        Key {
            name: "curves",
            kind: Kind::List(&Kind::Text { hint: "a curve such as \"X25519\" or \"prime256v1\"" }),
            need: Need::Default("[]"),
            nginx: "",
            doc: "The key exchange groups, in order of preference. Empty list: the usual ones.",
        },
        Key {
            name: "session_reuse",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_ssl_session_reuse",
            doc: "Whether to resume TLS sessions.",
        },
        Key {
            name: "key_log",
            kind: PATH,
            need: Need::Optional,
            nginx: "proxy_ssl_key_log, grpc_ssl_key_log",
            doc: "A file to which the secrets of connections are appended, in the format of SSLKEYLOGFILE, for Wireshark. \
                  It is opened at start and on reload. Anyone who can read it can decrypt the traffic.",
        },
    ],
    unbuilt: &["alpn", "conf_command"],
};

impl UpstreamTls {
    /// TLS towards somebody who has to be the one that he should be, by these files.
    pub(crate) fn verifying(
        cx: &mut Context,
        trusted_certificate: Option<PathBuf>,
        crl: Option<PathBuf>,
        span: Span,
    ) -> Self {
        let usual = Self::read(cx, None);
        Self { verify: true, verify_depth: 6, server_name: true, trusted_certificate, crl, span, ..usual }
    }

    pub(crate) fn read(cx: &mut Context, found: Option<&Value<'_>>) -> Self {
        let span = found.map(|value| cx.span(value.span())).unwrap_or_default();
        let mut scope = Scope::alone(cx, &TLS, found.and_then(|value| value.get_ref().as_table()));
        let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
        let (trusted_certificate, crl) = (path("trusted_certificate"), path("crl"));
        let (password_file, key_log) = (path("password_file"), path("key_log"));
        let identity = match (scope.template("certificate"), scope.template("key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                scope.cx.push(
                    Diagnostic::error(span, "`certificate` and `key` must be set together")
                        .label("expected both `certificate` and `key`, or neither"),
                );
                None
            }
        };
        Self {
            verify: scope.bool("verify"),
            trusted_certificate,
            verify_depth: scope.integer("verify_depth").and_then(|depth| depth.try_into().ok()).unwrap_or(1),
            crl,
            server_name: scope.bool("server_name"),
            name: scope.template("name"),
            identity,
            password_file,
            certificate_cache: CertificateCache::read(&mut scope),
            protocols: scope.list("protocols", |_, text, _| Some(text.into())).unwrap_or_default(),
            ciphers: scope.text("ciphers").map(|ciphers| ciphers.value),
            curves: scope.list("curves", |_, text, _| Some(text.into())).unwrap_or_default(),
            session_reuse: scope.bool("session_reuse"),
            key_log,
            span,
        }
    }
}
