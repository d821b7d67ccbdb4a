//! The table `access`: who may come in.

use std::ops::Range;
use std::time::Duration;

use http::Method;
use propylon_vars::Template;
use toml::de::DeTable;

use crate::headers::{self, Peer};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Who may come in.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// By address; the first rule that means a client counts.
    pub rules: Vec<AccessRule>,
    /// Whether an address that is allowed or a password is enough.
    pub satisfy_any: bool,
    /// How long 401 takes; `None`: no longer than it has to.
    pub delay: Option<Duration>,
    /// By password.
    pub basic: Option<BasicAuth>,
    /// Other rules for some methods.
    pub limit_except: Option<LimitExcept>,
}

/// Whether some clients may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// Whether they may.
    pub allow: bool,
    /// Whom it means; none: everyone.
    pub whom: Option<Peer>,
}

/// Who may come in by password.
#[derive(Clone, Debug, PartialEq)]
pub struct BasicAuth {
    /// What browsers show; "off": nobody is asked.
    pub realm: Template,
    /// The file of users.
    pub users: Template,
}

/// What holds for all methods but some.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitExcept {
    /// The methods that it does not hold for.
    pub methods: Vec<Method>,
    /// By address.
    pub rules: Vec<AccessRule>,
    /// By password.
    pub basic: Option<BasicAuth>,
}

pub(crate) const RULES: Kind = Kind::List(&Kind::Text {
    hint: "\"allow\" or \"deny\" with \"all\", a network, an address or \"unix:\"",
});
const BASIC_OR_OFF: Kind = Kind::Either(&[Kind::Bool, Kind::Table(&BASIC)]);

pub(crate) const TABLE: Table = Table {
    name: "access",
    doc: "Access control: which clients may send requests. It is checked before `try_files` and does not apply to responses of `return`.",
    keys: &[
        Key {
            name: "rules",
            kind: RULES,
            need: Need::Default("[]"),
            nginx: "allow, deny",
            doc: "Rules by client address: [\"allow 10.0.0.0/8\", \"allow unix:\", \"deny all\"]. The first rule that matches the client \
                  applies; a denied client gets 403. A client that no rule matches is allowed.",
        },
        Key {
            name: "satisfy",
            kind: Kind::Choice { built: &["all", "any"], unbuilt: &[] },
            need: Need::Default("\"all\""),
            nginx: "satisfy",
            doc: "Whether a request must pass all configured checks (address rules, password, `auth_oidc`, `auth_jwt` and `auth_request`) or \
                  any one of them.",
        },
        Key {
            name: "delay",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "auth_delay",
            doc: "The minimum time that a 401 takes, including those of `auth_jwt` and `auth_request`, so that response times do not reveal \
                  which users exist. The time spent on the check counts towards it.",
        },
        Key {
            name: "basic",
            kind: BASIC_OR_OFF,
            need: Need::Default("false"),
            nginx: "auth_basic",
            doc: "HTTP Basic authentication: a table; false: none.",
        },
        Key {
            name: "limit_except",
            kind: Kind::Table(&LIMIT_EXCEPT),
            need: Need::Optional,
            nginx: "limit_except",
            doc: "Different rules for all methods except those listed.",
        },
    ],
    unbuilt: &[],
};

const BASIC: Table = Table {
    name: "access.basic",
    doc: "HTTP Basic authentication.",
    keys: &[
        Key {
            name: "realm",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "auth_basic",
            doc: "The realm, which browsers show in their password prompt. A template with the value \"off\" disables authentication.",
        },
        Key {
            name: "users",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "auth_basic_user_file",
            doc: "The path of the password file, which has one \"name:hash\" entry per line, with hashes as written by htpasswd ({PLAIN}, \
                  {SHA}, {SSHA}, $apr1$, bcrypt, SHA-crypt). The file is reread when it changes.",
        },
    ],
    unbuilt: &[],
};

const LIMIT_EXCEPT: Table = Table {
    name: "access.limit_except",
    doc: "Rules for all methods except `methods`. Keys that are not set here keep their values from `access`.",
    keys: &[
        Key {
            name: "methods",
            kind: Kind::List(&Kind::Text { hint: "a method such as \"GET\"" }),
            need: Need::Required,
            nginx: "limit_except",
            doc: "The methods that these rules do not apply to. GET includes HEAD.",
        },
        Key {
            name: "rules",
            kind: RULES,
            need: Need::Optional,
            nginx: "allow, deny",
            doc: "Used instead of `access.rules`.",
        },
        Key {
            name: "basic",
            kind: BASIC_OR_OFF,
            need: Need::Optional,
            nginx: "auth_basic",
            doc: "Used instead of `access.basic`.",
        },
    ],
    unbuilt: &[],
};

impl Access {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let rules = scope.list("rules", rule).unwrap_or_default();
        let satisfy = scope.text("satisfy");
        let basic = scope.read("basic", basic).flatten();
        let limit_except = scope.read("limit_except", |cx, value| {
            limit_except(cx, value.get_ref().as_table()?, &rules, basic.as_ref())
        });
        Self {
            satisfy_any: satisfy.is_some_and(|satisfy| &*satisfy.value == "any"),
            delay: Some(scope.duration("delay")).filter(|delay| !delay.is_zero()),
            rules,
            basic,
            limit_except,
        }
    }

    /// Whether everybody may come in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rules.is_empty() && self.basic.is_none() && self.limit_except.is_none()
    }
}

fn limit_except(
    cx: &mut Context,
    table: &DeTable<'_>,
    rules: &[AccessRule],
    outer: Option<&BasicAuth>,
) -> Option<LimitExcept> {
    let mut scope = Scope::alone(cx, &LIMIT_EXCEPT, Some(table));
    let mut methods = scope.list("methods", method)?;
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    let rules = scope.list("rules", rule).unwrap_or_else(|| rules.to_vec());
    let basic = scope.read("basic", basic).unwrap_or_else(|| outer.cloned());
    Some(LimitExcept { methods, rules, basic })
}

/// The name of a method.
pub(crate) fn method(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Method> {
    let method = Method::from_bytes(text.as_bytes()).ok();
    if method.is_none() {
        let message = format!("invalid method `{}`", text.escape_debug());
        cx.push(Diagnostic::at(span, message).label("expected a method such as \"GET\""));
    }
    method
}

fn rule(cx: &mut Context, text: &str, span: Range<usize>) -> Option<AccessRule> {
    let (word, whom) = text.split_once(' ').unwrap_or((text, ""));
    if !matches!(word, "allow" | "deny") || whom.is_empty() {
        let message = format!("invalid access rule `{}`", text.escape_debug());
        let label = "expected \"allow\" or \"deny\", and \"all\", a network, an address or \"unix:\"";
        cx.push(Diagnostic::at(span, message).label(label));
        return None;
    }
    let whom = match whom.trim() {
        "all" => None,
        whom => Some(headers::peer(cx, whom, span)?),
    };
    Some(AccessRule { allow: word == "allow", whom })
}

/// `Some(None)`: off.
#[expect(clippy::option_option, reason = "an error was reported, or it is off, or on")]
fn basic(cx: &mut Context, value: &Value<'_>) -> Option<Option<BasicAuth>> {
    if let Some(on) = value.get_ref().as_bool() {
        if on {
            let message = "`basic` requires `realm` and `users`";
            cx.push(Diagnostic::at(value.span(), message).label("expected a table of `realm`, `users`"));
        }
        return Some(None);
    }
    let mut scope = Scope::alone(cx, &BASIC, Some(value.get_ref().as_table()?));
    let (realm, users) = (scope.template("realm"), scope.template("users"));
    Some(Some(BasicAuth { realm: realm?, users: users? }))
}
