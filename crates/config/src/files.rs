//! The table `files`, and the keys beside it: where files are and how they are sent.

use std::ops::Range;

use http::HeaderValue;
use propylon_vars::Template;
use toml::de::DeTable;

use crate::autoindex::{self, Autoindex};
use crate::key::{Key, Kind, Need, Table};
use crate::location_match::LocationMatch;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Where files are and how they are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// Where they are, if anywhere.
    pub root: Option<Root>,
    /// The names of index files, the best first.
    pub index: Vec<Template>,
    /// Their types, each with its extensions; none: those of nginx's `mime.types`.
    pub types: Option<Vec<(HeaderValue, Vec<Box<str>>)>>,
    /// The type of all others.
    pub default_type: Option<HeaderValue>,
    /// Whether they have an entity tag.
    pub etag: bool,
    /// How `If-Modified-Since` is compared.
    pub if_modified_since: IfModifiedSince,
    /// How many ranges a request may ask for; none: any number.
    pub max_ranges: Option<u64>,
    /// The codings that they may be there in beforehand.
    pub precompressed: Vec<Precompressed>,
    /// What symbolic links mean.
    pub symlinks: Symlinks,
    /// From which directory on they are looked at.
    pub symlinks_from: Option<Template>,
    /// How directories without an index file are listed; none: they are not.
    pub autoindex: Option<Autoindex>,
    /// Whether a directory is one of its files.
    pub random_index: bool,
    /// Whether the error log tells of files that are not there.
    pub log_not_found: bool,
}

/// Where files are.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// The directory.
    pub directory: Template,
    /// What of the request's path follows it.
    pub rest: Rest,
}

/// What of the request's path follows the directory in the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// All of it (`root`).
    All,
    /// What is behind so many bytes, which the location that has the `alias` matched.
    Behind(usize),
    /// Nothing: the `alias` of a regular expression is the whole name.
    Nothing,
}

/// How `If-Modified-Since` is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfModifiedSince {
    /// Not at all.
    Off,
    /// Only the very time of the file counts.
    Exact,
    /// So does any time after it.
    Before,
}

/// A coding that a file may be there in beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precompressed {
    /// `.gz`
    Gzip,
    /// `.br`
    Brotli,
    /// `.zst`
    Zstd,
}

/// What symbolic links mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    /// They are followed.
    Follow,
    /// None is followed.
    Refuse,
    /// Only those whose owner owns what they lead to.
    SameOwner,
}

pub(crate) const ROOT: Key = Key {
    name: "root",
    kind: Kind::Template,
    need: Need::Optional,
    nginx: "root",
    doc: "The directory of the files to serve; the whole path of the request is appended. Files are served by locations without an action, \
          and by a server for paths that match no location.",
};
pub(crate) const INDEX: Key = Key {
    name: "index",
    kind: Kind::List(&Kind::Template),
    need: Need::Default("[\"index.html\"]"),
    nginx: "index",
    doc: "The index files of a directory; the first that exists is served. An entry that begins with `/` is a path in the server rather than \
          a file in the directory.",
};
pub(crate) const ALIAS: Key = Key {
    name: "alias",
    kind: Kind::Template,
    need: Need::Optional,
    nginx: "alias",
    doc: "The directory that replaces the location's prefix in the path; in a regex location, the whole path of the file.",
};
pub(crate) const FILES: Key = Key {
    name: "files",
    kind: Kind::Table(&TABLE),
    need: Need::Optional,
    nginx: "",
    doc: "How files are served.",
};

pub(crate) const TABLE: Table = Table {
    name: "files",
    doc: "How files are served.",
    keys: &[
        Key {
            name: "types",
            kind: Kind::Names(&Kind::List(&Kind::Text { hint: "an extension such as \"html\"" })),
            need: Need::Optional,
            nginx: "types",
            doc: "Media types and their file name extensions: `{ \"text/html\" = [\"html\", \"htm\"] }`. Default: those of nginx's \
                  mime.types.",
        },
        Key {
            name: "default_type",
            kind: Kind::Text { hint: "a media type such as \"text/plain\"" },
            need: Need::Default("\"text/plain\""),
            nginx: "default_type",
            doc: "The media type of all other files; \"\": none.",
        },
        Key {
            name: "etag",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "etag",
            doc: "Sends an entity tag (`ETag`) with files.",
        },
        Key {
            name: "if_modified_since",
            kind: Kind::Choice { built: &["off", "exact", "before"], unbuilt: &[] },
            need: Need::Default("\"exact\""),
            nginx: "if_modified_since",
            doc: "How the time in `If-Modified-Since` is compared with the file's. \"off\": not at all; \"exact\": they must be equal; \
                  \"before\": the file's time must be the same or earlier.",
        },
        Key {
            name: "max_ranges",
            kind: Kind::Integer { min: 0, max: u64::MAX },
            need: Need::Optional,
            nginx: "max_ranges",
            doc: "The maximum number of ranges in a request; a request with more gets the whole file. 0: ranges are not supported. Default: \
                  unlimited.",
        },
        Key {
            name: "precompressed",
            kind: Kind::List(&Kind::Choice { built: &["gzip", "br", "zstd"], unbuilt: &[] }),
            need: Need::Default("[]"),
            nginx: "gzip_static",
            doc: "The codings of precompressed files to serve if they exist, as NAME.gz, NAME.br and NAME.zst, in order of preference.",
        },
        Key {
            name: "symlinks",
            kind: Kind::Choice { built: &["follow", "refuse", "same_owner"], unbuilt: &[] },
            need: Need::Default("\"follow\""),
            nginx: "disable_symlinks",
            doc: "Whether symbolic links are followed: always, never, or only if the link and its target have the same owner. Otherwise the \
                  response is 403.",
        },
        Key {
            name: "symlinks_from",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "disable_symlinks from=",
            doc: "The directory whose own path is not checked for symbolic links, such as \"$document_root\".",
        },
        Key {
            name: "random_index",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "random_index",
            doc: "Answers a request for a directory with one of its files, chosen at random for each request, before index files are looked \
                  for. Names that begin with a dot are left out.",
        },
        Key {
            name: "autoindex",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "autoindex",
            doc: "Lists the contents of a directory without an index file; if false, such a request gets 403. Names that begin with a dot \
                  are left out. A directory with more than 100,000 other entries gives 500.",
        },
        Key {
            name: "autoindex_format",
            kind: Kind::Choice { built: &["html", "json", "jsonp", "xml"], unbuilt: &[] },
            need: Need::Default("\"html\""),
            nginx: "autoindex_format",
            doc: "The format of listings. \"jsonp\": JSON as the argument of the function that the query argument `callback` names.",
        },
        Key {
            name: "autoindex_exact_size",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "autoindex_exact_size",
            doc: "Shows exact sizes in HTML listings, rather than in K, M and G.",
        },
        Key {
            name: "autoindex_local_time",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "autoindex_localtime",
            doc: "Shows times in HTML listings in the local time zone, rather than in UTC.",
        },
        Key {
            name: "log_not_found",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "log_not_found",
            doc: "Reports missing files in the error log.",
        },
    ],
    unbuilt: &[],
};

impl Files {
    /// `level` has the keys beside the table.
    pub(crate) fn read(root: Option<Root>, index: Vec<Template>, scope: &mut Scope<'_>) -> Self {
        let types = scope.read("types", types);
        let default_type = scope.read("default_type", |cx, value| {
            media_type(cx, value.get_ref().as_str().filter(|text| !text.is_empty())?, value.span())
        });
        let if_modified_since = scope.text("if_modified_since");
        let symlinks = scope.text("symlinks");
        Self {
            root,
            index,
            types,
            default_type,
            etag: scope.bool("etag"),
            if_modified_since: match if_modified_since.as_deref().map(AsRef::as_ref) {
                Some("off") => IfModifiedSince::Off,
                Some("before") => IfModifiedSince::Before,
                _ => IfModifiedSince::Exact,
            },
            max_ranges: scope.integer("max_ranges"),
            precompressed: scope.list("precompressed", |_, text, _| coding(text)).unwrap_or_default(),
            symlinks: match symlinks.as_deref().map(AsRef::as_ref) {
                Some("refuse") => Symlinks::Refuse,
                Some("same_owner") => Symlinks::SameOwner,
                _ => Symlinks::Follow,
            },
            symlinks_from: scope.template("symlinks_from"),
            autoindex: autoindex::read(scope),
            random_index: scope.bool("random_index"),
            log_not_found: scope.bool("log_not_found"),
        }
    }
}

/// The names of index files.
pub(crate) fn index(scope: &mut Scope<'_>) -> Vec<Template> {
    scope.list("index", |cx, text, span| cx.template(text, &span)).unwrap_or_default()
}

/// `root` of a level; a slash at its end is no part of it.
pub(crate) fn root(scope: &mut Scope<'_>) -> Option<Root> {
    let directory = scope.read("root", |cx, value| {
        let text = value.get_ref().as_str()?;
        directory(cx, text.strip_suffix('/').unwrap_or(text), value)
    })?;
    Some(Root { directory, rest: Rest::All })
}

/// `alias` of a location, which matches this.
pub(crate) fn alias(scope: &mut Scope<'_>, matcher: Option<&LocationMatch>) -> Option<Root> {
    let directory = scope.read("alias", |cx, value| directory(cx, value.get_ref().as_str()?, value))?;
    let prefix = matcher.filter(|matcher| matcher.takes_uri_part()).map(|matcher| matcher.path().len());
    Some(Root { directory, rest: prefix.map_or(Rest::Nothing, Rest::Behind) })
}

fn directory(cx: &mut Context, text: &str, value: &Value<'_>) -> Option<Template> {
    for name in ["document_root", "realpath_root", "request_filename"] {
        if text.contains(&format!("${name}")) || text.contains(&format!("${{{name}}}")) {
            let message = format!("`${name}` cannot be used here: its value depends on this path");
            cx.push(Diagnostic::at(value.span(), message).label("expected a path without this variable"));
            return None;
        }
    }
    cx.template(text, &value.span())
}

fn types(cx: &mut Context, value: &Value<'_>) -> Option<Vec<(HeaderValue, Vec<Box<str>>)>> {
    let table: &DeTable<'_> = value.get_ref().as_table()?;
    let mut types = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (name, extensions) in table {
        let Some(media_type) = media_type(cx, name.get_ref(), name.span()) else { continue };
        let mut known: Vec<Box<str>> = Vec::new();
        for extension in extensions.get_ref().as_array()?.iter() {
            let text = extension.get_ref().as_str()?;
            let text = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
            if !seen.insert(text.clone()) {
                let message = format!("the extension `{text}` has two media types");
                cx.push(Diagnostic::at(extension.span(), message).label("also listed elsewhere in `types`"));
            }
            known.push(text.into());
        }
        types.push((media_type, known));
    }
    Some(types)
}

fn media_type(cx: &mut Context, text: &str, span: Range<usize>) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok().filter(|_| text.contains('/'));
    if value.is_none() {
        let message = format!("invalid media type `{}`", text.escape_debug());
        cx.push(Diagnostic::at(span, message).label("expected a media type such as \"text/html\""));
    }
    value
}

fn coding(text: &str) -> Option<Precompressed> {
    Some(match text {
        "gzip" => Precompressed::Gzip,
        "br" => Precompressed::Brotli,
        "zstd" => Precompressed::Zstd,
        _ => return None,
    })
}
