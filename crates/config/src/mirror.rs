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
    doc: "Sends copies of requests, with their method and arguments, to other locations of the server, and discards the \
          responses. Neither the request nor the next one on its connection waits for them, and a client that disconnects \
          does not cancel them. Copies are sent after `access`, `auth_request` and `try_files`, each time a request enters \
          a location, but not if `return` answers. The copies themselves are not subject to `access` and `auth_request`, \
          and are not in the access log unless `log_subrequest` is set.",
    keys: &[
        Key {
            name: "to",
            kind: Kind::List(&Kind::Text { hint: "a path in this server such as \"/mirror\"" }),
            need: Need::Default("[]"),
            nginx: "mirror",
            doc: "The paths in this server to send copies to: [\"/mirror\"]; [] is none. Their locations may be `internal`. \
                  A path with a `?` uses its own arguments instead of the request's.",
        },
        Key {
            name: "body",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "mirror_request_body",
            doc: "Whether copies include the body. The body is then read to its end before the request is forwarded, within \
                  the limits of `buffer` and `limit.body_size`, whatever `buffer.request` says. false: copies have neither \
                  a body nor a length.",
        },
        Key {
            name: "at_once",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1000"),
            nginx: "",
            doc: "The maximum number of copies in flight, per worker and location. Copies beyond it are dropped, counted \
                  and reported in the error log.",
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
