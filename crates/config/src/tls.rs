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
    doc: "A certificate and its key. Files are read again when they change; those with variables in their names, when a client \
          comes (certificate_cache).",
    keys: &[
        Key {
            name: "certificate",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "ssl_certificate",
            doc: "The file of the certificate and those between it and the root, PEM, or the PEM itself after `data:`. It may have \
                  variables: of the connection, such as $ssl_server_name.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "ssl_certificate_key",
            doc: "The file of its key, PEM, or the PEM itself after `data:`.",
        },
        Key {
            name: "password_file",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_password_file",
            doc: "The file of passwords for the key (PKCS #8), one a line, each of which is tried.",
        },
        Key {
            name: "staple",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_stapling_file",
            doc: "The file of an OCSP response, DER, that clients get with the certificate.",
        },
    ],
    unbuilt: &[],
};

/// `false`: off.
pub(crate) const CACHE_OR_OFF: Kind = Kind::Either(&[Kind::Bool, Kind::Table(&CACHE)]);

const CACHE: Table = Table {
    name: "tls.certificate_cache",
    doc: "How long certificates with variables in their names are kept after they were read.",
    keys: &[
        Key {
            name: "max",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("1000"),
            nginx: "ssl_certificate_cache, proxy_ssl_certificate_cache",
            doc: "How many files, each certificate and each key; those that were used longest ago go first.",
        },
        Key {
            name: "inactive",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10m\""),
            nginx: "ssl_certificate_cache ... inactive=",
            doc: "How long after their last use.",
        },
        Key {
            name: "valid",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "ssl_certificate_cache ... valid=",
            doc: "How long before it is looked whether the files have changed.",
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
    doc: "The file of revocation lists, PEM; there must be one of each issuer.",
};

pub(crate) const TABLE: Table = Table {
    name: "tls",
    doc: "TLS towards clients, where `listen` says `tls`. The name that the client asks for chooses the server; who asks for \
          none, or an unknown one, gets the default server's certificate, and so does who asks for a server without one. Clients are \
          offered http/1.1, and h2 before it where `listen` says `http2` (ALPN).",
    keys: &[
        Key {
            name: "certificates",
            kind: Kind::List(&Kind::Table(&CERTIFICATE)),
            need: Need::Default("[]"),
            nginx: "ssl_certificate, ssl_certificate_key",
            doc: "Certificates and their keys; of several (RSA and ECDSA) a client gets the first that it can verify.",
        },
        acme::SERVER,
        Key {
            name: "protocols",
            kind: PROTOCOLS,
            need: Need::Default("[]"),
            nginx: "ssl_protocols",
            doc: "\"TLSv1.2\", \"TLSv1.3\"; none: both.",
        },
        Key {
            name: "ciphers",
            kind: Kind::Text { hint: "OpenSSL's list of ciphers, such as \"HIGH:!aNULL\"" },
            need: Need::Optional,
            nginx: "ssl_ciphers",
            doc: "OpenSSL's list of ciphers; only those with forward secrecy that authenticate exist here, OpenSSL's others are \
                  passed over. Ciphers of TLS 1.3 (TLS_AES_256_GCM_SHA384) that it names are spoken alone; none: all three.",
        },
        Key {
            name: "curves",
            kind: Kind::List(&Kind::Text { hint: "a curve such as \"X25519\" or \"prime256v1\"" }),
            need: Need::Default("[]"),
            nginx: "ssl_ecdh_curve",
            doc: "The groups of key exchange, the preferred one first: X25519MLKEM768, X25519, prime256v1, secp384r1, \
                  SecP256r1MLKEM768, MLKEM768, MLKEM1024; OpenSSL's others are passed over; none: the first four.",
        },
        Key {
            name: "prefer_server_ciphers",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssl_prefer_server_ciphers",
            doc: "Whether the order of `ciphers` decides, not the client's.",
        },
        Key {
            name: "session_tickets",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "ssl_session_tickets",
            doc: "Whether clients are given tickets to resume sessions with; they are good after a reload too.",
        },
        Key {
            name: "session_ticket_keys",
            kind: Kind::List(&PATH),
            need: Need::Default("[]"),
            nginx: "ssl_session_ticket_key",
            doc: "Files of 48 or 80 random bytes; the first makes tickets, all open them. None: keys of the process's own, which \
                  change.",
        },
        Key {
            name: "session_cache",
            kind: Kind::Either(&[
                Kind::Choice { built: &["off"], unbuilt: &[] },
                Kind::Integer { min: 1, max: 10_000_000 },
            ]),
            need: Need::Default("20000"),
            nginx: "ssl_session_cache",
            doc: "How many sessions are remembered, for clients without tickets; \"off\": none.",
        },
        Key {
            name: "session_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5m\""),
            nginx: "ssl_session_timeout",
            doc: "How long a session may be resumed.",
        },
        Key {
            name: "verify_client",
            kind: Kind::Choice { built: &["off", "on", "optional", "optional_no_ca"], unbuilt: &[] },
            need: Need::Default("\"off\""),
            nginx: "ssl_verify_client",
            doc: "Whether clients are asked for a certificate. \"on\": they must have one, and it must be good; \"optional\": one \
                  that they have must be good; \"optional_no_ca\": it need not come from somebody trusted, as $ssl_client_verify \
                  tells. Who is refused gets 400, on error pages 495 and 496.",
        },
        Key {
            name: "client_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_client_certificate",
            doc: "The file of authorities that issue clients' certificates, PEM; clients are told their names.",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_trusted_certificate",
            doc: "The file of more authorities, PEM, that clients are not told.",
        },
        Key {
            name: "verify_depth",
            kind: Kind::Integer { min: 0, max: 6 },
            need: Need::Default("1"),
            nginx: "ssl_verify_depth",
            doc: "How many certificates may stand between a client's and an authority's.",
        },
        CRL,
        Key {
            name: "key_log",
            kind: PATH,
            need: Need::Optional,
            nginx: "ssl_key_log",
            doc: "A file that the secrets of connections are added to, as Wireshark reads them (SSLKEYLOGFILE), opened at the start and on reload: whoever \
                  reads it reads all that is sent.",
        },
        Key {
            name: "reject_handshake",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssl_reject_handshake",
            doc: "Whether clients who ask for this server's name are refused; on the default server: who asks for no known name.",
        },
        Key {
            name: "certificate_cache",
            kind: CACHE_OR_OFF,
            need: Need::Default("{}"),
            nginx: "ssl_certificate_cache",
            doc: "How long certificates with variables in their names are kept; false: they are read for each client.",
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
                        let message = "`certificate_cache` needs its limits";
                        let diagnostic = Diagnostic::at(value.span(), message);
                        cx.push(diagnostic.label("expected a table of `max`, `inactive`, `valid`, or false"));
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
                Diagnostic::error(span, "clients' certificates are verified, and there is nobody to trust")
                    .label("expected `client_certificate` or `trusted_certificate` beside it"),
            );
        }
        tls
    }
}
