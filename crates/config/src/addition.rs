//! The table `addition`: what other locations answer, around the bodies of responses.

use crate::inner_uri::{self, InnerUri};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::source::Spanned;

/// What comes before and behind the bodies of responses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Addition {
    /// The path whose answer comes before them.
    pub before: Option<Spanned<InnerUri>>,
    /// The path whose answer comes behind them.
    pub after: Option<Spanned<InnerUri>>,
    /// The media types; "*": any.
    pub types: Vec<Box<str>>,
}

pub(crate) const TABLE: Table = Table {
    name: "addition",
    doc: "What other locations of the server answer is put before and behind the bodies of responses with status 200. It is asked for with a GET \
          that has the request's fields, without body, conditions, range and `Accept-Encoding`; whatever comes is put in, whatever its status. \
          What is asked is not subject to `access` and `auth_request`, has nothing added itself, and is not in the access log unless \
          `log_subrequest` says so. `Range` is ignored for all that the location answers. Compressed responses are left alone: have the upstream send them as they are \
          (`headers.set.\"Accept-Encoding\" = \"\"`).",
    keys: &[
        Key {
            name: "before",
            kind: Kind::Text { hint: "a path in this server such as \"/banner\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "add_before_body",
            doc: "The path in this server whose answer comes before the body, of a location that may be `internal`; \"off\": nothing does.",
        },
        Key {
            name: "after",
            kind: Kind::Text { hint: "a path in this server such as \"/footer\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "add_after_body",
            doc: "The path in this server whose answer comes behind it.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/plain\", or \"*\"" }),
            need: Need::Default("[\"text/html\"]"),
            nginx: "addition_types",
            doc: "The media types of responses that get something; \"*\": any.",
        },
    ],
    unbuilt: &[],
};

impl Addition {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            before: inner_uri::read_unless_off(scope, "before"),
            after: inner_uri::read_unless_off(scope, "after"),
            types: scope.list("types", |_, text, _| Some(text.into())).unwrap_or_default(),
        }
    }

    /// What is asked for.
    pub fn uris(&self) -> impl Iterator<Item = &Spanned<InnerUri>> {
        self.before.iter().chain(&self.after)
    }
}
