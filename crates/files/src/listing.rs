//! What a list of a directory looks like: no I/O.

use std::io::Write;

use http::HeaderValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How a directory is listed (nginx: `autoindex`): directories first, then by name; names that begin with a dot are left out.
///
/// ```
/// use propylon_files::{ListFormat, Listing};
///
/// let listing = Listing::new(ListFormat::Html).exact_size(false).local_time(true);
/// # let _ = listing;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    format: ListFormat,
    exact_size: bool,
    local_time: bool,
    most: usize,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// A page for people.
    Html,
    /// A list of objects: `name`, `type`, `mtime`, `size`.
    Json,
    /// The same as the argument of the function that the request's argument `callback` names; without one, JSON.
    Jsonp,
    /// `<list>` of `<directory>`, `<file>` and `<other>`.
    Xml,
}

/// What is in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    pub(crate) name: Vec<u8>,
    /// Seconds since the epoch.
    pub(crate) modified: u64,
    pub(crate) size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EntryKind {
    Directory,
    File,
    Other,
}

/// The callback that a client asks for is no name of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadCallback;

/// Names of this many characters have their dates beneath each other.
const WIDTH: usize = 50;

/// The longest name of a callback.
const CALLBACK: usize = 128;

impl Listing {
    /// In this form, with exact sizes and times of UTC.
    #[must_use]
    pub const fn new(format: ListFormat) -> Self {
        Self { format, exact_size: true, local_time: false, most: 100_000 }
    }

    /// Whether pages tell sizes to the byte, rather than in K, M and G (nginx: `autoindex_exact_size`). Default: they do.
    #[must_use]
    pub const fn exact_size(mut self, exact: bool) -> Self {
        self.exact_size = exact;
        self
    }

    /// Whether pages tell times in the local time zone, rather than UTC (nginx: `autoindex_localtime`). Default: UTC.
    #[must_use]
    pub const fn local_time(mut self, local: bool) -> Self {
        self.local_time = local;
        self
    }

    /// How many names a list may have; a directory with more is an error. Default: 100 000.
    #[must_use]
    pub const fn max_entries(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// The list for a request of the (decoded) path `uri` with these arguments, and its type.
    pub(crate) fn write(
        &self,
        uri: &[u8],
        args: Option<&[u8]>,
        mut entries: Vec<Entry>,
    ) -> Result<(HeaderValue, Vec<u8>), BadCallback> {
        let rank = |entry: &Entry| entry.kind != EntryKind::Directory;
        entries.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        let callback =
            if self.format == ListFormat::Jsonp { callback(args.unwrap_or_default())? } else { None };
        let (media_type, text) = match (self.format, callback) {
            (ListFormat::Html, _) => ("text/html", self.html(uri, &entries)),
            (ListFormat::Xml, _) => ("text/xml; charset=utf-8", xml(&entries)),
            (_, None) => ("application/json", json(&entries)),
            (_, Some(callback)) => {
                let call = [b"/* callback */\r\n", callback, b"(", &json(&entries), b");"].concat();
                ("application/javascript", call)
            }
        };
        Ok((HeaderValue::from_static(media_type), text))
    }

    fn html(&self, uri: &[u8], entries: &[Entry]) -> Vec<u8> {
        let zone = if self.local_time { TimeZone::system() } else { TimeZone::UTC };
        let mut title = Vec::with_capacity(uri.len());
        escape_html(uri, &mut title);
        let mut page = Vec::with_capacity(256 + entries.len() * 160);
        for part in [
            &b"<html>\r\n<head><title>Index of "[..],
            &title,
            b"</title></head>\r\n<body>\r\n<h1>Index of ",
            &title,
        ] {
            page.extend_from_slice(part);
        }
        page.extend_from_slice(b"</h1><hr><pre><a href=\"../\">../</a>\r\n");
        for entry in entries {
            self.row(entry, &zone, &mut page);
        }
        page.extend_from_slice(b"</pre><hr></body>\r\n</html>\r\n");
        page
    }

    fn row(&self, entry: &Entry, zone: &TimeZone, page: &mut Vec<u8>) {
        let directory = entry.kind == EntryKind::Directory;
        page.extend_from_slice(b"<a href=\"");
        escape_component(&entry.name, page);
        page.extend_from_slice(if directory { b"/\">" } else { b"\">" });
        let length = length(&entry.name);
        if length > WIDTH {
            escape_html(beginning(&entry.name, WIDTH - 3), page);
            page.extend_from_slice(b"..&gt;</a>");
        } else {
            escape_html(&entry.name, page);
            let slash = usize::from(directory && length < WIDTH);
            page.extend_from_slice(if slash == 1 { b"/</a>" } else { b"</a>" });
            page.resize(page.len() + WIDTH - length - slash, b' ');
        }
        let date = date(entry.modified, zone, "%d-%b-%Y %H:%M");
        // Writing to memory cannot fail.
        let _ = match (directory, self.exact_size) {
            (true, true) => write!(page, " {date} {:>19}\r\n", "-"),
            (true, false) => write!(page, " {date} {:>7}\r\n", "-"),
            (false, true) => write!(page, " {date} {:>19}\r\n", entry.size),
            (false, false) => write!(page, " {date} {:>7}\r\n", rounded(entry.size)),
        };
    }
}

/// A size in a few digits.
fn rounded(size: u64) -> String {
    let unit = match size {
        0..=9999 => return size.to_string(),
        10_000..0x10_0000 => (1 << 10, 'K'),
        0x10_0000..0x4000_0000 => (1 << 20, 'M'),
        _ => (1 << 30, 'G'),
    };
    let (bytes, letter): (u64, char) = unit;
    let up = u64::from(size % bytes >= bytes / 2);
    format!("{}{letter}", size / bytes + up)
}

/// How many characters a name has; one that is no UTF-8 has bytes.
fn length(name: &[u8]) -> usize {
    std::str::from_utf8(name).map_or(name.len(), |name| name.chars().count())
}

/// The first characters of a name that has more.
fn beginning(name: &[u8], characters: usize) -> &[u8] {
    let end = match std::str::from_utf8(name) {
        Ok(name) => name.char_indices().nth(characters).map_or(name.len(), |(at, _)| at),
        Err(_) => characters,
    };
    name.get(..end).unwrap_or(name)
}

fn date(seconds: u64, zone: &TimeZone, form: &str) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.unwrap_or(Timestamp::MAX).to_zoned(zone.clone()).strftime(form).to_string()
}

fn json(entries: &[Entry]) -> Vec<u8> {
    let mut text = Vec::with_capacity(64 + entries.len() * 128);
    text.push(b'[');
    for (at, entry) in entries.iter().enumerate() {
        text.extend_from_slice(if at == 0 { b"\r\n{ \"name\":\"" } else { b",\r\n{ \"name\":\"" });
        escape_json(&entry.name, &mut text);
        let date = date(entry.modified, &TimeZone::UTC, "%a, %d %b %Y %H:%M:%S GMT");
        let kind = entry.kind.name();
        let _ = match entry.kind {
            EntryKind::File => {
                write!(text, "\", \"type\":\"{kind}\", \"mtime\":\"{date}\", \"size\":{} }}", entry.size)
            }
            _ => write!(text, "\", \"type\":\"{kind}\", \"mtime\":\"{date}\" }}"),
        };
    }
    text.extend_from_slice(b"\r\n]");
    text
}

fn xml(entries: &[Entry]) -> Vec<u8> {
    let mut text = b"<?xml version=\"1.0\"?>\r\n<list>\r\n".to_vec();
    for entry in entries {
        let date = date(entry.modified, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ");
        let kind = entry.kind.name();
        let _ = write!(text, "<{kind} mtime=\"{date}\"");
        if entry.kind == EntryKind::File {
            let _ = write!(text, " size=\"{}\"", entry.size);
        }
        text.push(b'>');
        escape_html(&entry.name, &mut text);
        let _ = write!(text, "</{kind}>\r\n");
    }
    text.extend_from_slice(b"</list>\r\n");
    text
}

impl EntryKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Other => "other",
        }
    }
}

/// The function to call, if the client names one.
fn callback(args: &[u8]) -> Result<Option<&[u8]>, BadCallback> {
    let value = |arg: &'_ [u8]| -> Option<usize> {
        let at = arg.iter().position(|&byte| byte == b'=')?;
        arg.get(..at)?.eq_ignore_ascii_case(b"callback").then_some(at + 1)
    };
    let mut found = args.split(|&byte| byte == b'&').filter_map(|arg| arg.get(value(arg)?..));
    let Some(name) = found.next().filter(|name| !name.is_empty()) else { return Ok(None) };
    let fits = name.len() <= CALLBACK
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    if fits { Ok(Some(name)) } else { Err(BadCallback) }
}

fn escape_html(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            _ => out.push(byte),
        }
    }
}

/// RFC 3986: a segment of a path; a colon would make it a scheme.
fn escape_component(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn escape_json(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        let short = match byte {
            b'\\' | b'"' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..0x20 => {
                let _ = write!(out, "\\u{byte:04X}");
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind, name: impl AsRef<[u8]>, size: u64) -> Entry {
        Entry { kind, name: name.as_ref().to_vec(), modified: 86_400 * 270 + 12 * 3600, size }
    }

    #[track_caller]
    fn check(listing: Listing, args: &str, entries: &[Entry], media_type: &str, expected: &str) {
        let (kind, text) = listing.write(b"/<a>/", Some(args.as_bytes()), entries.to_vec()).unwrap();
        assert_eq!(
            (kind.to_str().unwrap(), String::from_utf8(text).unwrap().as_str()),
            (media_type, expected)
        );
    }

    #[test]
    fn pages() {
        let html = Listing::new(ListFormat::Html);
        let page = |rows: &str| {
            format!(
                "<html>\r\n<head><title>Index of /&lt;a&gt;/</title></head>\r\n<body>\r\n<h1>Index of /&lt;a&gt;/</h1><hr><pre>\
                 <a href=\"../\">../</a>\r\n{rows}</pre><hr></body>\r\n</html>\r\n"
            )
        };
        check(html, "", &[], "text/html", &page(""));
        let (long, exact) = ("x".repeat(51), "y".repeat(50));
        let entries = [
            entry(EntryKind::Other, "z", 0),
            entry(EntryKind::File, "a&b:c", 10_240),
            entry(EntryKind::File, &long, 9_999),
            entry(EntryKind::Directory, &exact, 4096),
            entry(EntryKind::Directory, "é", 4096),
        ];
        let date = "28-Sep-1970 12:00";
        let rows = |sizes: [&str; 5]| {
            let [exact_size, accent, ab, long_size, z] = sizes;
            page(&format!(
                "<a href=\"{exact}/\">{exact}</a> {date} {exact_size}\r\n\
                 <a href=\"%C3%A9/\">é/</a>{:48} {date} {accent}\r\n\
                 <a href=\"a%26b%3Ac\">a&amp;b:c</a>{:45} {date} {ab}\r\n\
                 <a href=\"{long}\">{}..&gt;</a> {date} {long_size}\r\n\
                 <a href=\"z\">z</a>{:49} {date} {z}\r\n",
                "",
                "",
                "x".repeat(47),
                ""
            ))
        };
        let blank = |text: &str| format!("{text:>19}");
        let sizes = ["-", "-", "10240", "9999", "0"].map(blank);
        check(html, "", &entries, "text/html", &rows(sizes.each_ref().map(String::as_str)));
        let sizes = ["      -", "      -", "    10K", "   9999", "      0"];
        check(html.exact_size(false), "", &entries, "text/html", &rows(sizes));
    }

    #[test]
    fn sizes_are_rounded_as_nginx_does() {
        for (size, text) in [
            (9_999, "9999"),
            (10_000, "10K"),
            (10_751, "10K"),
            (10_752, "11K"),
            ((1 << 20) - 1, "1024K"),
            (1 << 20, "1M"),
            ((1 << 20) * 3 / 2, "2M"),
            ((1 << 30) - 1, "1024M"),
            (5 << 30, "5G"),
        ] {
            assert_eq!(rounded(size), text, "{size}");
        }
    }

    #[test]
    fn data() {
        let entries = [entry(EntryKind::File, "a\"\\\n\u{1}<é", 7), entry(EntryKind::Directory, "d", 4096)];
        let json = "[\r\n{ \"name\":\"d\", \"type\":\"directory\", \"mtime\":\"Mon, 28 Sep 1970 12:00:00 GMT\" },\r\n\
                    { \"name\":\"a\\\"\\\\\\n\\u0001<é\", \"type\":\"file\", \"mtime\":\"Mon, 28 Sep 1970 12:00:00 GMT\", \"size\":7 }\r\n]";
        let called = format!("/* callback */\r\na.b_1({json});");
        check(Listing::new(ListFormat::Json), "callback=a", &entries, "application/json", json);
        let jsonp = Listing::new(ListFormat::Jsonp);
        check(jsonp, "x=y", &entries, "application/json", json);
        check(jsonp, "callback=", &entries, "application/json", json);
        check(jsonp, "x=y&Callback=a.b_1&z", &entries, "application/javascript", &called);
        for bad in ["callback=a(b)", "callback=%41", &format!("callback={}", "a".repeat(129))] {
            assert_eq!(jsonp.write(b"/", Some(bad.as_bytes()), Vec::new()), Err(BadCallback), "{bad}");
        }
        check(
            Listing::new(ListFormat::Xml),
            "",
            &entries,
            "text/xml; charset=utf-8",
            "<?xml version=\"1.0\"?>\r\n<list>\r\n<directory mtime=\"1970-09-28T12:00:00Z\">d</directory>\r\n\
             <file mtime=\"1970-09-28T12:00:00Z\" size=\"7\">a&quot;\\\n\u{1}&lt;é</file>\r\n</list>\r\n",
        );
        check(Listing::new(ListFormat::Json), "", &[], "application/json", "[\r\n]");
    }
}
