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
    doc: "The methods by which clients write files (WebDAV), where files are what a location has: of `root` or `alias`, under the rules of \
          `files.symlinks`. `If-Match` and its kind are of the file that is there: 412. Who may is for `access` and the like to say, `limit_except` among it; `limit.body_size` holds. The `Destination` of COPY \
          and MOVE is a path of the same `root`, whichever location that is in: its rules are not asked.",
    keys: &[
        Key {
            name: "methods",
            kind: Kind::List(&Kind::Choice { built: METHODS, unbuilt: &[] }),
            need: Need::Default("[]"),
            nginx: "dav_methods",
            doc: "The methods that are allowed; others stay a 405. PUT writes beside the place and puts the file there when all of it has come.",
        },
        Key {
            name: "access",
            kind: Kind::List(&Kind::Choice { built: store::RIGHTS, unbuilt: &[] }),
            need: Need::Default("[\"user:rw\"]"),
            nginx: "dav_access",
            doc: "Who may read and write the files; who may read may enter the directories that are made. Without a word on the user: \
                  \"user:rw\".",
        },
        Key {
            name: "create_full_put_path",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "create_full_put_path",
            doc: "Whether PUT makes the directories that are missing; else it is a 409.",
        },
        Key {
            name: "min_delete_depth",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("0"),
            nginx: "min_delete_depth",
            doc: "How many names the path of a DELETE has at least; with fewer it is a 409.",
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
