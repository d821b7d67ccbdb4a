//! The table `uwsgi`: what uwsgi servers are asked.

use std::sync::Arc;

use crate::cgi::{self, Param, Usual};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;

/// What uwsgi servers are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Uwsgi {
    /// The params, the usual ones first.
    pub params: Arc<[Param]>,
    /// What the params are for: 0 for Python, 5 for Perl.
    pub modifier1: u8,
    /// More of that.
    pub modifier2: u8,
}

/// What `default_params` stands for besides [`cgi::COMMON`] (nginx's file `uwsgi_params`, and who it is).
const OWN: [Usual; 2] = [("CONTENT_LENGTH", "$content_length", false), ("PATH_INFO", "$document_uri", false)];

pub(crate) const TABLE: Table = Table {
    name: "uwsgi",
    doc: "What `uwsgi_pass` sends to uwsgi servers. The tables `headers` (`hide`, `pass`, `ignore`), `buffer`, `timeout`, \
          `retry` and `limit` apply as well. Connections are not kept alive. A body of unknown length is read to its end \
          before it is sent, whatever `buffer.request` says.",
    keys: &[
        cgi::params_key("uwsgi_param"),
        cgi::default_key(
            "include uwsgi_params",
            "Whether the usual params are sent, those that `params` does not name: QUERY_STRING, REQUEST_METHOD, CONTENT_TYPE, \
             CONTENT_LENGTH, REQUEST_URI, PATH_INFO, DOCUMENT_ROOT, SERVER_PROTOCOL, REQUEST_SCHEME, HTTPS, REMOTE_ADDR, \
             REMOTE_PORT, REMOTE_USER, SERVER_PORT, SERVER_NAME. All params together have at most 65,535 bytes: more is 500.",
        ),
        Key {
            name: "modifier1",
            kind: Kind::Integer { min: 0, max: 255 },
            need: Need::Default("0"),
            nginx: "uwsgi_modifier1",
            doc: "The kind of application that the parameters are for: 0 for Python, 5 for Perl, 7 for Ruby.",
        },
        Key {
            name: "modifier2",
            kind: Kind::Integer { min: 0, max: 255 },
            need: Need::Default("0"),
            nginx: "uwsgi_modifier2",
            doc: "The second modifier, which some kinds of application use.",
        },
    ],
    unbuilt: &[],
};

impl Uwsgi {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let mut modifier =
            |name| scope.integer(name).and_then(|value| u8::try_from(value).ok()).unwrap_or_default();
        let (modifier1, modifier2) = (modifier("modifier1"), modifier("modifier2"));
        Self { params: cgi::read(scope, TABLE.name, &OWN), modifier1, modifier2 }
    }
}
