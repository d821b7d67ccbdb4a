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
    doc: "Who may come in. It is looked at before `try_files`, and not for what `return` answers.",
    keys: &[
        Key {
            name: "rules",
            kind: RULES,
            need: Need::Default("[]"),
            nginx: "allow, deny",
            doc: "By address: [\"allow 10.0.0.0/8\", \"allow unix:\", \"deny all\"]. The first that means the client counts; else \
                  it is 403. Who is meant by none may come in.",
        },
        Key {
            name: "satisfy",
            kind: Kind::Choice { built: &["all", "any"], unbuilt: &[] },
            need: Need::Default("\"all\""),
            nginx: "satisfy",
            doc: "Whether address, password, `auth_oidc`, `auth_jwt` and `auth_request` are all needed, those that there are, or any is enough.",
        },
        Key {
            name: "delay",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "auth_delay",
            doc: "How long a 401 takes, that of `auth_jwt` and `auth_request` too, so that nobody learns from the time who is known here: what the check took is a part of \
                  it.",
        },
        Key {
            name: "basic",
            kind: BASIC_OR_OFF,
            need: Need::Default("false"),
            nginx: "auth_basic",
            doc: "By password: a table; false: nobody is asked.",
        },
        Key {
            name: "limit_except",
            kind: Kind::Table(&LIMIT_EXCEPT),
            need: Need::Optional,
            nginx: "limit_except",
            doc: "Other rules for all methods but some.",
        },
    ],
    unbuilt: &[],
};

const BASIC: Table = Table {
    name: "access.basic",
    doc: "Who may come in by password.",
    keys: &[
        Key {
            name: "realm",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "auth_basic",
            doc: "What browsers show beside the question; a template that gives \"off\" asks nobody.",
        },
        Key {
            name: "users",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "auth_basic_user_file",
            doc: "The file of users, a line \"name:hash\" each; hashes as htpasswd makes them ({PLAIN}, {SHA}, {SSHA}, $apr1$, bcrypt, \
                  SHA-crypt). It is read again when it has changed.",
        },
    ],
    unbuilt: &[],
};

const LIMIT_EXCEPT: Table = Table {
    name: "access.limit_except",
    doc: "Rules for all methods but some; what is not set here is as outside.",
    keys: &[
        Key {
            name: "methods",
            kind: Kind::List(&Kind::Text { hint: "a method such as \"GET\"" }),
            need: Need::Required,
            nginx: "limit_except",
            doc: "The methods that they are not for; GET is HEAD too.",
        },
        Key {
            name: "rules",
            kind: RULES,
            need: Need::Optional,
            nginx: "allow, deny",
            doc: "As outside, in the place of those.",
        },
        Key {
            name: "basic",
            kind: BASIC_OR_OFF,
            need: Need::Optional,
            nginx: "auth_basic",
            doc: "As outside, in the place of that.",
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
        let message = format!("`{}` is no method", text.escape_debug());
        cx.push(Diagnostic::at(span, message).label("expected a method such as \"GET\""));
    }
    method
}

fn rule(cx: &mut Context, text: &str, span: Range<usize>) -> Option<AccessRule> {
    let (word, whom) = text.split_once(' ').unwrap_or((text, ""));
    if !matches!(word, "allow" | "deny") || whom.is_empty() {
        let message = format!("`{}` is no rule", text.escape_debug());
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
            let message = "`basic` needs a realm and a file of users";
            cx.push(Diagnostic::at(value.span(), message).label("expected a table of `realm`, `users`"));
        }
        return Some(None);
    }
    let mut scope = Scope::alone(cx, &BASIC, Some(value.get_ref().as_table()?));
    let (realm, users) = (scope.template("realm"), scope.template("users"));
    Some(Some(BasicAuth { realm: realm?, users: users? }))
}
