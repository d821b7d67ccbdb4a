//! Params, which FastCGI, uwsgi and SCGI servers are asked in: what their tables have in common.

use std::sync::Arc;

use propylon_vars::Template;
use toml::de::DeValue;

use crate::key::{Key, Kind, Need};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// One param.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Box<str>,
    /// Its value.
    pub value: Template,
    /// Whether it is left out while it is empty.
    pub if_not_empty: bool,
}

/// A param of `default_params`: its name, its value, and whether it is left out while it is empty.
pub(crate) type Usual = (&'static str, &'static str, bool);

/// Those that all three have.
pub(crate) const COMMON: [Usual; 13] = [
    ("QUERY_STRING", "$query_string", false),
    ("REQUEST_METHOD", "$request_method", false),
    ("CONTENT_TYPE", "$content_type", false),
    ("REQUEST_URI", "$request_uri", false),
    ("DOCUMENT_ROOT", "$document_root", false),
    ("SERVER_PROTOCOL", "$server_protocol", false),
    ("REQUEST_SCHEME", "$scheme", false),
    ("HTTPS", "$https", true),
    ("REMOTE_ADDR", "$remote_addr", false),
    ("REMOTE_PORT", "$remote_port", false),
    ("REMOTE_USER", "$remote_user", true),
    ("SERVER_PORT", "$server_port", false),
    ("SERVER_NAME", "$server_name", false),
];

/// The key `params`, of the nginx directive of that name.
pub(crate) const fn params_key(nginx: &'static str) -> Key {
    Key {
        name: "params",
        kind: Kind::Names(&Kind::Either(&[Kind::Template, Kind::List(&Kind::Template)])),
        need: Need::Default("{}"),
        nginx,
        doc: "Params; each is a template, or [\"template\", \"if_not_empty\"] for one that is omitted while it is empty. The table replaces \
              the outer level's table entirely. The request's header fields are also sent, as HTTP_ and the field's name.",
    }
}

/// The key `default_params`, for what nginx has in the file `nginx`.
pub(crate) const fn default_key(nginx: &'static str, doc: &'static str) -> Key {
    Key { name: "default_params", kind: Kind::Bool, need: Need::Default("true"), nginx, doc }
}

const IF_NOT_EMPTY: &str = "if_not_empty";

/// Reads `params` and `default_params`, which stands for [`COMMON`] and `own`. Places where nothing is written, which most are, for all
/// have all three tables, share one list of the usual ones.
pub(crate) fn read(scope: &mut Scope<'_>, table: &'static str, own: &[Usual]) -> Arc<[Param]> {
    let default = scope.bool("default_params");
    let params = scope.read("params", |cx, value| {
        let written = params(cx, value)?;
        if !default {
            return Some(written.into());
        }
        if !written.is_empty() {
            return Some(complete(cx, own, written).into());
        }
        if let Some(usual) = cx.usual_params.get(table) {
            return Some(usual.clone());
        }
        let usual: Arc<[Param]> = complete(cx, own, written).into();
        cx.usual_params.insert(table, usual.clone());
        Some(usual)
    });
    params.unwrap_or_default()
}

fn params(cx: &mut Context, value: &Value<'_>) -> Option<Vec<Param>> {
    let table = value.get_ref().as_table()?;
    let params = table.iter().filter_map(|(name, value)| {
        let (text, if_not_empty) = match value.get_ref() {
            DeValue::Array(items) => match items.iter().collect::<Vec<_>>().as_slice() {
                [text] => (*text, false),
                [text, word] if word.get_ref().as_str() == Some(IF_NOT_EMPTY) => (*text, true),
                _ => {
                    let diagnostic = Diagnostic::at(value.span(), "invalid parameter value");
                    cx.push(diagnostic.label("expected a template, or [\"template\", \"if_not_empty\"]"));
                    return None;
                }
            },
            _ => (value, false),
        };
        Some(Param { name: name.get_ref().as_ref().into(), value: cx.template_of(text)?, if_not_empty })
    });
    Some(params.collect())
}

/// The usual params that are not among these, and then these.
fn complete(cx: &mut Context, own: &[Usual], written: Vec<Param>) -> Vec<Param> {
    let usual = COMMON.iter().chain(own);
    let missing = usual.filter(|(name, ..)| written.iter().all(|param| *param.name != **name));
    let mut params: Vec<Param> = missing
        .filter_map(|&(name, value, if_not_empty)| {
            Some(Param { name: name.into(), value: cx.template(value, &(0..0))?, if_not_empty })
        })
        .collect();
    params.extend(written);
    params
}
