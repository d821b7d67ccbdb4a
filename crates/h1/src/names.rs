//! Names that are met in nearly every head, found without hashing letter by letter.

use http::HeaderName;

use crate::Marks;

/// A name with what is known of it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: HeaderName,
    /// As its RFC spells it.
    title: &'static str,
    /// As it begins a line: the end of the one before, the same, the colon and a blank.
    pub(crate) line: &'static str,
    pub(crate) mark: Marks,
}

/// What is known of a name.
#[inline]
pub(crate) fn find(name: &HeaderName) -> Option<&'static Known> {
    // Most are compared by their number.
    in_its_place(name.as_str().as_bytes()).filter(|known| known.name == *name)
}

/// What is known of a name, in whatever case it is spelled; and whether it is spelled as it is [written](Known::line).
#[inline]
pub(crate) fn find_spelled(name: &[u8]) -> Option<(&'static Known, bool)> {
    let known = in_its_place(name)?;
    let difference = compare(name, known.title.as_bytes())?;
    (difference.others == 0).then_some((known, difference.all == 0))
}

/// Whether two names are the same, of which the second has letters, digits and `-` alone, and two of them at least.
pub(crate) fn is_same(name: &[u8], plain: &[u8]) -> bool {
    compare(name, plain).is_some_and(|difference| difference.others == 0)
}

/// Whether a name is written like this by who is told nothing else.
pub(crate) fn is_usual(name: &[u8]) -> bool {
    find_spelled(name).map_or_else(|| is_title(name), |(_, usual)| usual)
}

/// Whether the letters that begin a word are large ones, and no others.
pub(crate) fn is_title(name: &[u8]) -> bool {
    let mut before = b'-';
    name.iter().all(|letter| is_title_letter(std::mem::replace(&mut before, *letter), *letter))
}

/// Whether a letter is large if one that begins a word, which is behind a `-`, and small if not.
#[inline]
pub(crate) fn is_title_letter(before: u8, letter: u8) -> bool {
    if before == b'-' { !letter.is_ascii_lowercase() } else { !letter.is_ascii_uppercase() }
}

/// The mark of a field's name, [`Marks::NONE`] for most.
#[inline]
pub(crate) fn classify(name: &HeaderName) -> Marks {
    find(name).map_or(Marks::NONE, |known| known.mark)
}

/// The only one that it can be.
#[inline]
fn in_its_place(name: &[u8]) -> Option<&'static Known> {
    KNOWN.get(usize::from(*SLOTS.get(slot(name)?)?))
}

const BITS: u32 = 9;

/// Where a name is, if it is known: by its length and three of its letters. The multiplier is one that gives each known name a
/// place of its own, which the compiler proves (see [`SLOTS`]).
const fn slot(name: &[u8]) -> Option<usize> {
    const SPREAD: u32 = 0xa593_8e65;
    const CASE: u8 = 0x20;
    let [first, .., last] = name else { return None };
    let [length, ..] = name.len().to_le_bytes();
    let third = match name.split_at_checked(name.len() * 3 / 4) {
        Some((_, [third, ..])) => *third,
        _ => 0,
    };
    let key = u32::from_le_bytes([length, *first | CASE, *last | CASE, third | CASE]);
    Some((key.wrapping_mul(SPREAD) >> (u32::BITS - BITS)) as usize)
}

/// The bits in which two names of the same length differ.
#[derive(Clone, Copy, Default)]
struct Difference {
    all: u64,
    /// Without the case of letters.
    others: u64,
}

impl Difference {
    /// Known names have letters, digits and `-`: only letters have the bit 0x40.
    #[inline]
    fn and(self, name: [u8; 8], title: [u8; 8]) -> Self {
        const LETTER: u64 = 0x4040_4040_4040_4040;
        let title = u64::from_le_bytes(title);
        let all = u64::from_le_bytes(name) ^ title;
        Self { all: self.all | all, others: self.others | (all & !((title & LETTER) >> 1)) }
    }
}

/// How `name` differs from a known one, eight letters at a time; `None`: in its length.
#[inline]
fn compare(name: &[u8], title: &[u8]) -> Option<Difference> {
    if name.len() != title.len() {
        return None;
    }
    let none = Difference::default();
    if let (Some(first), Some(title_first), Some(last), Some(title_last)) =
        (name.first_chunk::<8>(), title.first_chunk::<8>(), name.last_chunk::<8>(), title.last_chunk::<8>())
    {
        let ends = none.and(*first, *title_first).and(*last, *title_last);
        return Some(if name.len() <= 16 { ends } else { inside(ends, name, title) });
    }
    let widened = |text: &[u8]| match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => [*a, *b, *c, *d, *e, *f, *g, *h],
        _ => match text {
            [a, b, c] => [*a, *b, *c, 0, 0, 0, 0, 0],
            [a, b] => [*a, *b, 0, 0, 0, 0, 0, 0],
            _ => [0; 8],
        },
    };
    Some(none.and(widened(name), widened(title)))
}

/// The same of what is between the first and the last eight letters, and more.
fn inside(ends: Difference, name: &[u8], title: &[u8]) -> Difference {
    let (name, _) = name.as_chunks::<8>();
    let (title, _) = title.as_chunks::<8>();
    name.iter().zip(title).fold(ends, |difference, (name, title)| difference.and(*name, *title))
}

/// No name.
const NONE: u8 = u8::MAX;

/// The place of each known name in [`KNOWN`].
static SLOTS: [u8; 1 << BITS] = {
    let mut slots = [NONE; 1 << BITS];
    let mut at = 0;
    while at < LOWER.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        let name = LOWER[at].as_bytes();
        if let Some(slot) = slot(name) {
            #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
            let place = &mut slots[slot];
            assert!(*place == NONE, "two names in one place");
            let [low, ..] = at.to_le_bytes();
            *place = low;
        }
        at += 1;
    }
    slots
};

macro_rules! known {
    ($($lower:literal $title:literal $mark:ident;)*) => {
        const LOWER: &[&str] = &[$($lower,)*];
        static KNOWN: [Known; LOWER.len()] = [$(Known {
            name: HeaderName::from_static($lower),
            title: $title,
            line: concat!("\r\n", $title, ": "),
            mark: Marks::$mark,
        },)*];
    };
}

#[rustfmt::skip]
known! {
    "accept" "Accept" NONE;
    "accept-charset" "Accept-Charset" NONE;
    "accept-encoding" "Accept-Encoding" NONE;
    "accept-language" "Accept-Language" NONE;
    "accept-ranges" "Accept-Ranges" NONE;
    "access-control-allow-credentials" "Access-Control-Allow-Credentials" NONE;
    "access-control-allow-headers" "Access-Control-Allow-Headers" NONE;
    "access-control-allow-methods" "Access-Control-Allow-Methods" NONE;
    "access-control-allow-origin" "Access-Control-Allow-Origin" NONE;
    "access-control-expose-headers" "Access-Control-Expose-Headers" NONE;
    "access-control-max-age" "Access-Control-Max-Age" NONE;
    "access-control-request-headers" "Access-Control-Request-Headers" NONE;
    "access-control-request-method" "Access-Control-Request-Method" NONE;
    "age" "Age" NONE;
    "allow" "Allow" NONE;
    "alt-svc" "Alt-Svc" NONE;
    "authorization" "Authorization" NONE;
    "cache-control" "Cache-Control" NONE;
    "connection" "Connection" CONNECTION;
    "content-disposition" "Content-Disposition" NONE;
    "content-encoding" "Content-Encoding" NONE;
    "content-language" "Content-Language" NONE;
    "content-length" "Content-Length" CONTENT_LENGTH;
    "content-location" "Content-Location" NONE;
    "content-range" "Content-Range" NONE;
    "content-security-policy" "Content-Security-Policy" NONE;
    "content-type" "Content-Type" NONE;
    "cookie" "Cookie" NONE;
    "date" "Date" DATE;
    "dnt" "DNT" NONE;
    "etag" "ETag" NONE;
    "expect" "Expect" EXPECT;
    "expires" "Expires" NONE;
    "forwarded" "Forwarded" NONE;
    "from" "From" NONE;
    "host" "Host" HOST;
    "http2-settings" "HTTP2-Settings" HTTP2_SETTINGS;
    "if-match" "If-Match" NONE;
    "if-modified-since" "If-Modified-Since" NONE;
    "if-none-match" "If-None-Match" NONE;
    "if-range" "If-Range" NONE;
    "if-unmodified-since" "If-Unmodified-Since" NONE;
    "keep-alive" "Keep-Alive" KEEP_ALIVE;
    "last-modified" "Last-Modified" NONE;
    "link" "Link" NONE;
    "location" "Location" NONE;
    "origin" "Origin" NONE;
    "pragma" "Pragma" NONE;
    "priority" "Priority" NONE;
    "proxy-authenticate" "Proxy-Authenticate" PROXY_AUTH;
    "proxy-authorization" "Proxy-Authorization" PROXY_AUTH;
    "proxy-connection" "Proxy-Connection" PROXY_CONNECTION;
    "range" "Range" NONE;
    "referer" "Referer" NONE;
    "referrer-policy" "Referrer-Policy" NONE;
    "refresh" "Refresh" NONE;
    "retry-after" "Retry-After" NONE;
    "sec-ch-ua" "Sec-CH-UA" NONE;
    "sec-ch-ua-mobile" "Sec-CH-UA-Mobile" NONE;
    "sec-ch-ua-platform" "Sec-CH-UA-Platform" NONE;
    "sec-fetch-dest" "Sec-Fetch-Dest" NONE;
    "sec-fetch-mode" "Sec-Fetch-Mode" NONE;
    "sec-fetch-site" "Sec-Fetch-Site" NONE;
    "sec-fetch-user" "Sec-Fetch-User" NONE;
    "sec-websocket-accept" "Sec-WebSocket-Accept" NONE;
    "sec-websocket-extensions" "Sec-WebSocket-Extensions" NONE;
    "sec-websocket-key" "Sec-WebSocket-Key" NONE;
    "sec-websocket-protocol" "Sec-WebSocket-Protocol" NONE;
    "sec-websocket-version" "Sec-WebSocket-Version" NONE;
    "server" "Server" SERVER;
    "set-cookie" "Set-Cookie" NONE;
    "strict-transport-security" "Strict-Transport-Security" NONE;
    "te" "TE" TE;
    "traceparent" "Traceparent" NONE;
    "trailer" "Trailer" TRAILER;
    "transfer-encoding" "Transfer-Encoding" TRANSFER_ENCODING;
    "upgrade" "Upgrade" UPGRADE;
    "upgrade-insecure-requests" "Upgrade-Insecure-Requests" NONE;
    "user-agent" "User-Agent" NONE;
    "vary" "Vary" NONE;
    "via" "Via" NONE;
    "warning" "Warning" NONE;
    "www-authenticate" "WWW-Authenticate" NONE;
    "x-content-type-options" "X-Content-Type-Options" NONE;
    "x-forwarded-for" "X-Forwarded-For" NONE;
    "x-forwarded-host" "X-Forwarded-Host" NONE;
    "x-forwarded-port" "X-Forwarded-Port" NONE;
    "x-forwarded-proto" "X-Forwarded-Proto" NONE;
    "x-frame-options" "X-Frame-Options" NONE;
    "x-powered-by" "X-Powered-By" NONE;
    "x-real-ip" "X-Real-IP" NONE;
    "x-request-id" "X-Request-ID" NONE;
    "x-requested-with" "X-Requested-With" NONE;
    "x-xss-protection" "X-XSS-Protection" NONE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case_and_no_other() {
        for known in &KNOWN {
            let lower = known.name.as_str();
            let upper = lower.to_ascii_uppercase();
            for spelled in [lower, &upper, known.title] {
                let found =
                    find_spelled(spelled.as_bytes()).map(|(found, usual)| (found.name.clone(), usual));
                assert_eq!(found, Some((known.name.clone(), spelled == known.title)), "{spelled}");
            }
            assert_eq!(known.title.to_ascii_lowercase(), lower);
            assert_eq!(known.line, format!("\r\n{}: ", known.title));
            assert!(find(&known.name).is_some_and(|found| std::ptr::eq(found, known)));
            // Any other byte in any place makes it another name.
            for at in 0..lower.len() {
                for byte in 0..=u8::MAX {
                    let mut other = known.title.as_bytes().to_vec();
                    other[at] = byte;
                    let same = other.eq_ignore_ascii_case(lower.as_bytes());
                    let found = find_spelled(&other).filter(|(found, _)| found.name == known.name);
                    assert_eq!(found.is_some(), same, "{}", other.escape_ascii());
                    assert!(found.is_none_or(|(_, usual)| usual == (other == known.title.as_bytes())));
                }
            }
        }
        for unknown in ["", "a", "hos", "hostt", "x-custom", "x_forwarded_for"] {
            assert!(find_spelled(unknown.as_bytes()).is_none(), "{unknown}");
            assert!(unknown.parse().is_ok_and(|name| find(&name).is_none()) || unknown.is_empty());
        }
    }

    #[test]
    fn framing_fields_are_marked() {
        for (name, mark) in [
            ("te", Marks::TE),
            ("host", Marks::HOST),
            ("content-length", Marks::CONTENT_LENGTH),
            ("transfer-encoding", Marks::TRANSFER_ENCODING),
            ("http2-settings", Marks::HTTP2_SETTINGS),
            ("x-request-id", Marks::NONE),
            ("x-other", Marks::NONE),
        ] {
            assert!(classify(&HeaderName::from_static(name)) == mark, "{name}");
        }
    }
}
