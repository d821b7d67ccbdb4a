//! How directories are listed: keys of the table `files`.

use crate::reader::Scope;

/// How directories are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Autoindex {
    /// The form of the list.
    pub format: AutoindexFormat,
    /// Whether pages tell sizes to the byte.
    pub exact_size: bool,
    /// Whether pages tell times in the local time zone.
    pub local_time: bool,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoindexFormat {
    /// A page.
    Html,
    /// JSON.
    Json,
    /// JSON as the argument of a function.
    Jsonp,
    /// XML.
    Xml,
}

pub(crate) fn read(scope: &mut Scope<'_>) -> Option<Autoindex> {
    let format = scope.text("autoindex_format");
    let autoindex = Autoindex {
        format: match format.as_deref().map(AsRef::as_ref) {
            Some("json") => AutoindexFormat::Json,
            Some("jsonp") => AutoindexFormat::Jsonp,
            Some("xml") => AutoindexFormat::Xml,
            _ => AutoindexFormat::Html,
        },
        exact_size: scope.bool("autoindex_exact_size"),
        local_time: scope.bool("autoindex_local_time"),
    };
    scope.bool("autoindex").then_some(autoindex)
}
