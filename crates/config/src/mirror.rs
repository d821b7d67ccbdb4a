//! The table `mirror`: copies of requests, whose answers nobody waits for.

use crate::inner_uri::{self, InnerUri};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::source::Spanned;

/// Where copies of requests go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mirror {
    /// The paths; none: there are no copies.
    pub to: Vec<Spanned<InnerUri>>,
    /// Whether copies have the body, which then is read to its end before anything else is done.
    pub body: bool,
    /// How many copies of a location's requests may be under way in each worker.
    pub at_once: usize,
}

pub(crate) const TABLE: Table = Table {
    name: "mirror",
    doc: "Copies of requests go to other locations of the server as well, with the request's method and arguments, and what these answer is \
          thrown away. Neither the request nor the next one on its connection waits for them, and a client that leaves does not cancel them. \
          They are sent after `access`, `auth_request` and `try_files`, each time that a request comes to a location, and not for \
          what `return` answers. They are not subject to `access` and `auth_request`, nor are they in the access log unless `log_subrequest` says \
          so.",
    keys: &[
        Key {
            name: "to",
            kind: Kind::List(&Kind::Text { hint: "a path in this server such as \"/mirror\"" }),
            need: Need::Default("[]"),
            nginx: "mirror",
            doc: "The paths in this server that copies go to, of locations that may be `internal`: [\"/mirror\"]; [] is none. A path with a `?` \
                  has arguments of its own.",
        },
        Key {
            name: "body",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "mirror_request_body",
            doc: "Whether copies have the body: it is read to its end, as `buffer` and `limit.body_size` say, before the request goes on, whatever \
                  `buffer.request` says. false: copies have neither a body nor a length.",
        },
        Key {
            name: "at_once",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1000"),
            nginx: "",
            doc: "How many copies may be under way in each worker, for each location; what is more is dropped, counted and told in the error log.",
        },
    ],
    unbuilt: &[],
};

impl Mirror {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            to: scope.list("to", inner_uri::read).unwrap_or_default(),
            body: scope.bool("body"),
            at_once: scope.integer("at_once").and_then(|most| usize::try_from(most).ok()).unwrap_or_default(),
        }
    }
}
