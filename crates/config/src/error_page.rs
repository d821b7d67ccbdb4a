//! The table `error_page`: what clients see in the place of an error.

use std::ops::Range;

use http::StatusCode;
use propylon_vars::Template;
use toml::de::{DeTable, DeValue};

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::shape;

/// What clients see in the place of an error.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorPages {
    /// Whether errors of upstreams are replaced as well.
    pub intercept: bool,
    /// Whether the error of an error page is replaced in its turn.
    pub recursive: bool,
    /// How the gateway's own pages look.
    pub style: PageStyle,
    /// The pages, in the order of the file.
    pub pages: Vec<ErrorPage>,
}

/// How the gateway's own pages look, and how it calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStyle {
    /// As Propylon.
    Propylon,
    /// As nginx, to the letter: for clients that read the pages.
    Nginx,
}

/// What stands in the place of some errors.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorPage {
    /// The errors.
    pub codes: Vec<StatusCode>,
    /// The status that the client sees.
    pub status: PageStatus,
    /// A path, `@name`, or a URL to redirect to.
    pub uri: Template,
}

/// The status that the client sees beside an error page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStatus {
    /// The error's.
    Error,
    /// This one.
    Fixed(StatusCode),
    /// The page's.
    FromPage,
}

pub(crate) const TABLE: Table = Table {
    name: "error_page",
    doc: "Responses that replace errors.",
    keys: &[
        Key {
            name: "intercept",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_intercept_errors",
            doc: "Also replaces errors from upstreams, not only the gateway's own.",
        },
        Key {
            name: "recursive",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "recursive_error_pages",
            doc: "Also replaces an error that occurs while an error page is being served.",
        },
        Key {
            name: "style",
            kind: Kind::Choice { built: &["propylon", "nginx"], unbuilt: &[] },
            need: Need::Default("\"propylon\""),
            nginx: "",
            doc: "The style of the gateway's own pages and of the `Server` field. \"nginx\": exactly as nginx sends them, for clients that \
                  depend on it.",
        },
        Key {
            name: "pages",
            kind: Kind::List(&Kind::Table(&PAGE)),
            need: Need::Default("[]"),
            nginx: "error_page",
            doc: "Which pages replace which errors; the first entry with a status applies.",
        },
    ],
    unbuilt: &[],
};

const PAGE: Table = Table {
    name: "error_page.pages",
    doc: "A page for some errors.",
    keys: &[
        Key {
            name: "codes",
            kind: Kind::List(&Kind::Integer { min: 300, max: 599 }),
            need: Need::Required,
            nginx: "error_page",
            doc: "The statuses. 494 to 497 are nginx's own: header too large, invalid client certificate, missing client certificate, and \
                  plain HTTP on a TLS port.",
        },
        Key {
            name: "uri",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "error_page",
            doc: "\"/path\" in this server, \"@name\" of a location, or a URL to which the client is redirected.",
        },
        Key {
            name: "status",
            kind: Kind::Either(&[
                Kind::Integer { min: 200, max: 599 },
                Kind::Choice { built: &["from_page"], unbuilt: &[] },
            ]),
            need: Need::Optional,
            nginx: "error_page ... =",
            doc: "The status that the client gets; \"from_page\": the status of the page. Default: the status of the error.",
        },
    ],
    unbuilt: &[],
};

impl ErrorPages {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let style = scope.text("style");
        Self {
            intercept: scope.bool("intercept"),
            recursive: scope.bool("recursive"),
            style: match style.as_deref().map(AsRef::as_ref) {
                Some("nginx") => PageStyle::Nginx,
                _ => PageStyle::Propylon,
            },
            pages: scope.read("pages", pages).unwrap_or_default(),
        }
    }
}

fn pages(cx: &mut Context, value: &Value<'_>) -> Option<Vec<ErrorPage>> {
    let items = value.get_ref().as_array()?.iter();
    Some(items.filter_map(|item| page(cx, item.get_ref().as_table()?)).collect())
}

fn page(cx: &mut Context, table: &DeTable<'_>) -> Option<ErrorPage> {
    let mut scope = Scope::alone(cx, &PAGE, Some(table));
    let codes = scope.read("codes", codes);
    let uri = scope.read("uri", uri);
    let status = scope.read("status", |_, value| {
        Some(match value.get_ref() {
            DeValue::String(_) => PageStatus::FromPage,
            number => PageStatus::Fixed(status(shape::integer(number)?)?),
        })
    });
    Some(ErrorPage { codes: codes?, status: status.unwrap_or(PageStatus::Error), uri: uri? })
}

fn codes(cx: &mut Context, value: &Value<'_>) -> Option<Vec<StatusCode>> {
    let items = value.get_ref().as_array()?;
    if items.is_empty() {
        cx.push(Diagnostic::at(value.span(), "`codes` is empty").label("expected a status such as 404"));
    }
    let mut codes = Vec::new();
    for item in items.iter() {
        let Some(code) = shape::integer(item.get_ref()) else { continue };
        if code == 499 {
            let diagnostic = Diagnostic::at(item.span(), "`codes` cannot contain 499");
            cx.push(diagnostic.label("499 means that the client has closed the connection"));
        }
        codes.extend(status(code));
    }
    Some(codes)
}

fn status(code: u64) -> Option<StatusCode> {
    StatusCode::from_u16(u16::try_from(code).ok()?).ok()
}

fn uri(cx: &mut Context, value: &Value<'_>) -> Option<Template> {
    let (text, span): (&str, Range<usize>) = (value.get_ref().as_str()?, value.span());
    if text.is_empty() || text == "@" {
        cx.push(
            Diagnostic::at(span, format!("invalid error page `{}`", text.escape_debug()))
                .label("expected \"/path\", \"@name\" or a URL"),
        );
        return None;
    }
    if !text.starts_with(['/', '@', '$']) && !text.contains("://") {
        let message = format!("`{}` is neither a path nor a URL", text.escape_debug());
        cx.push(
            Diagnostic::warning(cx.span(span.clone()), message)
                .label("clients are redirected to this, relative to the requested URL"),
        );
    }
    cx.template(text, &span)
}
