//! The table `fastcgi`: what FastCGI servers are asked.

use std::sync::Arc;

use propylon_pattern::Pattern;

use crate::cgi::{self, Param, Usual};
use crate::key::{Key, Kind, Need, Table};
use crate::pattern;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

/// What FastCGI servers are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct FastCgi {
    /// The params, the usual ones first.
    pub params: Arc<[Param]>,
    /// What follows a script's name that ends in a slash.
    pub index: Option<Box<str>>,
    /// A regex whose first group is the script's name, and the second one what follows it.
    pub split_path_info: Option<Spanned<Box<str>>>,
    /// Whether connections are kept.
    pub keep_conn: bool,
    /// Texts on the standard error that make a response an error.
    pub catch_stderr: Vec<Box<str>>,
}

/// What `default_params` stands for besides [`cgi::COMMON`] (nginx's file `fastcgi.conf`).
const OWN: [Usual; 9] = [
    ("SCRIPT_FILENAME", "$document_root$fastcgi_script_name", false),
    ("CONTENT_LENGTH", "$content_length", false),
    ("SCRIPT_NAME", "$fastcgi_script_name", false),
    ("PATH_INFO", "$fastcgi_path_info", true),
    ("DOCUMENT_URI", "$document_uri", false),
    ("GATEWAY_INTERFACE", "CGI/1.1", false),
    ("SERVER_SOFTWARE", "propylon/$propylon_version", false),
    ("SERVER_ADDR", "$server_addr", false),
    // PHP does not run without it, if it was built to be safe behind Apache's redirects.
    ("REDIRECT_STATUS", "200", false),
];

pub(crate) const TABLE: Table = Table {
    name: "fastcgi",
    doc: "How FastCGI servers are asked, in locations with `fastcgi_pass`. The tables `headers` (`hide`, `pass`, `ignore`), `buffer`, \
          `timeout`, `retry` and `limit` apply to them as well.",
    keys: &[
        cgi::params_key("fastcgi_param"),
        cgi::default_key(
            "include fastcgi.conf",
            "Sends the usual params, except those that `params` sets: SCRIPT_FILENAME, QUERY_STRING, REQUEST_METHOD, \
             CONTENT_TYPE, CONTENT_LENGTH, SCRIPT_NAME, PATH_INFO, REQUEST_URI, DOCUMENT_URI, DOCUMENT_ROOT, SERVER_PROTOCOL, \
             REQUEST_SCHEME, HTTPS, GATEWAY_INTERFACE, SERVER_SOFTWARE, REMOTE_ADDR, REMOTE_PORT, REMOTE_USER, SERVER_ADDR, \
             SERVER_PORT, SERVER_NAME, REDIRECT_STATUS.",
        ),
        Key {
            name: "index",
            kind: Kind::Text { hint: "a file name such as \"index.php\"" },
            need: Need::Optional,
            nginx: "fastcgi_index",
            doc: "The file name that is appended to `$fastcgi_script_name` if that ends in a slash.",
        },
        Key {
            name: "split_path_info",
            kind: Kind::Text { hint: "a regular expression with two groups such as \"^(.+\\\\.php)(/.*)$\"" },
            need: Need::Optional,
            nginx: "fastcgi_split_path_info",
            doc: "A regex for the path. Its first group becomes `$fastcgi_script_name`, its second group `$fastcgi_path_info`.",
        },
        Key {
            name: "keep_conn",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "fastcgi_keep_conn",
            doc: "Keeps connections open, as configured by the upstream's `keepalive`. Each of them occupies a php-fpm process.",
        },
        Key {
            name: "catch_stderr",
            kind: Kind::List(&Kind::Text { hint: "a string" }),
            need: Need::Default("[]"),
            nginx: "fastcgi_catch_stderr",
            doc: "If the server writes one of these texts to standard error before the response head, the response is an error, as if it had \
                  an invalid header.",
        },
    ],
    unbuilt: &[],
};

impl FastCgi {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            params: cgi::read(scope, TABLE.name, &OWN),
            index: scope.text("index").map(|index| index.value),
            split_path_info: scope.read("split_path_info", split),
            keep_conn: scope.bool("keep_conn"),
            catch_stderr: scope.list("catch_stderr", |_, text, _| Some(text.into())).unwrap_or_default(),
        }
    }
}

/// A regex with two groups at least (nginx's rule).
fn split(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<Box<str>>> {
    let (text, span) = (value.get_ref().as_str()?, value.span());
    if !pattern::check(cx, text, &span, 0, false) {
        return None;
    }
    if Pattern::new(text).is_ok_and(|pattern| pattern.groups() < 2) {
        let diagnostic = Diagnostic::at(span, "this regular expression has fewer than two groups");
        cx.push(diagnostic.label("expected two groups: the script's name, and the path that follows it"));
        return None;
    }
    Some(Spanned::new(text.into(), cx.span(span)))
}
