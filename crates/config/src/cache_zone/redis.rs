//! The key `redis` of a zone: a server by which several gateways share what they keep, and obey each other's purges.

use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use crate::key::{Key, Kind, Need, PATH, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

/// A server by which several gateways share what they keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Redis {
    /// Where it is. What it means is for whoever connects to judge.
    pub url: Spanned<Box<str>>,
    /// Who the password is of; none: the server's default user.
    pub user: Option<Box<str>>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// What all keys there begin with.
    pub prefix: Box<str>,
    /// The certificates that sign the server's; none: those that the system trusts.
    pub trusted_certificate: Option<PathBuf>,
    /// The certificate and the key that the server is shown.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How long a request waits for it.
    pub timeout: Duration,
    /// How long anything else may take.
    pub background_timeout: Duration,
    /// For how long it is left alone after it failed.
    pub pause: Duration,
    /// How often the purges of others are asked for.
    pub poll: Duration,
    /// For how long what has become stale stays there.
    pub stale: Duration,
    /// The largest body that is kept there, in bytes.
    pub max_object: u64,
    /// How many responses may wait to be sent there.
    pub queue: usize,
}

impl Redis {
    /// Whether it is the same, wherever it is written.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let here = Spanned::new(self.url.value.clone(), other.url.span);
        Self { url: here, ..self.clone() } == *other
    }
}

const WAIT: Kind = Kind::Duration { zero: false };

pub(super) const KIND: Kind =
    Kind::Either(&[Kind::Text { hint: "a URL such as \"redis://10.0.0.1:6379\"" }, Kind::Table(&TABLE)]);

const TABLE: Table = Table {
    name: "cache_zone.NAME.redis",
    doc: "A Redis or Valkey server through which gateways share cached responses: what is not cached here is looked up there before an \
          upstream is asked, what is stored here is sent there, and a purge reaches all gateways. A text instead of a table is the `url`. A \
          look-up takes at most `timeout`. A purge waits until the other gateways have been told, and is the only request that an error of \
          the server can affect. Whether a response may be cached is decided where it is stored, so all gateways that share a server need \
          the same rules (`cache`, `headers.ignore`) and the same keys. Responses from the server have `detail=tier` in `Cache-Status`. \
          Sentinel and Redis Cluster are not supported.",
    keys: &[
        Key {
            name: "url",
            kind: Kind::Text { hint: "a URL such as \"redis://10.0.0.1:6379\"" },
            need: Need::Required,
            nginx: "",
            doc: "\"redis://HOST:PORT/DATABASE\", \"rediss://…\" for TLS, or \"unix:/PATH?db=DATABASE\". Default port: 6379; default \
                  database: 0.",
        },
        Key {
            name: "user",
            kind: Kind::Text { hint: "a user name" },
            need: Need::Optional,
            nginx: "",
            doc: "The user that the password belongs to (ACL). Default: the server's default user.",
        },
        Key {
            name: "password_file",
            kind: PATH,
            need: Need::Optional,
            nginx: "",
            doc: "A file whose first line is the password. It is read for each new connection.",
        },
        Key {
            name: "prefix",
            kind: Kind::Text { hint: "a string" },
            need: Need::Optional,
            nginx: "",
            doc: "The prefix of all keys on the server; zones with the same prefix share their contents. Default: \"propylon:NAME:\".",
        },
        Key {
            name: "trusted_certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "",
            doc: "With \"rediss://\": a file of CA certificates to verify the server's certificate, which is always verified. Default: the \
                  system's.",
        },
        Key {
            name: "certificate",
            kind: PATH,
            need: Need::Optional,
            nginx: "",
            doc: "With \"rediss://\": the client certificate.",
        },
        Key {
            name: "key",
            kind: PATH,
            need: Need::Optional,
            nginx: "",
            doc: "The private key of the client certificate.",
        },
        Key {
            name: "timeout",
            kind: WAIT,
            need: Need::Default("\"100ms\""),
            nginx: "",
            doc: "How long a request waits for a look-up on the server before it continues without one, and, for each key that it \
                  invalidates, for the key's removal there.",
        },
        Key {
            name: "background_timeout",
            kind: WAIT,
            need: Need::Default("\"1s\""),
            nginx: "",
            doc: "The time limit for every other operation: connecting, sending a response, announcing a purge, and then confirming the \
                  announcement by reading it. A purge request waits for both of the latter.",
        },
        Key {
            name: "pause",
            kind: WAIT,
            need: Need::Default("\"5s\""),
            nginx: "",
            doc: "How long the server is left alone after a failure; no request waits for it during this time.",
        },
        Key {
            name: "poll",
            kind: WAIT,
            need: Need::Default("\"1s\""),
            nginx: "",
            doc: "How often the server is asked for the purges of other gateways, and so how long a purge takes at most to have effect here \
                  while the server responds.",
        },
        Key {
            name: "stale",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"1h\""),
            nginx: "",
            doc: "How long a response stays on the server after it has become stale, to be revalidated, or served where `cache.use_stale` \
                  allows it.",
        },
        Key {
            name: "max_object",
            kind: Kind::Size,
            need: Need::Default("\"1m\""),
            nginx: "",
            doc: "The maximum size of a body stored on the server, 8m at most.",
        },
        Key {
            name: "queue",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1024"),
            nginx: "",
            doc: "The maximum number of responses waiting to be sent to the server; any more are not sent.",
        },
    ],
    unbuilt: &["sentinel", "cluster"],
};

/// The largest body: what is larger is not kept in memory, and goes to a file in pieces only.
const LARGEST: u64 = 8 << 20;

pub(super) fn read(cx: &mut Context, value: &Value<'_>, zone: &str) -> Option<Redis> {
    let mut scope = Scope::alone(cx, &TABLE, value.get_ref().as_table());
    let url = match value.get_ref() {
        DeValue::String(url) => Some(Spanned::new(url.as_ref().into(), scope.cx.span(value.span()))),
        _ => scope.text("url"),
    };
    let mut path = |name| scope.text(name).map(|path| PathBuf::from(&**path));
    let (password_file, trusted_certificate) = (path("password_file"), path("trusted_certificate"));
    let (certificate, key) = (path("certificate"), path("key"));
    if certificate.is_some() != key.is_some() {
        let diagnostic = Diagnostic::at(value.span(), "`certificate` and `key` must be set together");
        scope.cx.push(diagnostic.label("expected both `certificate` and `key`, or neither"));
    }
    let max_object = scope.size_if_set("max_object").unwrap_or_default();
    if max_object > LARGEST || max_object == 0 {
        let diagnostic = Diagnostic::at(value.span(), "`max_object` is out of range");
        scope.cx.push(diagnostic.label("expected `max_object` from \"1\" to \"8m\""));
    }
    Some(Redis {
        url: url?,
        user: scope.text("user").map(|user| user.value),
        password_file,
        prefix: scope
            .text("prefix")
            .map_or_else(|| format!("propylon:{zone}:").into(), |prefix| prefix.value),
        trusted_certificate,
        identity: certificate.zip(key),
        timeout: scope.duration("timeout"),
        background_timeout: scope.duration("background_timeout"),
        pause: scope.duration("pause"),
        poll: scope.duration("poll"),
        stale: scope.duration("stale"),
        max_object,
        queue: scope.integer("queue").and_then(|queue| usize::try_from(queue).ok()).unwrap_or(1024),
    })
}
