//! The table `limit`: how much is allowed.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::{shape, units};

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How large a request body may be; `None`: any size.
    pub body_size: Option<u64>,
}

pub(crate) const TABLE: Table = Table {
    name: "limit",
    doc: "How much is allowed.",
    keys: &[Key {
        name: "body_size",
        kind: Kind::Either(&[Kind::Size, Kind::Choice { built: &["unlimited"], unbuilt: &[] }]),
        need: Need::Default("\"1m\""),
        nginx: "client_max_body_size",
        doc: "How large a request body may be; a larger one gets 413. \"unlimited\" or 0: any size.",
    }],
    unbuilt: &["rate", "rate_after", "upstream_rate", "requests", "connections"],
};

impl Limit {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let size = scope.read("body_size", |_, value| match value.get_ref().as_str() {
            Some(text) => units::size(text).ok(),
            None => shape::integer(value.get_ref()),
        });
        Self { body_size: size.filter(|&bytes| bytes > 0) }
    }
}
