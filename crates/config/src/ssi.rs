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
    doc: "Server Side Includes: processes commands in the comments of pages, `<!--# include virtual=\"/footer\" -->`, \
          `echo`, `set`, `if`, `elif`, `else`, `endif`, `block`, `endblock` and `config`, as nginx does. Included pages are \
          fetched, up to sixteen at once, by GET subrequests with the request's fields but without body, conditions, range \
          and `Accept-Encoding`. Their locations may be `internal`. The subrequests are not subject to `access` and \
          `auth_request`, and are not in the access log unless `log_subrequest` is set. While `on` is set, `Range` is \
          ignored for everything that the location answers, so set it only where there are pages. Compressed responses are \
          not processed: have the upstream send them uncompressed (`headers.set.\"Accept-Encoding\" = \"\"`).",
    keys: &[
        Key {
            name: "on",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssi",
            doc: "Whether to process SSI commands.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/plain\", or \"*\"" }),
            need: Need::Default("[\"text/html\"]"),
            nginx: "ssi_types",
            doc: "The media types to process; \"*\": any.",
        },
        Key {
            name: "last_modified",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssi_last_modified",
            doc: "Whether to keep Last-Modified, and the ETag as a weak one.",
        },
        Key {
            name: "silent_errors",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssi_silent_errors",
            doc: "Whether to output nothing in the place of a failed command, instead of \"[an error occurred while \
                  processing the directive]\". The error is logged in both cases.",
        },
        Key {
            name: "value_length",
            kind: Kind::Integer { min: 1, max: 65_536 },
            need: Need::Default("256"),
            nginx: "ssi_value_length",
            doc: "The maximum length of a parameter's value, in bytes.",
        },
        Key {
            name: "output_size",
            kind: Kind::Size,
            need: Need::Default("\"8k\""),
            nginx: "subrequest_output_buffer_size",
            doc: "The maximum size of an included response stored in a variable (`include` with `set`); at most 1 MiB.",
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
