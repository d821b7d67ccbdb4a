//! Chunked bodies. RFC 9112 7.1.

use super::{Row, row};

const OK: &str = "=";

macro_rules! chunked {
    ($body:literal, $ours:literal, $nginx:expr, $why:literal) => {
        row(
            concat!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", $body),
            concat!("POST / 1.1 keep Chunked", $ours),
            $nginx,
            $why,
        )
    };
}

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    chunked!("3\r\nabc\r\n0\r\n\r\n", " body=abc", OK, "one chunk"),
    chunked!("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nrest", " body=abcde rest=rest", OK, "two chunks, and what follows"),
    chunked!("a\r\n0123456789\r\n0\r\n\r\n", " body=0123456789", OK, "hexadecimal"),
    chunked!("A\r\n0123456789\r\n0\r\n\r\n", " body=0123456789", OK, "hexadecimal in capitals"),
    chunked!("0003\r\nabc\r\n000\r\n\r\n", " body=abc", OK, "RFC 9112 7.1: leading zeros"),
    chunked!("0000000000000003\r\nabc\r\n0\r\n\r\n", " body=abc", OK, "sixteen digits"),
    chunked!("00000000000000003\r\nabc\r\n0\r\n\r\n", " !ChunkOverflow", "200", "seventeen digits: zeros are no place to hide bytes in"),
    chunked!("7fffffffffffffff\r\nab", " body=ab !Truncated", "400", "2^63-1: RFC 9112 7.1 has no bound, and how large a body may be is the gateway's"),
    chunked!("8000000000000000\r\nab", " !ChunkOverflow", "400", "2^63"),
    chunked!("ffffffffffffffff\r\nab", " !ChunkOverflow", "400", "2^64-1"),
    chunked!("10000000000000003\r\nabc\r\n0\r\n\r\n", " !ChunkOverflow", "400", "2^64+3"),
    chunked!("", " !Truncated", "400", "closed before the first chunk"),
    chunked!("3", " !Truncated", "400", "closed inside a size"),
    chunked!("3\r\nab", " body=ab !Truncated", "400", "closed inside a chunk"),
    chunked!("3\r\nabc\r\n", " body=abc !Truncated", "400", "closed before the last chunk"),
    chunked!("3\r\nabc\r\n0\r\n", " body=abc !Truncated", "400", "closed before the empty line"),
    chunked!("3\r\nabc\r\n0\r\n\r", " body=abc !Truncated", "400", "closed inside the empty line"),
    chunked!("\r\n3\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "an empty line first"),
    chunked!("g\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "no digit"),
    chunked!("-3\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "a sign"),
    chunked!("+3\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "a sign"),
    chunked!("0x3\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "0x"),
    chunked!(" 3\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "a blank before"),
    chunked!("3 \r\nabc\r\n0\r\n\r\n", " !ChunkSize", "200", "RFC 9112 7.1.1: a blank behind, and no extension"),
    chunked!("3\t\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "200", "a tab behind, and no extension"),
    chunked!("3 3\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "200", "garbage behind a blank"),
    chunked!("3_0\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "a separator"),
    chunked!("3,\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "garbage"),
    chunked!("3.\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "garbage"),
    chunked!("3\0\r\nabc\r\n0\r\n\r\n", " !ChunkSize", "400", "NUL"),
    chunked!("\u{B2}\r\nab\r\n0\r\n\r\n", " !ChunkSize", "400", "a superscript two in Latin-1"),
    chunked!("3\nabc\r\n0\r\n\r\n", " !ChunkSize", "400 (1.22: 200)", "a bare LF behind a size"),
    chunked!("3\rabc\r\n0\r\n\r\n", " !ChunkExtension", "400", "a bare CR behind a size"),
    chunked!("3\r\r\nabc\r\n0\r\n\r\n", " !ChunkExtension", "400", "two CRs"),
    chunked!("3\r\nabc\n0\r\n\r\n", " body=abc !ChunkEnd", "400 (1.22: 200)", "a bare LF behind a chunk"),
    chunked!("3\r\nabc\r0\r\n\r\n", " body=abc !ChunkEnd", "400", "a bare CR behind a chunk"),
    chunked!("3\r\nabcd\r\n0\r\n\r\n", " body=abc !ChunkEnd", "400", "more than announced"),
    chunked!("3\r\nab\r\n0\r\n\r\n", " body=ab\\r !ChunkEnd", "400 (1.22: 200)", "less than announced"),
    chunked!("3\r\nabc0\r\n\r\n", " body=abc !ChunkEnd", "400", "no line end behind a chunk"),
    chunked!("3\r\nabc\r\n\r\n0\r\n\r\n", " body=abc !ChunkSize", "400", "an empty line between"),
    chunked!("3;a\r\nabc\r\n0\r\n\r\n", " body=abc", OK, "RFC 9112 7.1.1: an extension"),
    chunked!("3;a=b;c=\"d e\"\r\nabc\r\n0;z\r\n\r\n", " body=abc", OK, "extensions, also of the last chunk"),
    chunked!("3 ; a = b\r\nabc\r\n0\r\n\r\n", " body=abc", OK, "bad whitespace around an extension"),
    chunked!("3;\r\nabc\r\n0\r\n\r\n", " body=abc", OK, "an extension without a name"),
    chunked!("3;a\nabc\r\n0\r\n\r\n", " !ChunkExtension", "400 (1.22: 200)", "a bare LF ends it: TERM.EXT"),
    chunked!("3;a\rb\r\nabc\r\n0\r\n\r\n", " !ChunkExtension", "400", "a bare CR in it"),
    chunked!("3;a\0\r\nabc\r\n0\r\n\r\n", " !ChunkExtension", "200", "NUL in it"),
    chunked!("3;a\u{7F}\r\nabc\r\n0\r\n\r\n", " !ChunkExtension", "200", "DEL in it"),
    chunked!("3;\"a\r\n0\r\n\r\n", " body=0\\r\\n !Truncated", OK, "a quote does not span lines"),
    chunked!("0\n\r\n", " !ChunkSize", "400 (1.22: 200)", "a bare LF behind the last chunk"),
    chunked!("0\r\n\n", " !Trailer", "400 (1.22: 200)", "a bare LF as empty line"),
    chunked!("0\r\nA: b\r\n\r\nrest", " trailers=a:b rest=rest", OK, "RFC 9112 7.1.2: trailers"),
    chunked!("3\r\nabc\r\n0\r\nA: b\r\nC: d\r\nA: e\r\n\r\n", " body=abc trailers=a:b,a:e,c:d", OK, "trailers, one repeated"),
    chunked!("0\r\nA: b\n\r\n", " !Trailer", "400 (1.22: 200)", "a bare LF behind a trailer"),
    chunked!("0\r\nA: b\r\n", " !Truncated", "400", "closed inside the trailers"),
    chunked!("0\r\nA : b\r\n\r\n", " !Trailer", "200", "RFC 9112 7.1.2: fields like others; nginx skips them unread"),
    chunked!("0\r\nfoo\r\n\r\n", " !Trailer", "200", "no colon"),
    chunked!("0\r\n A: b\r\n\r\n", " !Trailer", "200", "folding"),
    chunked!("0\r\nA: b\0\r\n\r\n", " !Trailer", "200", "NUL"),
    chunked!("0\r\nA: b\rc\r\n\r\n", " !Trailer", "400", "a bare CR"),
    chunked!("0\r\nContent-Length: 5\r\nHost: y\r\nTransfer-Encoding: chunked\r\nA: b\r\nConnection: close\r\n\r\n", " trailers=a:b", OK, "RFC 9110 6.5.1: what frames and routes is left out"),
    chunked!("0\r\nContent-Length: 5\r\n\r\n", "", OK, "and if nothing else is there, there are none"),
];
