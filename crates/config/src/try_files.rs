//! `try_files`: which file, or else what, answers.

use http::StatusCode;
use propylon_vars::Template;

use crate::key::{Key, Kind, Need};
use crate::reader::{Context, Value};
use crate::report::Diagnostic;

/// Which file, or else what, answers.
#[derive(Clone, Debug, PartialEq)]
pub struct TryFiles {
    /// What is looked for.
    pub files: Vec<TryFile>,
    /// What is done if none of it is there.
    pub last: TryLast,
}

/// A file that is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct TryFile {
    /// Its path in the root.
    pub name: Template,
    /// Whether it is a directory.
    pub directory: bool,
}

/// What is done if no file is there.
#[derive(Clone, Debug, PartialEq)]
pub enum TryLast {
    /// This status; 444 closes the connection.
    Status(StatusCode),
    /// A named location, with its `@`.
    Named(Box<str>),
    /// Another round for this path.
    Path(Template),
}

pub(crate) const KEY: Key = Key {
    name: "try_files",
    kind: Kind::List(&Kind::Template),
    need: Need::Optional,
    nginx: "try_files",
    doc: "The first of these files that exists replaces the request's path; a name that ends in `/` is a directory. The \
          last item says what to do if none exists: \"/path\", \"@name\" or \"=404\". Not inherited.",
};

/// Reads it at one level.
pub(crate) fn read(cx: &mut Context, value: &Value<'_>) -> Option<TryFiles> {
    let items: Vec<&Value<'_>> = value.get_ref().as_array()?.iter().collect();
    let (last, files) = items.split_last()?;
    if files.is_empty() {
        let diagnostic = Diagnostic::at(value.span(), "`try_files` has no files to try");
        cx.push(diagnostic.label("expected at least one file, and what to do if none exists"));
        return None;
    }
    let files = files
        .iter()
        .filter_map(|value| {
            let text = value.get_ref().as_str()?;
            let name = text.strip_suffix('/');
            let template = cx.template(name.unwrap_or(text), &value.span())?;
            Some(TryFile { name: template, directory: name.is_some() })
        })
        .collect();
    Some(TryFiles { files, last: self::last(cx, last)? })
}

fn last(cx: &mut Context, value: &Value<'_>) -> Option<TryLast> {
    let text = value.get_ref().as_str()?;
    if let Some(code) = text.strip_prefix('=') {
        let status = code.parse().ok().filter(|code| matches!(code, 201 | 204 | 300..=599));
        let status = status.and_then(|code| StatusCode::from_u16(code).ok());
        if status.is_none() {
            let message = format!("invalid status `{text}`");
            cx.push(Diagnostic::at(value.span(), message).label("expected \"=\" and 201, 204 or 300 to 599"));
        }
        return status.map(TryLast::Status);
    }
    // Which one may be for variables to say.
    if text.starts_with('@') && !text.contains('$') {
        return Some(TryLast::Named(text.into()));
    }
    if text.is_empty() {
        let message = "the last item of `try_files` is empty";
        cx.push(Diagnostic::at(value.span(), message).label("expected \"/path\", \"@name\" or \"=404\""));
        return None;
    }
    if !text.starts_with(['/', '$', '@']) {
        let path = text.escape_debug();
        let message =
            format!("the last item of `try_files` is not tested as a file, and `{path}` is not a path");
        let label = format!(
            "only a location with a regular expression can match this; expected \"/{path}\", or \"=404\" after it"
        );
        cx.push(Diagnostic::at(value.span(), message).label(label).softened());
    }
    cx.template(text, &value.span()).map(TryLast::Path)
}
