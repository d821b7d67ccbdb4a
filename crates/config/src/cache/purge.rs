//! What removes what is kept: `cache.purge`, and the action `purge` of a location.

use std::sync::Arc;

use http::Method;
use propylon_vars::Template;
use toml::de::DeValue;

use super::templates;
use crate::access;
use crate::cache_zone::{self, CacheZone};
use crate::headers::{self, Peer};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Which requests remove what they name.
#[derive(Clone, Debug, PartialEq)]
pub struct PurgeRequests {
    /// Those with one of these methods.
    pub methods: Vec<Method>,
    /// Those for which one of these is neither empty nor 0.
    pub when: Vec<Template>,
    /// Whether what they name is only marked as not fresh.
    pub soft: bool,
    /// Whose they may be.
    pub allow: PurgeAllow,
}

/// Who may remove what is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct PurgeAllow {
    /// Who comes from one of these addresses; none: anybody.
    pub addresses: Option<Vec<Peer>>,
    /// Who shows this as `Authorization: Bearer`.
    pub token: Option<Box<str>>,
}

/// The action `purge`.
#[derive(Clone, Debug, PartialEq)]
pub struct Purge {
    /// Where it is kept.
    pub zone: Arc<CacheZone>,
    /// What is removed.
    pub what: Purged,
    /// Whether it is only marked as not fresh.
    pub soft: bool,
    /// Who may do so.
    pub allow: PurgeAllow,
}

/// What a purge removes.
#[derive(Clone, Debug, PartialEq)]
pub enum Purged {
    /// The response with this key, or, if it ends in `*`, those whose key begins so.
    Key(Template),
    /// Those that have one of these tags.
    Tags(Template),
}

const TEMPLATES: Kind = Kind::List(&Kind::Template);
const METHODS: Kind = Kind::List(&Kind::Text { hint: "a method such as \"PURGE\"" });
const ADDRESSES: Kind =
    Kind::List(&Kind::Text { hint: "a network such as \"10.0.0.0/8\", an address, \"unix:\" or \"all\"" });
const LOCAL: &str = "[\"127.0.0.0/8\", \"::1\", \"unix:\"]";
const ZONE: Kind = Kind::Text { hint: "the NAME of a `[cache_zone.NAME]`" };

const ALLOW: Key = Key {
    name: "allow",
    kind: ADDRESSES,
    need: Need::Default(LOCAL),
    nginx: "",
    doc: "The addresses from which purges are accepted; \"all\": any that reaches this location. Others get 403. Behind a proxy on this \
          machine, all requests come from this machine: set `headers.real_ip_from`, or `allow = []` and a `token`.",
};
const TOKEN: Key = Key {
    name: "token",
    kind: Kind::Text { hint: "a secret" },
    need: Need::Optional,
    nginx: "",
    doc: "Requests that send this as `Authorization: Bearer TOKEN` are accepted from any address.",
};
const SOFT: Key = Key {
    name: "soft",
    kind: Kind::Bool,
    need: Need::Default("false"),
    nginx: "",
    doc: "Marks responses as stale instead of removing them: they are fetched again, and served meanwhile where `cache.use_stale` allows it.",
};

pub(super) const PURGE: Table = Table {
    name: "cache.purge",
    doc: "Requests that remove the cached response they would be answered with: 204, or 404 if nothing was cached. A key that ends in `*` \
          removes all responses whose keys begin with what precedes it.",
    keys: &[
        Key {
            name: "methods",
            kind: METHODS,
            need: Need::Default("[\"PURGE\"]"),
            nginx: "",
            doc: "Requests with one of these methods purge what a GET for the same target would get.",
        },
        Key {
            name: "when",
            kind: TEMPLATES,
            need: Need::Default("[]"),
            nginx: "proxy_cache_purge, fastcgi_cache_purge",
            doc: "Requests for which one of these is neither empty nor 0 purge.",
        },
        SOFT,
        ALLOW,
        TOKEN,
    ],
    unbuilt: &[],
};

const ACTION: Table = Table {
    name: "location.purge",
    doc: "Removes cached responses: 204, or 404 if nothing was cached.",
    keys: &[
        Key {
            name: "zone",
            kind: ZONE,
            need: Need::Required,
            nginx: "proxy_cache_purge",
            doc: "The name of the `[cache_zone.NAME]`.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_cache_purge",
            doc: "The key to remove; one that ends in `*` stands for all keys that begin with what precedes it.",
        },
        Key {
            name: "tags",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "",
            doc: "Used instead of `key`: tags, separated by blanks or commas; responses that had one of them in `Cache-Tag` or \
                  `Surrogate-Key` are removed.",
        },
        SOFT,
        ALLOW,
        TOKEN,
    ],
    unbuilt: &[],
};

/// The key of a location.
pub(crate) const ACTION_KEY: Key = Key {
    name: "purge",
    kind: Kind::Table(&ACTION),
    need: Need::Optional,
    nginx: "proxy_cache_purge",
    doc: "Removes responses from a cache: { zone = \"main\", key = \"$1\" }.",
};

/// `Some(None)`: none.
#[expect(clippy::option_option, reason = "an error was reported, or there are none, or some")]
pub(super) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Option<PurgeRequests>> {
    let table = match value.get_ref() {
        DeValue::Boolean(false) => return Some(None),
        other => other.as_table(),
    };
    let mut scope = Scope::alone(cx, &PURGE, table);
    let methods = scope.list("methods", access::method)?;
    let when = templates(&mut scope, "when");
    Some(Some(PurgeRequests { methods, when, soft: scope.bool("soft"), allow: allow(&mut scope) }))
}

/// The keys `allow` and `token` of any table.
pub(crate) fn allow(scope: &mut Scope<'_>) -> PurgeAllow {
    let mut all = false;
    let addresses = scope.list("allow", |cx, text, span| match text {
        "all" => {
            all = true;
            None
        }
        text => headers::peer(cx, text, span),
    });
    let token = scope.text("token");
    if let Some(token) = &token
        && token.is_empty()
    {
        let diagnostic = Diagnostic::error(token.span, "the token is empty");
        scope.cx.push(diagnostic.label("expected a secret of at least one character"));
    }
    PurgeAllow {
        addresses: (!all).then(|| addresses.unwrap_or_default()),
        token: token.map(|token| token.value),
    }
}

/// Reads the action of a location.
pub(crate) fn read_action(cx: &mut Context, value: &Value<'_>) -> Option<Purge> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &ACTION, Some(table));
    let name = scope.text("zone");
    let (key, tags) = (scope.template("key"), scope.template("tags"));
    let (soft, allow) = (scope.bool("soft"), allow(&mut scope));
    let written = |name| table.contains_key(name);
    if written("key") == written("tags") {
        let diagnostic = Diagnostic::at(value.span(), "`purge` requires either `key` or `tags`");
        scope.cx.push(diagnostic.label("expected exactly one of `key` and `tags`"));
    }
    let zone = cache_zone::find(scope.cx, &name?)?;
    Some(Purge { zone, what: key.map(Purged::Key).or(tags.map(Purged::Tags))?, soft, allow })
}
