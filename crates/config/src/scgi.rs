//! The table `scgi`: what SCGI servers are asked.

use std::sync::Arc;

use crate::cgi::{self, Param, Usual};
use crate::key::Table;
use crate::reader::Scope;

/// What SCGI servers are asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scgi {
    /// The params, the usual ones first. CONTENT_LENGTH and SCGI are not of them: the protocol has those.
    pub params: Arc<[Param]>,
}

/// What `default_params` stands for besides [`cgi::COMMON`] (nginx's file `scgi_params`, and what RFC 3875 has besides).
const OWN: [Usual; 3] = [
    ("SCRIPT_NAME", "", false),
    ("PATH_INFO", "$document_uri", false),
    ("DOCUMENT_URI", "$document_uri", false),
];

pub(crate) const TABLE: Table = Table {
    name: "scgi",
    doc: "What `scgi_pass` sends to SCGI servers. The tables `headers` (`hide`, `pass`, `ignore`), `buffer`, `timeout`, \
          `retry` and `limit` apply as well. Connections are not kept alive. A body of unknown length is read to its end \
          before it is sent, whatever `buffer.request` says.",
    keys: &[
        cgi::params_key("scgi_param"),
        cgi::default_key(
            "include scgi_params",
            "Whether the usual params are sent, those that `params` does not name: REQUEST_METHOD, REQUEST_URI, QUERY_STRING, \
             CONTENT_TYPE, SCRIPT_NAME (empty), PATH_INFO, DOCUMENT_URI, DOCUMENT_ROOT, SERVER_PROTOCOL, REQUEST_SCHEME, HTTPS, \
             REMOTE_ADDR, REMOTE_PORT, REMOTE_USER, SERVER_PORT, SERVER_NAME. CONTENT_LENGTH and SCGI are sent in any case, as the \
             protocol has them.",
        ),
    ],
    unbuilt: &[],
};

impl Scgi {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self { params: cgi::read(scope, TABLE.name, &OWN) }
    }
}
