//! The table `fastcgi`: what FastCGI servers are asked.

use propylon_pattern::Pattern;
use propylon_vars::Template;
use toml::de::DeValue;

use crate::key::{Key, Kind, Need, Table};
use crate::pattern;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

/// What FastCGI servers are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct FastCgi {
    /// The params, the usual ones first.
    pub params: Vec<Param>,
    /// What follows a script's name that ends in a slash.
    pub index: Option<Box<str>>,
    /// A regex whose first group is the script's name, and the second one what follows it.
    pub split_path_info: Option<Spanned<Box<str>>>,
    /// Whether connections are kept.
    pub keep_conn: bool,
    /// Texts on the standard error that make a response an error.
    pub catch_stderr: Vec<Box<str>>,
}

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

/// What `default_params` stands for (nginx's file `fastcgi.conf`).
const DEFAULT: [(&str, &str, bool); 21] = [
    ("SCRIPT_FILENAME", "$document_root$fastcgi_script_name", false),
    ("QUERY_STRING", "$query_string", false),
    ("REQUEST_METHOD", "$request_method", false),
    ("CONTENT_TYPE", "$content_type", false),
    ("CONTENT_LENGTH", "$content_length", false),
    ("SCRIPT_NAME", "$fastcgi_script_name", false),
    ("PATH_INFO", "$fastcgi_path_info", true),
    ("REQUEST_URI", "$request_uri", false),
    ("DOCUMENT_URI", "$document_uri", false),
    ("DOCUMENT_ROOT", "$document_root", false),
    ("SERVER_PROTOCOL", "$server_protocol", false),
    ("REQUEST_SCHEME", "$scheme", false),
    ("HTTPS", "$https", true),
    ("GATEWAY_INTERFACE", "CGI/1.1", false),
    ("SERVER_SOFTWARE", "propylon/$propylon_version", false),
    ("REMOTE_ADDR", "$remote_addr", false),
    ("REMOTE_PORT", "$remote_port", false),
    ("REMOTE_USER", "$remote_user", true),
    ("SERVER_ADDR", "$server_addr", false),
    ("SERVER_PORT", "$server_port", false),
    ("SERVER_NAME", "$server_name", false),
];

/// PHP does not run without it, if it was built to be safe behind Apache's redirects.
const REDIRECT_STATUS: (&str, &str, bool) = ("REDIRECT_STATUS", "200", false);

const IF_NOT_EMPTY: &str = "if_not_empty";

pub(crate) const TABLE: Table = Table {
    name: "fastcgi",
    doc: "What FastCGI servers are asked, where `fastcgi_pass` is the action. The tables `headers` (`hide`, `pass`, `ignore`), \
          `buffer`, `timeout`, `retry` and `limit` hold for them too.",
    keys: &[
        Key {
            name: "params",
            kind: Kind::Names(&Kind::Either(&[Kind::Template, Kind::List(&Kind::Template)])),
            need: Need::Default("{}"),
            nginx: "fastcgi_param",
            doc: "Params, each a template, or [\"template\", \"if_not_empty\"] for one that is left out while it is empty. The table replaces \
                  the outer level's whole. Fields of the request are params too: HTTP_ and their name.",
        },
        Key {
            name: "default_params",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "include fastcgi.conf",
            doc: "Whether the usual params are sent, those that `params` does not name: SCRIPT_FILENAME, QUERY_STRING, REQUEST_METHOD, \
                  CONTENT_TYPE, CONTENT_LENGTH, SCRIPT_NAME, PATH_INFO, REQUEST_URI, DOCUMENT_URI, DOCUMENT_ROOT, SERVER_PROTOCOL, \
                  REQUEST_SCHEME, HTTPS, GATEWAY_INTERFACE, SERVER_SOFTWARE, REMOTE_ADDR, REMOTE_PORT, REMOTE_USER, SERVER_ADDR, \
                  SERVER_PORT, SERVER_NAME, REDIRECT_STATUS.",
        },
        Key {
            name: "index",
            kind: Kind::Text { hint: "a file's name such as \"index.php\"" },
            need: Need::Optional,
            nginx: "fastcgi_index",
            doc: "What follows `$fastcgi_script_name` where it ends in a slash.",
        },
        Key {
            name: "split_path_info",
            kind: Kind::Text { hint: "a regex with two groups such as \"^(.+\\\\.php)(/.*)$\"" },
            need: Need::Optional,
            nginx: "fastcgi_split_path_info",
            doc: "A regex for the path: its first group is `$fastcgi_script_name`, the second one `$fastcgi_path_info`.",
        },
        Key {
            name: "keep_conn",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "fastcgi_keep_conn",
            doc: "Whether connections are kept, as the upstream's `keepalive` says. A process of php-fpm waits for each of them.",
        },
        Key {
            name: "catch_stderr",
            kind: Kind::List(&Kind::Text { hint: "a text" }),
            need: Need::Default("[]"),
            nginx: "fastcgi_catch_stderr",
            doc: "Texts which, written to the standard error before the head, make a response an error, as an invalid header is.",
        },
    ],
    unbuilt: &[],
};

impl FastCgi {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let default = scope.bool("default_params");
        let params = scope.read("params", |cx, value| {
            let written = params(cx, value)?;
            Some(if default { complete(cx, written) } else { written })
        });
        Self {
            params: params.unwrap_or_default(),
            index: scope.text("index").map(|index| index.value),
            split_path_info: scope.read("split_path_info", split),
            keep_conn: scope.bool("keep_conn"),
            catch_stderr: scope.list("catch_stderr", |_, text, _| Some(text.into())).unwrap_or_default(),
        }
    }
}

fn params(cx: &mut Context, value: &Value<'_>) -> Option<Vec<Param>> {
    let table = value.get_ref().as_table()?;
    let params = table.iter().filter_map(|(name, value)| {
        let (text, if_not_empty) = match value.get_ref() {
            DeValue::Array(items) => match items.iter().collect::<Vec<_>>().as_slice() {
                [text] => (*text, false),
                [text, word] if word.get_ref().as_str() == Some(IF_NOT_EMPTY) => (*text, true),
                _ => {
                    let diagnostic = Diagnostic::at(value.span(), "this is no value of a param");
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
fn complete(cx: &mut Context, written: Vec<Param>) -> Vec<Param> {
    let usual = DEFAULT.into_iter().chain([REDIRECT_STATUS]);
    let missing = usual.filter(|(name, ..)| written.iter().all(|param| *param.name != **name));
    let mut params: Vec<Param> = missing
        .filter_map(|(name, value, if_not_empty)| {
            Some(Param { name: name.into(), value: cx.template(value, &(0..0))?, if_not_empty })
        })
        .collect();
    params.extend(written);
    params
}

/// A regex with two groups at least (nginx's rule).
fn split(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<Box<str>>> {
    let (text, span) = (value.get_ref().as_str()?, value.span());
    if !pattern::check(cx, text, &span, 0, false) {
        return None;
    }
    if Pattern::new(text).is_ok_and(|pattern| pattern.groups() < 2) {
        let diagnostic = Diagnostic::at(span, "this regex does not split a path");
        cx.push(diagnostic.label("expected two groups: the script's name, and what follows it"));
        return None;
    }
    Some(Spanned::new(text.into(), cx.span(span)))
}
