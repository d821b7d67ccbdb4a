//! The table `auth_request`: another location is asked whether a request may come in.

use propylon_vars::Template;
use toml::de::DeTable;

use crate::group_names::Names;
use crate::inner_uri::{self, InnerUri};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::source::Spanned;

/// Whether a request may come in, as another location says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthRequest {
    /// What is asked for; none: nobody is asked.
    pub uri: Option<Spanned<InnerUri>>,
    /// The variables that get a value of its answer, without their `$`.
    pub set: Vec<(Box<str>, Template)>,
}

pub(crate) const TABLE: Table = Table {
    name: "auth_request",
    doc: "Asks another location whether a request is allowed, with a GET that carries the request's header fields and no body. 2xx allows \
          the request, 401 (with its `WWW-Authenticate`) and 403 reject it, any other status gives 500. It is asked after `access` and \
          before `try_files`, and counts under `access.satisfy`; responses of `return` are not protected. The subrequest is not itself \
          subject to `access` and `auth_request`, and appears in the access log only with `log_subrequest`. `limit` counts it and the \
          request as one.",
    keys: &[
        Key {
            name: "uri",
            kind: Kind::Text { hint: "a path in this server such as \"/auth\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "auth_request",
            doc: "The path in this server that is asked; its location may be `internal`. \"off\": none.",
        },
        Key {
            name: "set",
            kind: Kind::Names(&Kind::Template),
            need: Need::Default("{}"),
            nginx: "auth_request_set",
            doc: "Variables that are set from the answer: { user = \"$upstream_http_x_user\" }. They are set even if the request is \
                  rejected. `args` and `limit_rate` can be set as well.",
        },
    ],
    unbuilt: &[],
};

impl AuthRequest {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let uri = inner_uri::read_unless_off(scope, "uri");
        Self { uri, set: scope.read("set", set).unwrap_or_default() }
    }
}

fn set(cx: &mut Context, value: &Value<'_>) -> Option<Vec<(Box<str>, Template)>> {
    let table = value.get_ref().as_table()?;
    let one = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, &Value<'_>)| {
        Some((name.get_ref().to_ascii_lowercase().into(), cx.template_of(value)?))
    };
    Some(table.iter().filter_map(one).collect())
}

/// The variables that a level sets.
pub(crate) fn names(level: &DeTable<'_>) -> Names {
    let table = level.get("auth_request").and_then(|value| value.get_ref().as_table());
    let set = table.and_then(|table| table.get("set")?.get_ref().as_table());
    set.into_iter().flatten().map(|(name, _)| (name.get_ref().to_string(), name.span())).collect()
}
