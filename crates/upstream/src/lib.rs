//! Leaf service: one upstream peer over HTTP/1.1 or HTTP/2, with a keepalive pool.
//!
//! [`Client`] is a tower service that sends each request to the [`Peer`] in its extensions, on a kept connection or a new
//! one. A [`Pool`] keeps the connections of one upstream and worker, a [`Transport`] says how a route talks to it.
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
//! - **Connects** over TCP or a unix socket, within the connect timeout, the handshake of a [`Secure`] included;
//!   `TCP_NODELAY` always. [`Client::layer`] takes a layer
//!   for the *established* connection, so that a timeout there does not count connecting.
//! - **Keeps connections** as [`Keepalive`] says. One goes back to the pool only if the response was read to its end, its
//!   framing was clean, the request was sent completely, and neither side said `Connection: close`; a peer that speaks
//!   HTTP/1.0 is not believed to keep one. What the peer closes while idle is dropped at once, and so is what talks unasked: the
//!   runtime is asked once more before a request is sent. Bytes that come later still count as the answer, as with nginx; what is
//!   no head is an error then, and not sent again here, for the peer may have done what it was asked.
//! - **Speaks HTTP/1 by either of two engines** ([`Transport::engine`]), which differ in what the table below says.
//! - **Speaks HTTP/2** ([`HttpVersion::Http2`]) to peers that are known to: in clear text, or over a [`Secure`] that asks for it.
//!   What is different then has [a section of its own](#http2).
//! - **Sends what it is given**: fields in the order of the map, names in title case, no field invented, the [`Target`] byte
//!   for byte. Only the framing is its own (RFC 9112 6): `Transfer-Encoding` is removed; `Content-Length` is the body's
//!   exact size, or what was given if the body does not know its own (and then it is enforced); else the body is chunked. An
//!   empty body keeps a `Content-Length: 0`. Request trailers are not sent. HTTP/1.0 gets `Connection: close`.
//! - **Refuses heads in doubt** (502): not HTTP/1, malformed lines (folded ones and lines without a colon too),
//!   `Content-Length` with `Transfer-Encoding`, differing or invalid lengths, codings other than `chunked`, a 101 that
//!   nobody asked for, more than eight interim responses, too many bytes or fields. A 204 loses its
//!   framing fields. Other fields and the reason phrase stay as they came.
//! - **Passes interim responses on** (103 and the like; not 100) to the [`Interim`] in the request's extensions, without their
//!   hop-by-hop fields, and what the peer says of itself (`Date`, `Server`) or orders (`X-Accel-…`).
//! - **Hands over** the connection of a 101 that the request asked for with `Upgrade`: its stream is the response extension
//!   [`Switched`], with what had been read already; the try lasts as long as the stream.
//! - **Cuts, never completes**: a request body that fails closes the connection, so that the peer cannot take the request
//!   for a whole one; a response body that is cut short is an error, never an end.
//! - **Passes early responses** while the request body is still being sent, also from a peer that then closes. That
//!   connection is not kept.
//! - **Sends again** what met a kept connection that the peer had closed: a request of which provably nothing was sent,
//!   whatever its method; one that may have been sent, once, if its method is idempotent (RFC 9110 9.2.2), it has no body,
//!   and not a byte of a response came. A POST never goes out twice. Before something that cannot be repeated is sent on a
//!   kept connection the kernel is asked whether the peer has closed. All that counts as one try.
//! - **Speaks FastCGI, uwsgi, SCGI and memcached's protocol** instead ([`Transport::application`]): the first and the last keep connections.
//! - **Opens connections for anything else** ([`Transport::connect`]): whatever is spoken on them, as bytes.
//! - **Frees the connection early**: [`Body::take_bytes`] has a small response whole, before any of it is passed on.
//! - **Records** one try for each peer in the request's [`Exchange`](propylon_exchange::Exchange), if it has one: times,
//!   status or what stands for it, bytes each way, the true end of the response.
//!
//! Dropping the response future or the response body closes the connection. No task outlives its owner: the pool's ends with
//! the pool, a connection's (hyper, HTTP/2) with the connection; with HTTP/2 a second later at the most, to say goodbye.
//!
//! | | [`Engine::H1`] | [`Engine::Hyper`] |
//! |---|---|---|
//! | bytes of a [`Target`] | as they are; blanks and controls percent-encoded | also what an [`http::Uri`] refuses percent-encoded |
//! | order of fields | `Host` first, `Content-Length`, `Transfer-Encoding` and `Connection` last | the map's |
//! | `Connection` of a request | `close`, `upgrade`, `te` as the fields are; on 1.0 `keep-alive` | as given |
//! | a repeated `Content-Length` in a response | refused, as nginx does | kept once, if all are the same |
//! | length of a response on record | bytes as they came, chunks' framing included, once it is read (nginx's) | decoded bytes that were read |
//! | extensions of a response | [`propylon_h1::Reason`] and hyper's `ReasonPhrase` | hyper's |
//!
//! ### HTTP/2
//! - Requests **share a connection**, [`Keepalive::streams`] of them at once or as many as the peer takes; more have another one. A
//!   connection that is being made is waited for, until its peer has said how many requests it takes, and not made twice. All of
//!   [`Keepalive`] holds; with [`Keepalive::off`] nothing is shared. A peer that wants to close (GOAWAY) gets nothing new, and what
//!   it is at comes to its end.
//! - **Sent again, whatever its method**: what the peer provably did nothing with (RFC 9113 8.7: REFUSED_STREAM, or after the last
//!   stream of a GOAWAY), three times at most, as long as at most 64 KiB of its body had been taken; else it is an error of
//!   [`AttemptClass::NotSent`]. A connection that ends without a word is as with HTTP/1.
//! - **Who is slow holds up nobody else**: each response has a window of 64 KiB, a connection one that is large enough for all; of a
//!   request's body no more is taken than the peer takes.
//! - `Host` is `:authority`, without one the peer's address. What belongs to connections is not sent, `TE` only as `trailers`.
//!   Trailers go both ways. `Cookie` is not split. Targets are as with hyper. No server push.
//! - Dropping what waits for a response cancels that request only. If nothing at all had come meanwhile, the connection is in doubt:
//!   its peer is asked (PING), and nothing new is sent on it until it answers.
//! - A response that was there before the request had been sent is passed on, and the rest of the request is not sent (RFC 9113 8.1).
//! - The bytes of a try are those of its heads, as they are without compression, and of its bodies.
//! - No `Upgrade`, and no CONNECT.
//!
//! ## What it does not
//! No TLS of its own ([`Transport::secure`] takes it), no CONNECT, no WebSocket over HTTP/2 (RFC 8441). No names: resolve first. No choice of a peer and no
//! other one when it fails: a balancer above it, which takes [`Client::to`], and a retry above that. No timeouts but connecting:
//! put a layer into [`Client::layer`].
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
//! Differences: nginx forwards a header line without a colon as an empty field; here it is refused. nginx buffers a request body of unknown
//! length for an HTTP/1.0 peer; here that is [`Error::LengthRequired`]. With HTTP/2, nginx (1.29.4) has one request at a time on a
//! connection, and a RST_STREAM before the head is its `invalid_header`; here it is an error as a reset connection is.
//!
//! ## Errors
//! [`Error`], boxed, from services and bodies; the layer's own errors pass. [`Error::class`] says how far the attempt got,
//! [`Error::status`] which status stands for it, and the text is what nginx logs.
//!
//! ## Cost
//! A request without a body on a kept connection: two allocations of this crate's (the future that sends, the try's record if
//! there is an exchange); no task switch, no channel, no copy of its fields
//! in case it has to be sent again. A request body: two more, whatever its size. A target that an [`http::Uri`] cannot hold: three. What
//! cannot be repeated costs one system call on a kept connection. A pool: one task with a timer, while something is idle; it is
//! woken by what peers do to idle connections, not by requests, and then looks at all of them. Memory a connection: none while
//! it is idle but the kernel's, a read buffer of 8 KiB to 256 KiB while a response is read.
//!
//! HTTP/2: some twenty allocations more than HTTP/1 (bench/RESULTS.md), two task switches; a copy of the header map, since a
//! request may have to be sent again, and up to 64 KiB of its body, until the response begins. A task a connection. Memory:
//! 64 KiB a request for what is not read of its response, as much for what is not sent of its body.
//!
//! With hyper: more allocations, among them a copy of the header map of an idempotent request; two task switches; a task a
//! connection; hyper's read buffer, at most about 400 KiB while a body is read.

mod attempt;
mod body;
mod cgi;
mod client;
mod connect;
mod connection;
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
