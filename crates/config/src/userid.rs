//! The table `userid`: a cookie by which clients are known again.

use std::time::Duration;

use http::HeaderValue;
use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::report::Diagnostic;
use crate::units;

/// A cookie by which clients are known again.
#[derive(Clone, Debug, PartialEq)]
pub struct UserId {
    /// Who gets one.
    pub mode: UserIdMode,
    /// Its name.
    pub name: Box<str>,
    /// Its domain; none: the server's.
    pub domain: Option<Box<str>>,
    /// Its path.
    pub path: Box<str>,
    /// Until when it is kept; none: until the browser is closed.
    pub expires: Option<UserIdExpires>,
    /// Its flags.
    pub flags: Vec<UserIdFlag>,
    /// What follows the id.
    pub mark: Option<u8>,
    /// The field `P3P`.
    pub p3p: Option<HeaderValue>,
    /// Who gives ids.
    pub service: Option<u32>,
    /// Who is to get another id.
    pub reset: Option<Template>,
}

/// Who gets a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserIdMode {
    /// Nobody, and nobody is known.
    Off,
    /// Nobody.
    Log,
    /// Whoever has none, in the first version.
    V1,
    /// Whoever has none.
    On,
}

/// Until when a cookie is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserIdExpires {
    /// Until the end of 2037.
    Max,
    /// For so long.
    After(Duration),
}

/// A flag of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserIdFlag {
    /// `secure`
    Secure,
    /// `httponly`
    HttpOnly,
    /// `samesite=strict`
    SameSiteStrict,
    /// `samesite=lax`
    SameSiteLax,
    /// `samesite=none`
    SameSiteNone,
}

const MODES: [(&str, UserIdMode); 4] =
    [("off", UserIdMode::Off), ("log", UserIdMode::Log), ("v1", UserIdMode::V1), ("on", UserIdMode::On)];

const FLAGS: [(&str, UserIdFlag); 5] = [
    ("secure", UserIdFlag::Secure),
    ("httponly", UserIdFlag::HttpOnly),
    ("samesite=strict", UserIdFlag::SameSiteStrict),
    ("samesite=lax", UserIdFlag::SameSiteLax),
    ("samesite=none", UserIdFlag::SameSiteNone),
];

pub(crate) const TABLE: Table = Table {
    name: "userid",
    doc: "A cookie that identifies returning clients, in nginx's format; `$uid_got` and `$uid_set` show it. It proves \
          nothing: IDs can be guessed.",
    keys: &[
        Key {
            name: "mode",
            kind: Kind::Choice { built: &["off", "log", "v1", "on"], unbuilt: &[] },
            need: Need::Default("\"off\""),
            nginx: "userid",
            doc: "\"on\": clients without the cookie get one; \"v1\": the same in version 1 of the format; \"log\": no \
                  cookie is set, but $uid_got has the received one.",
        },
        Key {
            name: "name",
            kind: Kind::Text { hint: "a cookie name such as \"uid\"" },
            need: Need::Default("\"uid\""),
            nginx: "userid_name",
            doc: "The cookie's name.",
        },
        Key {
            name: "domain",
            kind: Kind::Text { hint: "a domain such as \"example.com\"" },
            need: Need::Default("\"\""),
            nginx: "userid_domain",
            doc: "The cookie's domain; empty: none.",
        },
        Key {
            name: "path",
            kind: Kind::Text { hint: "a path such as \"/\"" },
            need: Need::Default("\"/\""),
            nginx: "userid_path",
            doc: "The cookie's path.",
        },
        Key {
            name: "expires",
            kind: Kind::Text { hint: "a duration such as \"365d\", \"max\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "userid_expires",
            doc: "How long browsers keep the cookie: a duration, \"max\" (until the end of 2037), or \"off\" (until the \
                  browser is closed).",
        },
        Key {
            name: "flags",
            kind: Kind::List(&Kind::Choice {
                built: &["secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"],
                unbuilt: &[],
            }),
            need: Need::Default("[]"),
            nginx: "userid_flags",
            doc: "The cookie's flags.",
        },
        Key {
            name: "mark",
            kind: Kind::Text { hint: "a letter, a digit, \"=\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "userid_mark",
            doc: "A letter, a digit or \"=\" appended to the ID. A client whose cookie has another mark is sent the cookie \
                  again, with the same ID, so that changed attributes reach existing clients.",
        },
        Key {
            name: "p3p",
            kind: Kind::Text { hint: "a header value" },
            need: Need::Default("\"\""),
            nginx: "userid_p3p",
            doc: "The field P3P to send with the cookie; empty: none.",
        },
        Key {
            name: "service",
            kind: Kind::Integer { min: 0, max: 4_294_967_295 },
            need: Need::Optional,
            nginx: "userid_service",
            doc: "A number in new IDs that identifies the issuing service. Default: the address that the client is \
                  connected to; 0 with \"v1\".",
        },
        Key {
            name: "reset",
            kind: Kind::Template,
            need: Need::Default("\"\""),
            nginx: "$uid_reset",
            doc: "A client that has a cookie gets a new ID if this value is neither empty nor \"0\"; if it is \"log\", the \
                  error log reports this.",
        },
    ],
    unbuilt: &[],
};

impl UserId {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let text = |scope: &mut Scope<'_>, key: &'static str| {
            scope.text(key).map(|text| text.value).unwrap_or_default()
        };
        let known = |mode: &str| MODES.into_iter().find(|(word, _)| *word == mode);
        Self {
            mode: known(&text(scope, "mode")).map_or(UserIdMode::Off, |(_, mode)| mode),
            name: name(scope),
            domain: Some(in_cookie(scope, "domain")).filter(|domain| !domain.is_empty()),
            path: in_cookie(scope, "path"),
            expires: expires(scope),
            flags: scope
                .list("flags", |_, text, _| Some(FLAGS.iter().find(|(word, _)| *word == text)?.1))
                .unwrap_or_default(),
            mark: mark(scope),
            p3p: p3p(scope),
            service: scope.integer("service").and_then(|service| u32::try_from(service).ok()),
            reset: scope
                .template("reset")
                .filter(|template| template.as_static().is_none_or(|text| !text.is_empty())),
        }
    }
}

/// A cookie's name is a token.
fn name(scope: &mut Scope<'_>) -> Box<str> {
    let Some(name) = scope.text("name") else { return "uid".into() };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        wrong(
            scope,
            &name,
            &format!("`{}` cannot be the name of a cookie", name.escape_debug()),
            "expected letters, digits and any of !#$%&'*+-.^_`|~",
        );
    }
    name.value
}

/// An attribute of the cookie.
fn in_cookie(scope: &mut Scope<'_>, key: &'static str) -> Box<str> {
    let Some(text) = scope.text(key) else { return Box::default() };
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b';') {
        wrong(
            scope,
            &text,
            "invalid character in a cookie attribute",
            "expected printable ASCII characters except \";\"",
        );
    }
    text.value
}

fn expires(scope: &mut Scope<'_>) -> Option<UserIdExpires> {
    let text = scope.text("expires")?;
    match &**text {
        "off" => None,
        "max" => Some(UserIdExpires::Max),
        written => match units::duration(written) {
            Ok(time) => Some(UserIdExpires::After(time)).filter(|_| !time.is_zero()),
            Err(_) => {
                wrong(
                    scope,
                    &text,
                    "invalid duration",
                    "expected a duration such as \"365d\", \"max\", or \"off\"",
                );
                None
            }
        },
    }
}

fn mark(scope: &mut Scope<'_>) -> Option<u8> {
    let text = scope.text("mark")?;
    match text.as_bytes() {
        b"off" => None,
        [mark] if mark.is_ascii_alphanumeric() || *mark == b'=' => Some(*mark),
        _ => {
            wrong(scope, &text, "invalid mark", "expected a letter, a digit, \"=\", or \"off\"");
            None
        }
    }
}

fn p3p(scope: &mut Scope<'_>) -> Option<HeaderValue> {
    let text = scope.text("p3p").filter(|text| !text.is_empty())?;
    let value = HeaderValue::from_str(&text).ok();
    if value.is_none() {
        wrong(
            scope,
            &text,
            "invalid header value",
            "expected text without line breaks and control characters",
        );
    }
    value
}

fn wrong(scope: &mut Scope<'_>, text: &crate::source::Spanned<Box<str>>, what: &str, expected: &str) {
    scope.cx.push(Diagnostic::error(text.span, what).label(expected));
}
