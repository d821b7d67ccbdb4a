//! The table `tls`: TLS towards clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use propylon_vars::Template;

use crate::acme;
use crate::key::{Key, Kind, Need, PATH, Table};
use crate::reader::{Context, Scope};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Tls {
    /// Certificates and their keys; of several, the first that a client can verify.
    pub certificates: Vec<Spanned<Certificate>>,
    /// The protocols, by OpenSSL's names; none: all that there are.
    pub protocols: Vec<Box<str>>,
    /// OpenSSL's list of ciphers.
    pub ciphers: Option<Spanned<Box<str>>>,
    /// The groups of key exchange, by OpenSSL's names; none: all that are usual.
    pub curves: Vec<Box<str>>,
    /// Whether the order of the ciphers decides, not the client's.
    pub prefer_server_ciphers: bool,
    /// Whether clients are given tickets to resume sessions with.
    pub session_tickets: bool,
    /// The files of keys for tickets; none: keys of the process's own.
    pub session_ticket_keys: Vec<PathBuf>,
    /// How many sessions are remembered.
    pub session_cache: usize,
    /// How long a session may be resumed.
    pub session_timeout: Duration,
    /// Whether clients are asked for a certificate, and what happens to those without.
    pub verify_client: VerifyClient,
    /// The file of authorities for clients' certificates that clients are told.
    pub client_certificate: Option<PathBuf>,
    /// The file of authorities that clients are not told.
    pub trusted_certificate: Option<PathBuf>,
    /// How many certificates may stand between a client's and an authority's.
    pub verify_depth: usize,
    /// The file of revocation lists.
    pub crl: Option<PathBuf>,
    /// The file that the secrets of connections are written to.
    pub key_log: Option<PathBuf>,
    /// Whether clients who ask for this server's name are refused.
    pub reject_handshake: bool,
    /// How long certificates with variables in their names are kept.
    pub certificate_cache: CertificateCache,
    /// The names that `[acme]` orders the certificate for; none: it does not.
    pub acme: Vec<Box<str>>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyClient {
    /// They are not.
    Off,
    /// They must have one, and it must be good.
    On,
    /// One that they have must be good.
    Optional,
    /// One that they have need not come from somebody trusted; variables tell.
    OptionalNoCa,
}

/// A certificate with its chain, and its key: files.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// The certificate's file.
    pub certificate: Template,
    /// The key's file.
    pub key: Template,
    /// The file of passwords for the key.
    pub password_file: Option<PathBuf>,
    /// The file of an OCSP response.
    pub staple: Option<PathBuf>,
}

impl Certificate {
    /// A certificate and its key in one file.
    pub(crate) fn in_file(path: &Path) -> Self {
        let path = Template::literal(path.to_string_lossy());
        Self { certificate: path.clone(), key: path, password_file: None, staple: None }
    }

    /// Whether its files are known only when a client is there.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.certificate.as_static().is_none() || self.key.as_static().is_none()
    }
}

/// How long what was read of files with variables in their names is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateCache {
    /// How many files; 0: none is kept.
    pub max: usize,
    /// How long after their last use.
    pub inactive: Duration,
    /// How long before the files are looked at again.
    pub valid: Duration,
}

const CERTIFICATE: Table = Table {
    name: "tls.certificates",
    doc: "A certificate and its key. Files are reloaded when they change. Files with variables in their names are read when \
          a client connects, and cached (certificate_cache).",
    keys: &[
        Key {
            name: "certificate",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "ssl_certificate",
            doc: "The file of the certificate and its intermediate certificates, PEM, or the PEM itself after `data:`. May \
                  contain variables of the connection, such as $ssl_server_name.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "ssl_certificate_key",
            doc: "The file of the certificate's key, PEM, or the PEM itself after `data:`.",
        },
        Key {
            name: "password_file",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_password_file",
            doc: "The file of passwords for the key (PKCS #8), one per line; each is tried.",
        },
        Key {
            name: "staple",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_stapling_file",
            doc: "The file of an OCSP response, DER, to staple to the certificate.",
        },
    ],
    unbuilt: &[],
};

/// `false`: off.
pub(crate) const CACHE_OR_OFF: Kind = Kind::Either(&[Kind::Bool, Kind::Table(&CACHE)]);

const CACHE: Table = Table {
    name: "tls.certificate_cache",
    doc: "How long certificates whose file names contain variables are cached.",
    keys: &[
        Key {
            name: "max",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("1000"),
            nginx: "ssl_certificate_cache, proxy_ssl_certificate_cache",
            doc: "The maximum number of cached files; a certificate and its key count as two. The least recently used are \
                  evicted.",
        },
        Key {
            name: "inactive",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10m\""),
            nginx: "ssl_certificate_cache ... inactive=",
            doc: "How long an unused file stays in the cache.",
        },
        Key {
            name: "valid",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "ssl_certificate_cache ... valid=",
            doc: "How long before a file is checked for changes.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const PROTOCOLS: Kind = Kind::List(&Kind::Choice { built: &["TLSv1.2", "TLSv1.3"], unbuilt: &[] });

/// Also of others who verify.
pub(crate) const CRL: Key = Key {
    name: "crl",
    kind: PATH,
    need: Need::Optional,
    nginx: "ssl_crl",
    doc: "The file of revocation lists, PEM; it must have a list from each issuer.",
};

pub(crate) const TABLE: Table = Table {
    name: "tls",
    doc: "TLS for client connections, where `listen` has `tls`. The SNI name selects the server. If it is missing or \
          unknown, or its server has no certificate, the client gets the default server's certificate. ALPN offers \
          http/1.1, and h2 before it where `listen` has `http2`.",
    keys: &[
        Key {
            name: "certificates",
            kind: Kind::List(&Kind::Table(&CERTIFICATE)),
            need: Need::Default("[]"),
            nginx: "ssl_certificate, ssl_certificate_key",
            doc: "Certificates and their keys. If there are several (RSA and ECDSA), each client gets the first that it can \
                  verify.",
        },
        acme::SERVER,
        Key {
            name: "protocols",
            kind: PROTOCOLS,
            need: Need::Default("[]"),
            nginx: "ssl_protocols",
            doc: "The enabled versions: \"TLSv1.2\", \"TLSv1.3\". Empty list: both.",
        },
        Key {
            name: "ciphers",
            kind: Kind::Text { hint: "an OpenSSL cipher list, such as \"HIGH:!aNULL\"" },
            need: Need::Optional,
            nginx: "ssl_ciphers",
            doc: "An OpenSSL cipher list. Only ciphers with forward secrecy and authenticated encryption (AEAD) are \
                  available; OpenSSL's others are ignored. If the list names TLS 1.3 ciphers (TLS_AES_256_GCM_SHA384), only \
                  these are enabled; otherwise all three are.",
        },
        Key {
            name: "curves",
            kind: Kind::List(&Kind::Text { hint: "a curve such as \"X25519\" or \"prime256v1\"" }),
            need: Need::Default("[]"),
            nginx: "ssl_ecdh_curve",
            doc: "The key exchange groups, in order of preference: X25519MLKEM768, X25519, prime256v1, secp384r1, \
                  SecP256r1MLKEM768, MLKEM768, MLKEM1024. OpenSSL's others are ignored. Empty list: the first four.",
        },
        Key {
            name: "prefer_server_ciphers",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssl_prefer_server_ciphers",
            doc: "Whether the order of `ciphers` takes precedence over the client's.",
        },
        Key {
            name: "session_tickets",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "ssl_session_tickets",
            doc: "Whether to issue session tickets. They stay valid across reloads.",
        },
        Key {
            name: "session_ticket_keys",
            kind: Kind::List(&PATH),
            need: Need::Default("[]"),
            nginx: "ssl_session_ticket_key",
            doc: "Files of 48 or 80 random bytes. The first key encrypts tickets, all keys decrypt them. Empty list: the \
                  process generates and rotates its own keys.",
        },
        Key {
            name: "session_cache",
            kind: Kind::Either(&[
                Kind::Choice { built: &["off"], unbuilt: &[] },
                Kind::Integer { min: 1, max: 10_000_000 },
            ]),
            need: Need::Default("20000"),
            nginx: "ssl_session_cache",
            doc: "How many sessions are cached, for clients without tickets; \"off\": none.",
        },
        Key {
            name: "session_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5m\""),
            nginx: "ssl_session_timeout",
            doc: "How long a session can be resumed.",
        },
        Key {
            name: "verify_client",
            kind: Kind::Choice { built: &["off", "on", "optional", "optional_no_ca"], unbuilt: &[] },
            need: Need::Default("\"off\""),
            nginx: "ssl_verify_client",
            doc: "Whether clients are asked for a certificate. \"on\": a valid certificate is required. \"optional\": a \
                  certificate, if sent, must be valid. \"optional_no_ca\": a certificate need not be issued by a trusted \
                  authority; $ssl_client_verify has the result. A refused client gets 400; for `error_page`, the codes are \
                  495 and 496.",
        },
        Key {
            name: "client_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_client_certificate",
            doc: "The file of CA certificates to verify client certificates with, PEM. Their names are sent to clients.",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "The file of more CA certificates, PEM, whose names are not sent to clients.",
        },
        Key {
            name: "verify_depth",
            kind: Kind::Integer { min: 0, max: 6 },
            need: Need::Default("1"),
            nginx: "ssl_verify_depth",
            doc: "The maximum number of intermediate certificates between the client's and a trusted one.",
        },
        CRL,
        Key {
            name: "key_log",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_key_log",
            doc: "A file to which the secrets of connections are appended, in the format of SSLKEYLOGFILE, for Wireshark. \
                  It is opened at start and on reload. Anyone who can read it can decrypt the traffic.",
        },
        Key {
            name: "reject_handshake",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssl_reject_handshake",
            doc: "Whether to reject handshakes whose SNI name selects this server. On the default server: handshakes \
                  without a known name.",
        },
        Key {
            name: "certificate_cache",
            kind: CACHE_OR_OFF,
            need: Need::Default("{}"),
            nginx: "ssl_certificate_cache",
            doc: "The cache of certificates whose file names contain variables; false: they are read for each client.",
        },
    ],
    unbuilt: &["stapling", "early_data", "ocsp", "conf_command"],
};

impl CertificateCache {
    /// Nothing is kept.
    pub const OFF: Self = Self { max: 0, inactive: Duration::ZERO, valid: Duration::ZERO };

    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        scope
            .read("certificate_cache", |cx, value| {
                if let Some(on) = value.get_ref().as_bool() {
                    if on {
                        let message = "`certificate_cache` cannot be `true`";
                        let diagnostic = Diagnostic::at(value.span(), message);
                        cx.push(
                            diagnostic.label("expected a table of `max`, `inactive` and `valid`, or `false`"),
                        );
                    }
                    return Some(Self::OFF);
                }
                let mut scope = Scope::alone(cx, &CACHE, Some(value.get_ref().as_table()?));
                Some(Self {
                    max: scope.integer("max").and_then(|max| max.try_into().ok()).unwrap_or(1),
                    inactive: scope.duration("inactive"),
                    valid: scope.duration("valid"),
                })
            })
            .unwrap_or(Self::OFF)
    }
}

impl Tls {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let certificates = scope.read("certificates", |cx, value| {
            let items = value.get_ref().as_array()?.iter();
            let read = items.filter_map(|item| {
                let span: Span = cx.span(item.span());
                let mut scope = Scope::alone(cx, &CERTIFICATE, Some(item.get_ref().as_table()?));
                let certificate = scope.template("certificate");
                let key = scope.template("key");
                let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
                let (password_file, staple) = (path("password_file"), path("staple"));
                Some(Spanned::new(
                    Certificate { certificate: certificate?, key: key?, password_file, staple },
                    span,
                ))
            });
            Some(read.collect())
        });
        let paths = |_: &mut Context, text: &str, _| Some(PathBuf::from(text));
        let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
        let (client_certificate, trusted_certificate, crl) =
            (path("client_certificate"), path("trusted_certificate"), path("crl"));
        let key_log = path("key_log");
        let verify_client = scope.text("verify_client");
        let tls = Self {
            certificates: certificates.unwrap_or_default(),
            protocols: scope.list("protocols", |_, text, _| Some(text.into())).unwrap_or_default(),
            ciphers: scope.text("ciphers"),
            curves: scope.list("curves", |_, text, _| Some(text.into())).unwrap_or_default(),
            prefer_server_ciphers: scope.bool("prefer_server_ciphers"),
            session_tickets: scope.bool("session_tickets"),
            session_ticket_keys: scope.list("session_ticket_keys", paths).unwrap_or_default(),
            session_cache: scope
                .integer("session_cache")
                .and_then(|count| count.try_into().ok())
                .unwrap_or(0),
            session_timeout: scope.duration("session_timeout"),
            verify_client: match verify_client.as_deref().map(AsRef::as_ref) {
                Some("on") => VerifyClient::On,
                Some("optional") => VerifyClient::Optional,
                Some("optional_no_ca") => VerifyClient::OptionalNoCa,
                _ => VerifyClient::Off,
            },
            client_certificate,
            trusted_certificate,
            verify_depth: scope.integer("verify_depth").and_then(|depth| depth.try_into().ok()).unwrap_or(1),
            crl,
            key_log,
            reject_handshake: scope.bool("reject_handshake"),
            certificate_cache: CertificateCache::read(scope),
            acme: Vec::new(),
        };
        let nobody = tls.client_certificate.is_none() && tls.trusted_certificate.is_none();
        if matches!(tls.verify_client, VerifyClient::On | VerifyClient::Optional) && nobody {
            let span = verify_client.map(|text| text.span).unwrap_or_default();
            scope.cx.push(
                Diagnostic::error(span, "`verify_client` requires CA certificates")
                    .label("expected `client_certificate` or `trusted_certificate` in the same table"),
            );
        }
        tls
    }
}
