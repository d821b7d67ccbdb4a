//! URIs that the gateway itself asks for beside a request: `auth_request`, `auth_jwt`, `mirror`, `addition`.

use std::fmt;
use std::ops::Range;

use propylon_pattern::Pattern;

use crate::location::{Action, Location};
use crate::location_match::LocationMatch;
use crate::reader::{Context, Scope};
use crate::report::Diagnostic;
use crate::server::Server;
use crate::source::Spanned;

/// A path in this server, and arguments behind a `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerUri {
    /// The path.
    pub path: Box<str>,
    /// The arguments; none: there is no `?`.
    pub args: Option<Box<str>>,
}

impl InnerUri {
    fn new(text: &str) -> Self {
        match text.split_once('?') {
            Some((path, args)) => Self { path: path.into(), args: Some(args.into()) },
            None => Self { path: text.into(), args: None },
        }
    }
}

impl fmt::Display for InnerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.args.as_ref().map_or(Ok(()), |args| write!(f, "?{args}"))
    }
}

/// Reads one.
pub(crate) fn read(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<InnerUri>> {
    let problem = if text.contains('$') {
        Some("the path cannot contain variables")
    } else if text.starts_with('@') {
        Some("a named location can be used only by `error_page` and `try_files`")
    } else if !text.starts_with('/') {
        Some("the path does not begin with `/`")
    } else {
        None
    };
    if let Some(problem) = problem {
        let label = "expected a path in this server such as \"/auth\"";
        cx.push(Diagnostic::at(span, problem).label(label));
        return None;
    }
    Some(Spanned::new(InnerUri::new(text), cx.span(span)))
}

/// Reads one that may be "off".
pub(crate) fn read_unless_off(scope: &mut Scope<'_>, key: &'static str) -> Option<Spanned<InnerUri>> {
    scope.read(key, |cx, value| match value.get_ref().as_str()? {
        "off" => None,
        text => read(cx, text, value.span()),
    })
}

/// Finds URIs that nothing in their server takes.
pub(crate) fn check(cx: &mut Context, server: &Server) {
    let open = server.respond.is_some()
        || !server.rewrite.is_empty()
        || server.try_files.is_some()
        || server.settings.files.root.is_some();
    if open {
        return; // there is an answer to everything, or nobody knows
    }
    let mut told = Vec::new();
    each(&server.locations, &mut |location| {
        // What `return` answers asks for nothing, but is a response all the same.
        if !matches!(location.action, Action::Return(_)) {
            missing(cx, server, location.settings.inner_uris(), &mut told);
        }
        missing(cx, server, location.settings.parts(), &mut told);
    });
}

fn missing<'u>(
    cx: &mut Context,
    server: &Server,
    uris: impl Iterator<Item = (&'u Spanned<InnerUri>, &'static str)>,
    told: &mut Vec<Spanned<InnerUri>>,
) {
    for (uri, what) in uris {
        let path = &*uri.value.path;
        if told.contains(uri) || server.locations.iter().any(|location| takes(&location.matcher.value, path))
        {
            continue;
        }
        told.push(uri.clone());
        let message = format!("no location of this server matches `{path}`");
        let help = format!("add a location with `match = \"= {path}\"` and `internal = true`");
        cx.push(Diagnostic::error(uri.span, message).label(what).help(help));
    }
}

fn each<'l>(locations: &'l [Location], look: &mut impl FnMut(&'l Location)) {
    for location in locations {
        look(location);
        each(&location.locations, look);
    }
}

fn takes(matcher: &LocationMatch, path: &str) -> bool {
    match matcher {
        LocationMatch::Exact(exact) => **exact == *path,
        LocationMatch::Prefix(prefix) | LocationMatch::PrefixFirst(prefix) => path.starts_with(&**prefix),
        LocationMatch::Regex { pattern, caseless } => {
            let compiled = if *caseless { Pattern::caseless(pattern) } else { Pattern::new(pattern) };
            compiled.is_ok_and(|regex| regex.is_match(path.as_bytes()))
        }
        LocationMatch::Named(_) => false,
    }
}
