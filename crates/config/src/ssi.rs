//! The table `ssi`: pages with commands in them.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;

/// Server side includes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssi {
    /// Whether commands are obeyed.
    pub on: bool,
    /// The media types of pages; "*": any.
    pub types: Vec<Box<str>>,
    /// Whether `Last-Modified` stays.
    pub last_modified: bool,
    /// Whether nothing stands in the place of what is wrong.
    pub silent_errors: bool,
    /// How long the value of a parameter may be.
    pub value_length: usize,
    /// How much of what is included a variable can keep.
    pub output_size: usize,
}

pub(crate) const TABLE: Table = Table {
    name: "ssi",
    doc: "Server side includes: commands in the comments of pages, `<!--# include virtual=\"/footer\" -->`, `echo`, `set`, `if`, `elif`, `else`, `endif`, \
          `block`, `endblock` and `config`, as nginx has them. What is included is asked for with a GET that has the request's fields, without body, conditions, \
          range and `Accept-Encoding`, up to sixteen at once, from locations that may be `internal`; it is not subject to `access` and \
          `auth_request`, and is not in the access log unless `log_subrequest` says so. `Range` is ignored for all that the location answers: set `on` where pages are. Compressed responses are left alone: have the upstream \
          send them as they are (`headers.set.\"Accept-Encoding\" = \"\"`).",
    keys: &[
        Key {
            name: "on",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssi",
            doc: "Whether commands are obeyed.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/plain\", or \"*\"" }),
            need: Need::Default("[\"text/html\"]"),
            nginx: "ssi_types",
            doc: "The media types of pages; \"*\": any.",
        },
        Key {
            name: "last_modified",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssi_last_modified",
            doc: "Whether Last-Modified stays, and the ETag as a weak one.",
        },
        Key {
            name: "silent_errors",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssi_silent_errors",
            doc: "Whether nothing stands in the place of what is wrong, rather than \"[an error occurred while processing the directive]\"; it is in the error log.",
        },
        Key {
            name: "value_length",
            kind: Kind::Integer { min: 1, max: 65_536 },
            need: Need::Default("256"),
            nginx: "ssi_value_length",
            doc: "How long the value of a parameter may be, in bytes.",
        },
        Key {
            name: "output_size",
            kind: Kind::Size,
            need: Need::Default("\"8k\""),
            nginx: "subrequest_output_buffer_size",
            doc: "How much of what is included a variable can keep (`include` with `set`), a megabyte at most.",
        },
    ],
    unbuilt: &[],
};

impl Ssi {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let most = |size: u64| usize::try_from(size.min(1 << 20)).ok();
        Self {
            on: scope.bool("on"),
            types: scope.list("types", |_, text, _| Some(text.into())).unwrap_or_default(),
            last_modified: scope.bool("last_modified"),
            silent_errors: scope.bool("silent_errors"),
            value_length: scope
                .integer("value_length")
                .and_then(|most| usize::try_from(most).ok())
                .unwrap_or_default(),
            output_size: scope.size_if_set("output_size").and_then(most).unwrap_or_default(),
        }
    }
}
