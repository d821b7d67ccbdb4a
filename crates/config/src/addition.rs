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
    doc: "Inserts responses of other locations of the server before and after the bodies of responses with status 200. Each is requested \
          with a GET that carries the request's header fields except conditional ones, `Range` and `Accept-Encoding`, and no body; the \
          response is inserted whatever its status. These subrequests are not subject to `access` and `auth_request`, get no additions of \
          their own, and appear in the access log only with `log_subrequest`. `Range` is ignored for all responses of the location. \
          Compressed responses are not changed; to get uncompressed ones from the upstream, set `headers.set.\"Accept-Encoding\" = \"\"`.",
    keys: &[
        Key {
            name: "before",
            kind: Kind::Text { hint: "a path in this server such as \"/banner\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "add_before_body",
            doc: "The path in this server whose response is inserted before the body; its location may be `internal`. \"off\": none.",
        },
        Key {
            name: "after",
            kind: Kind::Text { hint: "a path in this server such as \"/footer\", or \"off\"" },
            need: Need::Default("\"off\""),
            nginx: "add_after_body",
            doc: "The path in this server whose response is inserted after the body; its location may be `internal`. \"off\": none.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/plain\", or \"*\"" }),
            need: Need::Default("[\"text/html\"]"),
            nginx: "addition_types",
            doc: "The media types of responses that receive additions; \"*\": all.",
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
