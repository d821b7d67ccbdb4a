//! `upstream.NAME.sticky`: how clients come back to the server that they had.

use std::time::Duration;

use propylon_vars::Template;
use toml::de::DeValue;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::units;

/// How clients come back to the server that they had.
#[derive(Clone, Debug, PartialEq)]
pub enum Sticky {
    /// They show a cookie that names it.
    Cookie(Box<StickyCookie>),
    /// They name its route in one of these, the first that is not empty.
    Route(Vec<Template>),
    /// What servers say is remembered.
    Learn(StickyLearn),
}

/// A cookie that names a server.
#[derive(Clone, Debug, PartialEq)]
pub struct StickyCookie {
    /// Its name.
    pub name: Box<str>,
    /// How long the browser keeps it; none: until it is closed.
    pub expires: Option<StickyExpires>,
    /// For which hosts; none or empty: the one that sets it.
    pub domain: Option<Template>,
    /// For which paths; none: that of the request.
    pub path: Option<Box<str>>,
    /// Whether only over TLS.
    pub secure: bool,
    /// Whether scripts don't see it.
    pub httponly: bool,
    /// `strict`, `lax` or `none`; none or empty: as the browser does.
    pub samesite: Option<Template>,
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StickyExpires {
    /// For so long.
    After(Duration),
    /// As long as it can.
    Max,
}

/// Sessions that are learnt from responses.
#[derive(Clone, Debug, PartialEq)]
pub struct StickyLearn {
    /// Where a response or its request names a new session: the first that is not empty.
    pub create: Vec<Template>,
    /// Where a request names its session: the first that is not empty.
    pub lookup: Vec<Template>,
    /// How much memory the sessions may take.
    pub zone: u64,
    /// How long one that is not used is remembered.
    pub timeout: Duration,
    /// Whether a session begins with the head of the response, not with its end.
    pub header: bool,
}

/// Less makes no sense.
const LEAST_ZONE: u64 = 32 * 1024;

const TEMPLATES: Kind = Kind::List(&Kind::Template);

const COOKIE: Table = Table {
    name: "upstream.NAME.sticky.cookie",
    doc: "The cookie that identifies the server, by the MD5 of its address or by its `route`.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Text { hint: "the name of a cookie" },
            need: Need::Required,
            nginx: "sticky cookie",
            doc: "The name of the cookie.",
        },
        Key {
            name: "expires",
            kind: Kind::Either(&[
                Kind::Duration { zero: true },
                Kind::Choice { built: &["max"], unbuilt: &[] },
            ]),
            need: Need::Optional,
            nginx: "sticky cookie ... expires=",
            doc: "How long the browser keeps the cookie; \"max\": as long as possible. If unset, until the browser is closed.",
        },
        Key {
            name: "domain",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "sticky cookie ... domain=",
            doc: "The hosts that the cookie is for. If unset or empty, only the host that set it.",
        },
        Key {
            name: "path",
            kind: Kind::Text { hint: "a path such as \"/\"" },
            need: Need::Optional,
            nginx: "sticky cookie ... path=",
            doc: "The path that the cookie is for. If unset, that of the request.",
        },
        Key {
            name: "secure",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "sticky cookie ... secure",
            doc: "Restricts the cookie to TLS (`Secure`).",
        },
        Key {
            name: "httponly",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "sticky cookie ... httponly",
            doc: "Hides the cookie from scripts (`HttpOnly`).",
        },
        Key {
            name: "samesite",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "sticky cookie ... samesite=",
            doc: "The `SameSite` attribute: \"strict\", \"lax\" or \"none\", or a template; if a template gives anything else, it is \
                  \"strict\".",
        },
    ],
    unbuilt: &[],
};

const LEARN: Table = Table {
    name: "upstream.NAME.sticky.learn",
    doc: "Remembers the sessions that servers create, for all workers and across reloads.",
    keys: &[
        Key {
            name: "create",
            kind: TEMPLATES,
            need: Need::Required,
            nginx: "sticky learn create=",
            doc: "Where a response names a new session, such as [\"$upstream_cookie_sid\"]; the first that is not empty is used.",
        },
        Key {
            name: "lookup",
            kind: TEMPLATES,
            need: Need::Required,
            nginx: "sticky learn lookup=",
            doc: "Where a request names its session, such as [\"$cookie_sid\"]; the first that is not empty is used.",
        },
        Key {
            name: "zone",
            kind: Kind::Size,
            need: Need::Default("\"1m\""),
            nginx: "sticky learn zone=",
            doc: "The memory for sessions, 32k or more: 1m holds 8,192. When it is full, the least recently used session is evicted.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10m\""),
            nginx: "sticky learn timeout=",
            doc: "How long a session that is not used is remembered.",
        },
        Key {
            name: "header",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "sticky learn header",
            doc: "Remembers a session as soon as the response head has arrived, rather than at the end of the response.",
        },
    ],
    unbuilt: &[],
};

pub(super) const STICKY: Table = Table {
    name: "upstream.NAME.sticky",
    doc: "Session affinity, by one of `cookie`, `route` and `learn`: a client is sent to the server that it had before. A draining server \
          gets only these requests. If the server is unavailable, `method` chooses another one.",
    keys: &[
        Key {
            name: "cookie",
            kind: Kind::Either(&[Kind::Text { hint: "the name of a cookie" }, Kind::Table(&COOKIE)]),
            need: Need::Optional,
            nginx: "sticky cookie",
            doc: "The client gets a cookie that identifies the server: the cookie's name, or a table.",
        },
        Key {
            name: "route",
            kind: TEMPLATES,
            need: Need::Optional,
            nginx: "sticky route",
            doc: "The request names the `route` of a server: the first of these that is not empty.",
        },
        Key {
            name: "learn",
            kind: Kind::Table(&LEARN),
            need: Need::Optional,
            nginx: "sticky learn",
            doc: "Servers create sessions, which the gateway remembers.",
        },
    ],
    unbuilt: &[],
};

pub(super) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Sticky> {
    let table = value.get_ref().as_table()?;
    if table.len() != 1 {
        let diagnostic = Diagnostic::at(value.span(), "`sticky` requires exactly one method");
        cx.push(diagnostic.label("expected exactly one of `cookie`, `route` and `learn`"));
        return None;
    }
    let mut scope = Scope::alone(cx, &STICKY, Some(table));
    if table.contains_key("cookie") {
        return scope.read("cookie", cookie).map(Box::new).map(Sticky::Cookie);
    }
    if table.contains_key("route") {
        return scope.read("route", templates).map(Sticky::Route);
    }
    scope.read("learn", learn).map(Sticky::Learn)
}

fn cookie(cx: &mut Context, value: &Value<'_>) -> Option<StickyCookie> {
    let mut scope = Scope::alone(cx, &COOKIE, value.get_ref().as_table());
    let name = match value.get_ref() {
        DeValue::String(name) => {
            crate::source::Spanned::new(name.as_ref().into(), scope.cx.span(value.span()))
        }
        _ => scope.text("name")?,
    };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        let message = format!("`{}` cannot be the name of a cookie", name.escape_debug());
        scope.cx.push(
            Diagnostic::error(name.span, message)
                .label("expected letters, digits and any of !#$%&'*+-.^_`|~"),
        );
    }
    let expires = scope.read("expires", |_, value| match value.get_ref().as_str()? {
        "max" => Some(StickyExpires::Max),
        text => units::duration(text).ok().map(StickyExpires::After),
    });
    let samesite = scope.template("samesite");
    let fixed = samesite.as_ref().and_then(Template::as_static);
    if let Some(text) = fixed
        && ![&b"strict"[..], b"lax", b"none"].iter().any(|known| known.eq_ignore_ascii_case(text))
        && let Some(text) = scope.text("samesite")
    {
        let diagnostic = Diagnostic::error(text.span, format!("unknown value `{}`", text.escape_debug()));
        scope.cx.push(diagnostic.label("expected \"strict\", \"lax\", \"none\" or variables"));
    }
    let path = scope.text("path");
    if let Some(path) = &path
        && path.bytes().any(|byte| byte <= b' ' || byte == b';' || byte == 0x7f)
    {
        let diagnostic =
            Diagnostic::error(path.span, format!("`{}` cannot be the path of a cookie", path.escape_debug()));
        scope.cx.push(diagnostic.label("expected a path without spaces, control characters and `;`"));
    }
    Some(StickyCookie {
        name: name.value,
        expires,
        domain: scope.template("domain"),
        path: path.map(|path| path.value),
        secure: scope.bool("secure"),
        httponly: scope.bool("httponly"),
        samesite,
    })
}

fn learn(cx: &mut Context, value: &Value<'_>) -> Option<StickyLearn> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &LEARN, Some(table));
    let zone = scope.size_if_set("zone").unwrap_or_default();
    if zone < LEAST_ZONE
        && let Some(written) = table.get("zone")
    {
        let diagnostic = Diagnostic::at(written.span(), "this zone is too small");
        scope.cx.push(diagnostic.label("expected \"32k\" or more"));
    }
    Some(StickyLearn {
        create: scope.read("create", templates)?,
        lookup: scope.read("lookup", templates)?,
        zone,
        timeout: scope.duration("timeout"),
        header: scope.bool("header"),
    })
}

fn templates(cx: &mut Context, value: &Value<'_>) -> Option<Vec<Template>> {
    let items = value.get_ref().as_array()?;
    if items.is_empty() {
        cx.push(
            Diagnostic::at(value.span(), "this list is empty")
                .label("expected a variable such as \"$cookie_route\""),
        );
    }
    Some(items.iter().filter_map(|item| cx.template_of(item)).collect())
}
