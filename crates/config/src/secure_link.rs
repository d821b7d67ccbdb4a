//! The table `secure_link`: links that only who knows a secret can make.

use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Levels, Scope};
use crate::report::Diagnostic;

/// How `$secure_link` is made.
#[derive(Clone, Debug, PartialEq)]
pub enum SecureLink {
    /// Of a hash, and of the text that it has to be of.
    Hash {
        /// The hash, and its end behind a comma.
        link: Template,
        /// The text.
        md5: Template,
    },
    /// Of the path, which has the hash in it.
    Path {
        /// What is hashed behind the rest of the path.
        secret: Box<str>,
    },
}

pub(crate) const TABLE: Table = Table {
    name: "secure_link",
    doc: "Sets `$secure_link` and `$secure_link_expires`, so that `rewrite` can admit only links signed with a secret. With \
          `link` and `md5`, `$secure_link` is \"1\" for a valid link, \"0\" for an expired one, otherwise empty.",
    keys: &[
        Key {
            name: "link",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "secure_link",
            doc: "The link's hash, an MD5 in base64url, optionally followed by a comma and the Unix time at which the link \
                  expires: \"$arg_md5,$arg_expires\".",
        },
        Key {
            name: "md5",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "secure_link_md5",
            doc: "The text whose MD5 the hash must be: \"$secure_link_expires$uri$remote_addr secret\".",
        },
        Key {
            name: "secret",
            kind: Kind::Text { hint: "a secret" },
            need: Need::Optional,
            nginx: "secure_link_secret",
            doc: "Instead of `link` and `md5`: a secret for paths such as /prefix/hash/link, where the hash is the \
                  hexadecimal MD5 of the link followed by this secret. `$secure_link` is then the link, or empty if the \
                  hash is wrong.",
        },
    ],
    unbuilt: &[],
};

/// Reads the table; none: links are not judged.
pub(crate) fn read(scope: &mut Scope<'_>, levels: &Levels<'_>) -> Option<SecureLink> {
    let (link, md5, secret) = (scope.template("link"), scope.template("md5"), scope.text("secret"));
    let Some(secret) = secret else {
        return Some(SecureLink::Hash { link: link?, md5: md5? });
    };
    if link.is_some() || md5.is_some() {
        let written = levels.iter().rev().find_map(|(_, table)| table.get("secret"));
        let message = "`secret` cannot be used with `link` or `md5`";
        if let Some(value) = written {
            scope.cx.push(
                Diagnostic::at(value.span(), message).label("expected either `secret`, or `link` and `md5`"),
            );
        }
    }
    Some(SecureLink::Path { secret: secret.value })
}
