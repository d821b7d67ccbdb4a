//! What clients ask of both, and how they leave.

/// One exchange: what the client sends, and how it leaves.
pub(crate) struct Exchange {
    pub(crate) name: &'static str,
    pub(crate) requests: &'static [&'static [u8]],
    pub(crate) leaves: Leaves,
}

#[derive(PartialEq)]
pub(crate) enum Leaves {
    /// When it has the whole answer to the last request.
    Answered,
    /// When the origin has got the request.
    Waiting,
    /// When it has the head of the answer.
    HalfWay,
    /// When it has sent what it sends.
    AtOnce,
    /// When the proxy closes the connection.
    Closed,
}

pub(crate) const fn answered(name: &'static str, requests: &'static [&'static [u8]]) -> Exchange {
    Exchange { name, requests, leaves: Leaves::Answered }
}

const fn leaving(name: &'static str, requests: &'static [&'static [u8]], leaves: Leaves) -> Exchange {
    Exchange { name, requests, leaves }
}

pub(crate) const EXCHANGES: &[Exchange] = &[
    answered("plain", &[b"GET /a/b?a=1&b=2 HTTP/1.1\r\nHost: vars.test\r\nUser-Agent: probe/1\r\nReferer: http://r.test/\r\nX-Test: t\r\nCookie: a=1; b=two\r\nX-Reply: X-Reply: r\r\nX-Reply: Set-Cookie: c=3; Path=/\r\nX-Reply: Content-Type: text/plain\r\n\r\n"]),
    answered("nothing sent", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("path that is normalised", &[b"GET /a//b/../%41%20c?x=%20 HTTP/1.1\r\nHost: VARS.test:81\r\n\r\n"]),
    answered("lone question mark", &[b"GET /q? HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("absolute form", &[b"GET http://other.test/abs?a=z HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("other name", &[b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"]),
    answered("unknown name", &[b"GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n"]),
    answered("no host", &[b"GET / HTTP/1.0\r\n\r\n"]),
    answered("http/1.0", &[b"GET / HTTP/1.0\r\nHost: vars.test\r\n\r\n"]),
    answered("HEAD", &[b"HEAD /h HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("POST", &[b"POST /p HTTP/1.1\r\nHost: vars.test\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello"]),
    answered("POST in chunks", &[b"POST /p HTTP/1.1\r\nHost: vars.test\r\nX-Do: size=10\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]),
    answered("second on a connection", &[b"GET /1 HTTP/1.1\r\nHost: vars.test\r\n\r\n", b"GET /2?a=2 HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("user", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\nAuthorization: Basic am9lOnNlY3JldA==\r\n\r\n"]),
    answered("forwarded", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n"]),
    answered("two cookies", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"]),
    answered("to be escaped", &[b"GET /\"\\ HTTP/1.1\r\nHost: vars.test\r\nUser-Agent: \"\\\t\xc3\xa9\xff\r\n\r\n"]),
    answered("map exact", &[b"GET /?m=EXACT HTTP/1.1\r\nHost: a.wild.test\r\n\r\n"]),
    answered("map regex", &[b"GET /?m=remember&a=1 HTTP/1.1\r\nHost: www.tail.org\r\n\r\n"]),
    answered("map caseless", &[b"GET /?m=CIx HTTP/1.1\r\nHost: wild.test:8080\r\n\r\n"]),
    answered("upstream 404", &[b"GET /404 HTTP/1.1\r\nHost: vars.test\r\nX-Do: status=404\r\n\r\n"]),
    answered("upstream 204", &[b"GET /204 HTTP/1.1\r\nHost: vars.test\r\nX-Do: status=204\r\n\r\n"]),
    answered("upstream 304", &[b"GET /304 HTTP/1.1\r\nHost: vars.test\r\nX-Do: status=304\r\n\r\n"]),
    answered("upstream in chunks", &[b"GET /c HTTP/1.1\r\nHost: vars.test\r\nX-Do: chunked\r\n\r\n"]),
    answered("upstream to close", &[b"GET /c HTTP/1.1\r\nHost: vars.test\r\nX-Do: to-close\r\n\r\n"]),
    answered("large", &[b"GET /l HTTP/1.1\r\nHost: vars.test\r\nX-Do: size=300000\r\n\r\n"]),
    answered("empty", &[b"GET /e HTTP/1.1\r\nHost: vars.test\r\nX-Do: size=0\r\n\r\n"]),
    answered("slow", &[b"GET /s HTTP/1.1\r\nHost: vars.test\r\nX-Do: wait=40 pause=40\r\n\r\n"]),
    answered("static host", &[b"GET /static-host/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("unix", &[b"GET /unix/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("one refused", &[b"GET /tries/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("one refused, with a body", &[b"POST /tries/x HTTP/1.1\r\nHost: vars.test\r\nContent-Length: 2\r\n\r\nhi"]),
    answered("all refused", &[b"GET /dead/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("upstream closes a kept connection", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: close\r\n\r\n"]),
    answered("upstream closes", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: close\r\n\r\n"]),
    answered("upstream sends a bad field", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: bad-field\r\n\r\n"]),
    answered("upstream never answers", &[b"GET /slow/x HTTP/1.1\r\nHost: vars.test\r\nX-Do: never\r\n\r\n"]),
    leaving("upstream cuts", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: cut size=1000\r\n\r\n"], Leaves::Answered),
    leaving("upstream stalls", &[b"GET /slow/x HTTP/1.1\r\nHost: vars.test\r\nX-Do: stall size=1000\r\nX-Reply: X-Accel-Buffering: no\r\n\r\n"], Leaves::Answered),
    answered("redirected to a path", &[b"GET /x?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Accel-Redirect: /internal/y?a=2\r\n\r\n"]),
    answered("redirected to a name", &[b"GET /x?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Accel-Redirect: @named\r\n\r\n"]),
    answered("redirected to a text", &[b"GET /x?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Accel-Redirect: @text\r\n\r\n"]),
    answered("text", &[b"GET /return/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("text, with a body", &[b"POST /return/x HTTP/1.1\r\nHost: vars.test\r\nContent-Length: 5\r\n\r\nhello"]),
    answered("redirect", &[b"GET /away/?a=1 HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("slash added", &[b"GET /tries HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("header added", &[b"GET /added/?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Reply: hidden\r\n\r\n"]),
    leaving("client leaves before the head", &[b"GET /left HTTP/1.1\r\nHost: vars.test\r\nX-Do: never\r\n\r\n"], Leaves::Waiting),
    leaving("client leaves in the body", &[b"GET /left HTTP/1.1\r\nHost: vars.test\r\nX-Do: stall size=1000\r\nX-Reply: X-Accel-Buffering: no\r\n\r\n"], Leaves::HalfWay),
    leaving("client leaves in its body", &[b"POST /left HTTP/1.1\r\nHost: vars.test\r\nContent-Length: 10\r\n\r\nhal"], Leaves::Waiting),
    leaving("client leaves in its head", &[b"GET /left HTTP/1.1\r\nHost: va"], Leaves::AtOnce),
    leaving("client leaves in its line", &[b"GET /left"], Leaves::AtOnce),
    leaving("client is slow with its head", &[b"GET /slow HTTP/1.1\r\nHost: va"], Leaves::Closed),
    leaving("bad host", &[b"GET /a?b HTTP/1.1\r\nHost: a b\r\n\r\n"], Leaves::Closed),
    leaving("host missing", &[b"GET /a?b HTTP/1.1\r\nX-Test: t\r\n\r\n"], Leaves::Closed),
    leaving("two hosts", &[b"GET /a?b HTTP/1.1\r\nHost: vars.test\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("bad escape", &[b"GET /%zz HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("bad method", &[b"get / HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("out of the root", &[b"GET /../x HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("TLS", &[b"\x16\x03\x01\x00\x05hello\r\n\r\n"], Leaves::Closed),
    leaving("no version", &[b"GET / HTTX/1.1\r\n\r\n"], Leaves::Closed),
    leaving("bad version", &[b"GET / HTTP/9.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("bad length", &[b"POST / HTTP/1.1\r\nHost: vars.test\r\nContent-Length: x\r\n\r\n"], Leaves::Closed),
    leaving("bad coding", &[b"POST / HTTP/1.1\r\nHost: vars.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"], Leaves::Closed),
    answered("trace", &[b"TRACE / HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    leaving("space in the target", &[b"GET /a b HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Answered),
];
