//! Responses, as a gateway reads them. RFC 9112 4, 6.3, 9.3. The last column is nginx's `proxy_pass` with keepalive.

use super::row;
use crate::support::Row;

const OK: &str = "=";

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "200 1.1 keep Length(2) body=ab", OK, "a length"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 1.1 keep Empty", OK, "an explicit nothing"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabcd", "200 1.1 keep Length(2) body=ab rest=cd", OK, "extra bytes are left over: the driver drops the connection"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "200 1.1 keep Length(5) body=ab !Truncated", OK, "a premature end"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "200 1.1 keep Chunked body=ab", OK, "chunked"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "200 1.1 keep Chunked body=ab !Truncated", OK, "a premature end"),
    row("HTTP/1.1 200 OK\r\n\r\nab", "200 1.1 close UntilClose body=ab", OK, "RFC 9112 6.3: no framing, until the end"),
    row("HTTP/1.1 200 OK\r\n\r\n", "200 1.1 close UntilClose", OK, "an empty one"),
    row("HTTP/1.0 200 OK\r\n\r\nab", "200 1.0 close UntilClose body=ab", OK, "1.0"),
    row("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", "200 1.0 close Length(2) body=ab", OK, "1.0 closes"),
    row("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab", "200 1.0 keep Length(2) body=ab", OK, "1.0 that stays"),
    row("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nab", "200 1.0 close UntilClose body=ab", OK, "but not without a length"),
    row("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 1.0 close Chunked", OK, "RFC 9112 6.1: framing in doubt, used once"),
    row("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", "200 1.1 close Length(2) body=ab", OK, "RFC 9112 9.6"),
    row("HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "200 1.1 keep Empty", OK, "a higher minor"),
    row("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 1.1 keep Empty", OK, "no reason and no blank before it, as many origins have it"),
    row("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 1.1 keep Empty", OK, "RFC 9112 4: an empty reason"),
    row("HTTP/1.1 200 A b\tc \u{E9}\r\nContent-Length: 0\r\n\r\n", "200 1.1 keep Empty", OK, "RFC 9112 4: what a reason may hold"),
    row("HTTP/1.1 200 a\0\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200", "NUL in a reason"),
    row("HTTP/1.1 200 a\rb\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "a bare CR in a reason"),
    row("HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", "999 1.1 keep Empty", OK, "three digits"),
    row("HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n", "StatusLine", "099", "RFC 9110 15: below 100"),
    row("HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "two digits"),
    row("HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "four digits"),
    row("HTTP/1.1 20x X\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "no digits"),
    row("HTTP/1.1 +20 X\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "a sign"),
    row("HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200", "two blanks"),
    row("HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "a tab"),
    row("HTTP/1.1\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "no status"),
    row("HTTP/1.10 200 OK\r\n\r\n", "StatusLine", "200", "two digits of a minor"),
    row("HTTP/2.0 200 OK\r\n\r\n", "StatusLine", "200", "another major"),
    row("HTTP/2 200\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "no minor"),
    row("http/1.1 200 OK\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "case"),
    row("ICY 200 OK\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "Shoutcast"),
    row("<html>", "StatusLine", "200 as HTTP/0.9", "HTTP/0.9, refused at its first byte"),
    row("\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{A}", "StatusLine", "200 as HTTP/0.9", "a TLS alert"),
    row("\r\nHTTP/1.1 200 OK\r\n\r\n", "StatusLine", "200 as HTTP/0.9", "RFC 9112 2.2 lets empty lines pass before requests only"),
    row("", "Truncated", OK, "closed before anything came"),
    row("HTTP/1.1 200 O", "Truncated", OK, "closed inside the line"),
    row("HTTP/1.1 200 OK\r\nA: b\r\n", "Truncated", OK, "closed before the empty line"),
    row("HTTP/1.1 200 OK\nContent-Length: 2\n\nab", "200 1.1 keep Length(2) body=ab", OK, "bare LFs"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "LengthAndEncoding", OK, "conflicting framing"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab", "ContentLength", OK, "conflicting lengths"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", "ContentLength", OK, "nginx: duplicates, equal ones too"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", "ContentLength", OK, "a list"),
    row("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab", "ContentLength", OK, "a sign"),
    row("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nab", "ContentLength", OK, "empty"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "CodingUnsupported", OK, "a coding that was not asked for"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", "CodingUnsupported", OK, "no coding any more"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "TransferEncoding", OK, "RFC 9112 6.3: until the end; we do not guess"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "TransferEncoding", OK, "repeated"),
    row("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "ObsFold", OK, "RFC 9112 5.2: a gateway may discard it"),
    row("HTTP/1.1 200 OK\r\nfoo\r\n\r\n", "FieldName", "200", "no colon"),
    row("HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n", "FieldName", "200", "two status lines, as IIS once sent"),
    row("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "FieldName", OK, "a blank before the colon"),
    row("HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", "FieldValue", OK, "NUL"),
    row("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nab", "204 1.1 keep Empty rest=ab", OK, "RFC 9112 6.3: 204 has no body; what follows is left over"),
    row("HTTP/1.1 204 No Content\r\n\r\n", "204 1.1 keep Empty", OK, "204"),
    row("HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "304 1.1 keep Empty", OK, "304 has no body"),
    row("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "304 1.1 keep Empty", OK, "304 has no body"),
    row("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "205 1.1 keep Empty", OK, "205 is framed as others"),
    row("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "100 1.1 keep Empty rest=HTTP/1.1 200 OK\\r\\n\\r\\n", OK, "an interim response: parse again"),
    row("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n", "103 1.1 keep Empty", OK, "1xx has no body"),
    row("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nab", "101 1.1 close Tunnel rest=ab", OK, "another protocol begins with what is left"),
    row("HTTP/1.1 101 Switching Protocols\r\nContent-Length: 2\r\n\r\nab", "101 1.1 close Tunnel rest=ab", OK, "RFC 9110 8.6: its length means nothing"),
];

#[rustfmt::skip]
pub(crate) const TO_HEAD: &[Row] = &[
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "200 1.1 keep Empty", OK, "RFC 9112 6.3: no body"),
    row("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 1.1 keep Empty", OK, "no body"),
    row("HTTP/1.1 200 OK\r\n\r\n", "200 1.1 keep Empty", OK, "no body, and no need to close"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "200 1.1 keep Empty rest=ab", OK, "a body all the same is left over"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "ContentLength", OK, "in doubt all the same"),
];

#[rustfmt::skip]
pub(crate) const TO_CONNECT: &[Row] = &[
    row("HTTP/1.1 200 OK\r\n\r\nab", "200 1.1 close Tunnel rest=ab", OK, "RFC 9112 6.3: a tunnel"),
    row("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "200 1.1 close Tunnel rest=ab", OK, "RFC 9110 9.3.6: its length means nothing"),
    row("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nab", "403 1.1 keep Length(2) body=ab", OK, "a refusal is a response like others"),
];
