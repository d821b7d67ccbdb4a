//! The table `dav`: files that clients write.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;
use crate::store;

/// What clients may write, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dav {
    /// The methods, in capitals; none: files are only read.
    pub methods: Vec<&'static str>,
    /// The rights of the files.
    pub access: u32,
    /// Whether PUT makes the directories that are missing.
    pub create_full_put_path: bool,
    /// How many names the path of a DELETE has at least.
    pub min_delete_depth: usize,
}

const METHODS: &[&str] = &["PUT", "DELETE", "MKCOL", "COPY", "MOVE"];

pub(crate) const TABLE: Table = Table {
    name: "dav",
    doc: "WebDAV methods with which clients write files, in locations that serve files from `root` or `alias`, subject to `files.symlinks`. \
          `If-Match` and other preconditions are checked against the existing file; a failed one gives 412. Restrict who may write with \
          `access`, including `access.limit_except`, or another check; `limit.body_size` applies. The `Destination` of COPY and MOVE is a \
          path under the same `root`, whichever location it belongs to; the access rules of that location are not checked.",
    keys: &[
        Key {
            name: "methods",
            kind: Kind::List(&Kind::Choice { built: METHODS, unbuilt: &[] }),
            need: Need::Default("[]"),
            nginx: "dav_methods",
            doc: "The methods that are allowed; others get 405. PUT writes to a temporary file beside the target, which it replaces when the \
                  whole body has arrived.",
        },
        Key {
            name: "access",
            kind: Kind::List(&Kind::Choice { built: store::RIGHTS, unbuilt: &[] }),
            need: Need::Default("[\"user:rw\"]"),
            nginx: "dav_access",
            doc: "Who may read and write created files. Whoever may read may also enter created directories. If no entry names the user, \
                  \"user:rw\" is added.",
        },
        Key {
            name: "create_full_put_path",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "create_full_put_path",
            doc: "Creates missing directories for PUT. If false, a PUT into a missing directory gets 409.",
        },
        Key {
            name: "min_delete_depth",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("0"),
            nginx: "min_delete_depth",
            doc: "The minimum number of path elements in a DELETE; a path with fewer gets 409.",
        },
    ],
    unbuilt: &[],
};

impl Dav {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let methods =
            scope.list("methods", |_, text, _| METHODS.iter().copied().find(|known| *known == text));
        let depth = scope.integer("min_delete_depth").and_then(|depth| usize::try_from(depth).ok());
        Self {
            methods: methods.unwrap_or_default(),
            access: store::access(scope),
            create_full_put_path: scope.bool("create_full_put_path"),
            min_delete_depth: depth.unwrap_or_default(),
        }
    }
}
