//! Leaf service: one upstream peer over HTTP/1.1 or HTTP/2, with a keepalive pool.
//!
//! [`Client`] is a tower service that sends each request to the [`Peer`] in its extensions, on a kept connection or a new
//! one. A [`Pool`] keeps the connections of one upstream and worker; a [`Transport`] says how a route communicates with it.
//!
//! ## Example
//! ```
//! use http_body_util::{BodyExt, Empty};
//! use propylon_testkit::peer::{Plan, RawPeer};
//! use propylon_upstream::{Client, Keepalive, Peer, Pool, Transport};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), propylon_upstream::BoxError> {
//! # let server = RawPeer::tcp(|_| Plan::new().answer(|_| "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
//! # let addr = server.addr();
//! let pool = Pool::new(Keepalive::new().connections(64));
//! let client = Client::new(pool, Transport::new());
//!
//! let request = http::Request::get("/").header("Host", "example.com").extension(Peer::from(addr));
//! let response = client.oneshot(request.body(Empty::<bytes::Bytes>::new())?).await?;
//! let mut body = response.into_body();
//! assert_eq!(body.frame().await.transpose()?.and_then(|f| f.into_data().ok()), Some("hello".into()));
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **Connects** over TCP or a unix socket, within the connect timeout, which includes the handshake of a [`Secure`];
//!   `TCP_NODELAY` is always set. [`Client::layer`] accepts a layer
//!   for the *established* connection, so that a timeout there does not count connecting.
//! - **Keeps connections alive** as [`Keepalive`] says. A connection returns to the pool only if the response was read to its end, its
//!   framing was clean, the request was sent completely, and neither side sent `Connection: close`. Connections to HTTP/1.0 peers are
//!   never kept, even if the peer offers to. An idle connection is dropped at once when the peer closes it or sends unsolicited bytes; the
//!   runtime is asked once more before a request is sent. Bytes that arrive later still count as the response, as in nginx; if they
//!   are not a response head, that is an error, and the request is not resent here, because the peer may have acted on it.
//! - **Implements HTTP/1 with one of two engines** ([`Transport::engine`]), which differ as shown in the table below.
//! - **Speaks HTTP/2** ([`HttpVersion::Http2`]) to peers that are known to support it: in clear text, or over a [`Secure`] that negotiates it.
//!   The differences have [a section of their own](#http2).
//! - **Sends the request as given**: fields in the order of the map, names in title case, no additional fields, the [`Target`] byte
//!   for byte. Only the framing is its own (RFC 9112 6): `Transfer-Encoding` is removed; `Content-Length` is the body's
//!   exact size, or the given value if the body does not know its size (the value is then enforced); otherwise the body is chunked. An
//!   empty body keeps a `Content-Length: 0`. Request trailers are not sent. HTTP/1.0 requests get `Connection: close`
//!   unless they have a `Connection` already.
//! - **Rejects doubtful heads** (502): not HTTP/1, malformed lines (including folded ones and lines without a colon),
//!   `Content-Length` with `Transfer-Encoding`, differing or invalid lengths, codings other than `chunked`, an unsolicited 101,
//!   more than eight interim responses, too many bytes or fields. A 204 loses its
//!   framing fields. Other fields and the reason phrase stay unchanged.
//! - **Passes interim responses on** (103 and the like; not 100) to the [`Interim`] in the request's extensions, without their
//!   hop-by-hop fields, and without the peer's own `Date`, `Server` and `X-Accel-…`.
//! - **Hands over** the connection of a 101 that the request asked for with `Upgrade`: its stream is the response extension
//!   [`Switched`], including bytes that were already read; the try lasts as long as the stream.
//! - **Truncates visibly**: a request body that fails closes the connection, so that the peer cannot take the request
//!   for a complete one; a truncated response body is an error, never a normal end.
//! - **Passes early responses on** while the request body is still being sent, also from a peer that closes afterwards. Such a
//!   connection is not kept.
//! - **Resends** a request that met a kept connection closed by the peer: if provably nothing of it was sent,
//!   whatever its method; if it may have been sent, once, if its method is idempotent (RFC 9110 9.2.2), it has no body,
//!   and no byte of a response was received. A POST never goes out twice. Before a non-repeatable request is sent on a
//!   kept connection, the kernel is asked whether the peer has closed. All of this counts as one try.
//! - **Speaks FastCGI, uwsgi, SCGI and memcached's protocol** instead ([`Transport::application`]): connections are kept with FastCGI and
//!   memcached.
//! - **Opens connections for other protocols** ([`Transport::connect`]), as byte streams.
//! - **Opens connected UDP sockets** ([`Transport::connect_udp`]): [`Datagrams`] to and from one peer.
//! - **Frees the connection early**: [`Body::take_bytes`] returns a small response body whole, before any of it is passed on.
//! - **Records** one try for each peer in the request's [`Exchange`](propylon_exchange::Exchange), if it has one: times,
//!   status or its substitute, bytes in each direction, the actual end of the response.
//!
//! Dropping the response future or the response body closes the connection. No task outlives its owner: the pool's task ends with
//! the pool, a connection's (hyper, HTTP/2) with the connection; with HTTP/2 at most a second later, to send its GOAWAY.
//!
//! | | [`Engine::H1`] | [`Engine::Hyper`] |
//! |---|---|---|
//! | bytes of a [`Target`] | unchanged; blanks and control characters percent-encoded | bytes that an [`http::Uri`] rejects are percent-encoded too |
//! | order of fields | `Host` first, `Content-Length`, `Transfer-Encoding` and `Connection` last | the map's |
//! | `Connection` of a request | `close`, `upgrade`, `te` depending on the fields; on 1.0 `keep-alive` | as given |
//! | a repeated `Content-Length` in a response | rejected, as in nginx | kept once, if all are the same |
//! | recorded length of a response | received bytes, including chunk framing, once it is read (as in nginx) | decoded bytes that were read |
//! | extensions of a response | [`propylon_h1::Reason`] and hyper's `ReasonPhrase` | hyper's |
//!
//! ### HTTP/2
//! - Requests **share a connection**, [`Keepalive::streams`] of them at once or as many as the peer accepts; further requests use another
//!   connection. Requests wait for a connection that is being established, until its peer has announced how many requests it accepts, instead
//!   of opening another. [`Keepalive`] applies as a whole; with [`Keepalive::off`] nothing is shared. A peer that is going away (GOAWAY) gets
//!   no new requests, and those in flight complete.
//! - **Resent, whatever the method**: requests that the peer provably did not process (RFC 9113 8.7: REFUSED_STREAM, or above the last
//!   stream of a GOAWAY), three times at most, as long as at most 64 KiB of the body had been taken; otherwise the error is
//!   [`AttemptClass::NotSent`]. A connection that closes without a GOAWAY is handled as with HTTP/1.
//! - **A slow exchange does not block others**: each response has a window of 64 KiB, and a connection has one that is large enough for all
//!   of them; no more of a request body is read than the peer accepts.
//! - `Host` becomes `:authority`; without one, the peer's address is used. Connection-specific fields are not sent, `TE` only as `trailers`.
//!   Trailers are passed in both directions. `Cookie` is not split. Targets are handled as with hyper. There is no server push.
//! - Dropping the future of a response cancels that request only. If nothing at all was received meanwhile, the connection is suspect:
//!   its peer is checked with a PING, and no new requests are sent on it until it answers.
//! - A response that arrives before the request has been sent is passed on, and the rest of the request is not sent (RFC 9113 8.1).
//! - The byte counts of a try are those of its heads, uncompressed, and of its bodies.
//! - There is no `Upgrade` and no CONNECT.
//!
//! ## What it does not
//! No TLS of its own ([`Transport::secure`] accepts an implementation), no CONNECT, no WebSocket over HTTP/2 (RFC 8441). No name resolution:
//! resolve first. It neither chooses a peer nor switches to another one on failure: a load balancer above it uses [`Client::to`], and a retry
//! layer goes above that. No timeouts except the connect timeout: put a layer into [`Client::layer`].
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `keepalive`, `_requests`, `_time`, `_timeout` | [`Keepalive`] |
//! | `proxy_connect_timeout` | [`Transport::connect_timeout`] |
//! | `proxy_http_version` | [`Transport::http_version`] |
//! | `early_hints` | [`Transport::interims`] |
//! | `proxy_socket_keepalive` | [`Transport::socket_keepalive`] |
//! | `proxy_bind`, `proxy_protocol` of the stream module | [`Transport::special`], [`Bind`], [`Greeting`] |
//! | `proxy_buffer_size` (as the limit of a head) | [`Transport::max_head`] |
//! | `server` (address only) | [`Peer`] |
//! | `$upstream_*` | the tries of the exchange |
//!
//! Differences: nginx forwards a header line without a colon as an empty field; here it is rejected. nginx buffers a request body of unknown
//! length for an HTTP/1.0 peer; here that is [`Error::LengthRequired`]. With HTTP/2, nginx (1.29.4) has one request at a time on a
//! connection, and treats a RST_STREAM before the head as `invalid_header`; here it is an error like a reset connection.
//!
//! ## Errors
//! [`Error`], boxed, from services and bodies; the layer's own errors pass through. [`Error::class`] says how far the attempt got,
//! [`Error::status`] which status represents it, and the text is what nginx logs.
//!
//! ## Cost
//! A request without a body on a kept connection: two allocations of this crate's (the future that sends, and the try's record if
//! there is an exchange); no task switch, no channel, no copy of its fields for the case that it has to be resent. A request body: two
//! more, whatever its size. A target that an [`http::Uri`] cannot hold: three. A request that cannot be repeated costs one system call
//! on a kept connection. A pool: one task with a timer, while a connection is idle; events on idle connections wake the task, requests do
//! not, and it then checks all of them. Memory of a connection: while idle, only the kernel's; while a response is read, a read buffer of
//! 8 KiB to 256 KiB.
//!
//! HTTP/2: some twenty allocations more than HTTP/1 (bench/RESULTS.md), two task switches; a copy of the header map, since a
//! request may have to be resent, and up to 64 KiB of its body, until the response begins. A task for each connection. Memory for each
//! request: 64 KiB of unread response, and as much of unsent request body.
//!
//! With hyper: more allocations, among them a copy of the header map of an idempotent request; two task switches; a task for each
//! connection; hyper's read buffer, at most about 400 KiB while a body is read.

mod attempt;
mod body;
mod cgi;
mod client;
mod connect;
mod connection;
mod datagrams;
mod error;
mod established;
mod fastcgi;
mod future;
mod h1;
mod head;
mod http1;
mod http2;
mod idle;
mod interim;
mod memcached;
mod open;
mod outgoing;
mod peer;
mod place;
mod pool;
mod raw;
mod secure;
mod special;
mod target;
mod task;
mod transport;
mod upgraded;
mod wire;

pub use body::Body;
pub use client::{Client, ToPeer};
pub use connect::Socket;
pub use datagrams::Datagrams;
pub use error::{AttemptClass, BoxError, Error, HeadFault};
pub use established::{Established, Sending};
pub use future::ResponseFuture;
pub use interim::{Interims, JudgeInterim};
pub use peer::{Peer, PeerAddress};
pub use pool::{Keepalive, Pool};
pub use propylon_cgi::{Config as Cgi, Params, ParamsBuilder};
pub use propylon_fastcgi::{Config as FastCgi, Stderr};
pub use propylon_h1::server::Interim;
pub use propylon_h1::{Marks, Unwanted};
pub use propylon_memcached::{Config as Memcached, Key};
pub use secure::{ClientIdentity, Handshake, Party, Secure, Secured, ServerName, secured};
pub use special::{Bind, Greeting};
pub use target::Target;
pub use transport::{Application, Engine, HttpVersion, Transport};
pub use upgraded::{Switched, Upgraded};
