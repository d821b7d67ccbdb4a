//! The table `tls`: TLS towards clients.

use std::path::PathBuf;

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::reader::Scope;
use crate::source::{Span, Spanned};

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates and their keys; of several, the first that a client can verify.
    pub certificates: Vec<Spanned<Certificate>>,
    /// The protocols, by OpenSSL's names; none: all that there are.
    pub protocols: Vec<Box<str>>,
    /// OpenSSL's list of ciphers.
    pub ciphers: Option<Spanned<Box<str>>>,
    /// Whether the order of the ciphers decides, not the client's.
    pub prefer_server_ciphers: bool,
    /// Whether clients are given tickets to resume sessions with.
    pub session_tickets: bool,
}

/// A certificate with its chain, and its key: files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

const CERTIFICATE: Table = Table {
    name: "tls.certificates",
    doc: "A certificate and its key.",
    keys: &[
        Key {
            name: "certificate",
            kind: PATH,
            need: Need::Required,
            nginx: "ssl_certificate",
            doc: "The file of the certificate and those between it and the root, PEM.",
        },
        Key {
            name: "key",
            kind: PATH,
            need: Need::Required,
            nginx: "ssl_certificate_key",
            doc: "The file of its key, PEM, without a password.",
        },
    ],
    unbuilt: &["password_file", "staple"],
};

pub(crate) const PROTOCOLS: Kind = Kind::List(&Kind::Choice { built: &["TLSv1.2", "TLSv1.3"], unbuilt: &[] });

pub(crate) const TABLE: Table = Table {
    name: "tls",
    doc: "TLS towards clients, where `listen` says `tls`. The name that the client asks for chooses the server; who asks for \
          none, or an unknown one, gets the default server's certificate.",
    keys: &[
        Key {
            name: "certificates",
            kind: Kind::List(&Kind::Table(&CERTIFICATE)),
            need: Need::Default("[]"),
            nginx: "ssl_certificate, ssl_certificate_key",
            doc: "Certificates and their keys; of several (RSA and ECDSA) a client gets the first that it can verify.",
        },
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
            doc: "OpenSSL's list of ciphers; only those with forward secrecy that authenticate exist here.",
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
    ],
    unbuilt: &[
        "client_certificate",
        "trusted_certificate",
        "verify_client",
        "verify_depth",
        "crl",
        "session_cache",
        "session_timeout",
        "session_ticket_key",
        "stapling",
    ],
};

impl Tls {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let certificates = scope.read("certificates", |cx, value| {
            let items = value.get_ref().as_array()?.iter();
            let read = items.filter_map(|item| {
                let span: Span = cx.span(item.span());
                let mut scope = Scope::alone(cx, &CERTIFICATE, Some(item.get_ref().as_table()?));
                let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
                Some(Spanned::new(Certificate { certificate: path("certificate")?, key: path("key")? }, span))
            });
            Some(read.collect())
        });
        Self {
            certificates: certificates.unwrap_or_default(),
            protocols: scope.list("protocols", |_, text, _| Some(text.into())).unwrap_or_default(),
            ciphers: scope.text("ciphers"),
            prefer_server_ciphers: scope.bool("prefer_server_ciphers"),
            session_tickets: scope.bool("session_tickets"),
        }
    }
}
