//! Which `Content-Type` a name has. Pure.

use std::fmt;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use http::HeaderValue;

/// Which `Content-Type` a name has: by what stands behind its last dot, in any case.
///
/// A clone is a refcount bump.
///
/// ```
/// use propylon_files::Types;
///
/// let types = Types::common();
/// assert_eq!(types.of(b"/a/INDEX.HTML").unwrap(), "text/html");
/// assert_eq!(types.of(b"/a.d/README").unwrap(), "text/plain");
/// ```
#[derive(Clone)]
pub struct Types {
    by_extension: Arc<HashMap<Box<[u8]>, HeaderValue>>,
    default: Option<HeaderValue>,
}

impl Types {
    /// No types: every name has the default, which is `text/plain`.
    #[must_use]
    pub fn none() -> Self {
        Self { by_extension: Arc::default(), default: Some(HeaderValue::from_static("text/plain")) }
    }

    /// The types of nginx's `mime.types`.
    #[must_use]
    pub fn common() -> Self {
        let mut by_extension = HashMap::new();
        for (media_type, extensions) in COMMON {
            for extension in extensions.split(' ') {
                by_extension.insert(extension.as_bytes().into(), HeaderValue::from_static(media_type));
            }
        }
        Self { by_extension: Arc::new(by_extension), ..Self::none() }
    }

    /// Names that end in a dot and `extension` have this type.
    #[must_use]
    pub fn with(mut self, extension: &str, media_type: HeaderValue) -> Self {
        let extension = extension.to_ascii_lowercase().into_bytes().into_boxed_slice();
        Arc::make_mut(&mut self.by_extension).insert(extension, media_type);
        self
    }

    /// The type of all other names (nginx: `default_type`); `None`: they have none.
    #[must_use]
    pub fn default_type(mut self, media_type: Option<HeaderValue>) -> Self {
        self.default = media_type;
        self
    }

    /// The type of a path.
    #[must_use]
    pub fn of(&self, path: &[u8]) -> Option<&HeaderValue> {
        let known = extension(path).and_then(|extension| {
            if extension.iter().any(u8::is_ascii_uppercase) {
                self.by_extension.get(&*extension.to_ascii_lowercase())
            } else {
                self.by_extension.get(extension)
            }
        });
        known.or(self.default.as_ref())
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types")
            .field("extensions", &self.by_extension.len())
            .field("default", &self.default)
            .finish()
    }
}

/// What stands behind the last dot of the last segment; a name that begins with its only dot has none.
fn extension(path: &[u8]) -> Option<&[u8]> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0)?;
    name.get(dot + 1..)
}

/// The types of nginx's `mime.types`, each with its extensions.
pub const COMMON: &[(&str, &str)] = &[
    ("text/html", "html htm shtml"),
    ("text/css", "css"),
    ("text/xml", "xml"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpeg jpg"),
    ("application/javascript", "js"),
    ("application/atom+xml", "atom"),
    ("application/rss+xml", "rss"),
    ("text/mathml", "mml"),
    ("text/plain", "txt"),
    ("text/vnd.sun.j2me.app-descriptor", "jad"),
    ("text/vnd.wap.wml", "wml"),
    ("text/x-component", "htc"),
    ("image/avif", "avif"),
    ("image/png", "png"),
    ("image/svg+xml", "svg svgz"),
    ("image/tiff", "tif tiff"),
    ("image/vnd.wap.wbmp", "wbmp"),
    ("image/webp", "webp"),
    ("image/x-icon", "ico"),
    ("image/x-jng", "jng"),
    ("image/x-ms-bmp", "bmp"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("application/java-archive", "jar war ear"),
    ("application/json", "json"),
    ("application/mac-binhex40", "hqx"),
    ("application/msword", "doc"),
    ("application/pdf", "pdf"),
    ("application/postscript", "ps eps ai"),
    ("application/rtf", "rtf"),
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("application/vnd.google-earth.kml+xml", "kml"),
    ("application/vnd.google-earth.kmz", "kmz"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-fontobject", "eot"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.oasis.opendocument.graphics", "odg"),
    ("application/vnd.oasis.opendocument.presentation", "odp"),
    ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
    ("application/vnd.oasis.opendocument.text", "odt"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.wap.wmlc", "wmlc"),
    ("application/wasm", "wasm"),
    ("application/x-7z-compressed", "7z"),
    ("application/x-cocoa", "cco"),
    ("application/x-java-archive-diff", "jardiff"),
    ("application/x-java-jnlp-file", "jnlp"),
    ("application/x-makeself", "run"),
    ("application/x-perl", "pl pm"),
    ("application/x-pilot", "prc pdb"),
    ("application/x-rar-compressed", "rar"),
    ("application/x-redhat-package-manager", "rpm"),
    ("application/x-sea", "sea"),
    ("application/x-shockwave-flash", "swf"),
    ("application/x-stuffit", "sit"),
    ("application/x-tcl", "tcl tk"),
    ("application/x-x509-ca-cert", "der pem crt"),
    ("application/x-xpinstall", "xpi"),
    ("application/xhtml+xml", "xhtml"),
    ("application/xspf+xml", "xspf"),
    ("application/zip", "zip"),
    ("application/octet-stream", "bin exe dll deb dmg iso img msi msp msm"),
    ("audio/midi", "mid midi kar"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("audio/x-m4a", "m4a"),
    ("audio/x-realaudio", "ra"),
    ("video/3gpp", "3gpp 3gp"),
    ("video/mp2t", "ts"),
    ("video/mp4", "mp4"),
    ("video/mpeg", "mpeg mpg"),
    ("video/quicktime", "mov"),
    ("video/webm", "webm"),
    ("video/x-flv", "flv"),
    ("video/x-m4v", "m4v"),
    ("video/x-mng", "mng"),
    ("video/x-ms-asf", "asx asf"),
    ("video/x-ms-wmv", "wmv"),
    ("video/x-msvideo", "avi"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_as_nginx_sees_them() {
        fn check(path: &str, expected: Option<&str>) {
            assert_eq!(extension(path.as_bytes()), expected.map(str::as_bytes), "{path}");
        }
        check("/a.html", Some("html"));
        check("/a.tar.gz", Some("gz"));
        check("/a.d/b", None);
        check("/.html", None);
        check("/a/.htaccess", None);
        check("/a/.x.html", Some("html"));
        check("/a.", Some(""));
        check("/a..b", Some("b"));
        check("/", None);
        check("", None);
    }

    #[test]
    fn types_of_names() {
        fn check(types: &Types, path: &str, expected: Option<&str>) {
            let found = types.of(path.as_bytes()).map(|value| value.to_str().unwrap_or_default());
            assert_eq!(found, expected, "{path}");
        }
        let common = Types::common();
        check(&common, "/a.js", Some("application/javascript"));
        check(&common, "/a.JPG", Some("image/jpeg"));
        check(&common, "/a.midi", Some("audio/midi"));
        check(&common, "/a.unknown", Some("text/plain"));
        let own = Types::none()
            .with("Foo", HeaderValue::from_static("text/x-foo"))
            .default_type(Some(HeaderValue::from_static("application/octet-stream")));
        check(&own, "/a.fOO", Some("text/x-foo"));
        check(&own, "/a.js", Some("application/octet-stream"));
        check(&own.default_type(None), "/a.js", None);
    }

    #[test]
    fn no_extension_has_two_types() {
        let mut seen = std::collections::BTreeSet::new();
        for extension in COMMON.iter().flat_map(|(_, extensions)| extensions.split(' ')) {
            assert!(seen.insert(extension), "{extension}");
        }
    }
}
