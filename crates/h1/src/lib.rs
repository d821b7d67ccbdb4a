//! An HTTP/1.1 engine for [`tower`](https://docs.rs/tower) services, in two parts: a sans-I/O core that parses bytes into heads and
//! body events and encodes them back ([`proto`]), and tokio connections that drive it ([`server`], [`client`]).
//! The engine is as strict as RFC 9112 and never laxer than nginx, exposes every field and every byte of a head, and reports
//! exactly what is wrong with a malformed message.
//!
//! ## Example
//!
//! ```
//! use bytes::BytesMut;
//! use http::{Extensions, HeaderMap, StatusCode};
//! use propylon_h1::proto::{Decoder, Event, RequestParser, ResponseToSend, encode_response};
//! use propylon_h1::{BodySize, Limits};
//!
//! let limits = Limits::default();
//! let mut input = BytesMut::from("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
//! let head = RequestParser::new().parse(&mut input, &limits)?.expect("the head is complete");
//! let mut body = Decoder::new(head.body);
//! assert_eq!(body.decode(&mut input, &limits)?, Event::Data("hi".into()));
//! assert_eq!(body.decode(&mut input, &limits)?, Event::End);
//!
//! let mut output = BytesMut::new();
//! let response = ResponseToSend {
//!     status: StatusCode::OK,
//!     headers: &HeaderMap::new(),
//!     extensions: &Extensions::new(),
//!     body: BodySize::Known(0),
//!     method: &head.method,
//!     version: head.version,
//!     keep_alive: head.keep_alive,
//!     date: None,
//! };
//! encode_response(&response, &mut output);
//! assert_eq!(output, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What it does
//!
//! - Parses heads and bodies of requests and responses, HTTP/1.0 and 1.1, in whatever pieces they arrive, and examines each byte
//!   once. How a message is split never changes the verdict.
//! - Validates framing by RFC 9112 6: `Content-Length` with `Transfer-Encoding`, repeated or listed lengths, signs, unknown or
//!   misplaced codings, bare LFs in chunks, overflow, … are errors, each with its status ([`HeadErrorKind`]).
//! - Bounds everything ([`Limits`]): lines, head, fields, chunk extensions, trailers.
//! - Keeps what `http` has no place for: the exact target ([`Target`]), the bytes of the head with the order and spelling of its
//!   fields ([`ReceivedRequest`]), the reason phrase ([`Reason`]), and marks of the fields that concern the connection
//!   ([`Marks`]).
//! - Writes heads in the requested case and order ([`Spelling`]), frames bodies, and decides whether the connection
//!   persists. The only CRs and LFs in a written head are the engine's own.
//! - Serves connections (`server::Connection`): any tower service, or a `server::Service` called through `&self`, on any tokio
//!   stream. Each connection is one future and spawns nothing. Supports pipelining, `100 Continue` once the body is wanted, interim
//!   responses, upgrades and CONNECT, early responses, lingering close, drain, and reports how each exchange really ended, for the
//!   log (`server::Observer`). File parts in a body (`Service::take_file`) are sent by the kernel (`Connection::send_files`).
//! - Sends requests (`client::Connection`): a plain object without a task or channel, handed back when the response body ends
//!   (`client::Keeper`). A failure reports how far the request got and carries the original bytes for a retry.
//!
//! ## What it does not
//!
//! - The engine does not judge `Host`, percent-encoding, methods or what `Expect` asks for. It only marks them; the code that
//!   routes the request decides.
//! - It does not decode transfer codings other than chunked, and supports neither HTTP/0.9 nor HTTP/2.
//! - It does not merge, drop or rename fields. Trailers are kept separate; trailers that affect framing or routing are dropped.
//! - The connections do not handle TLS, socket options or pooling. Client connections do not wait for a response to `Expect` and
//!   have no timeouts: wrap the futures and the bodies.
//! - By default, a client that half-closes the connection while its request is being served counts as gone (`server::Config::half_close`).
//!
//! ## nginx
//!
//! | directive | here | default |
//! |---|---|---|
//! | `large_client_header_buffers` | `Limits::first_line`, `header_line` (one buffer), `head` (all) | 8 KiB, 8 KiB, 32 KiB |
//! | `max_headers` | `Limits::fields` | 1000 |
//! | `underscores_in_headers`, `ignore_invalid_headers` | [`Marks::UNDERSCORE`], [`Marks::UNUSUAL_NAME`] | marked only |
//! | `client_header_timeout`, `keepalive_timeout`, `client_body_timeout`, `send_timeout` | `server::Timeouts::{head, idle, body, send}` | 60 s, 75 s, 60 s, 60 s |
//! | `lingering_timeout`, `lingering_time` | `server::Timeouts::{linger, linger_total}` | 5 s, 30 s |
//! | `keepalive_requests` | the service counts, and sets `Connection: close` on the response | |
//! | 499, 444, 408 in the log | `server::End::{ClientGone, Unanswered}`, `HeadErrorKind::TimedOut` | |
//!
//! All differences are on the strict side; the table in `tests/messages` gives the reason for each: no HTTP/0.9,
//! exactly one space between the parts of a request line, no control characters in values, field names must be tokens, nothing but
//! extensions after a chunk size, no tab around the value of a framing field.
//!
//! ## Errors
//!
//! | error | meaning | consequence |
//! |---|---|---|
//! | [`HeadError`] | a head was rejected: kind, status, and as much of its first line as was received | respond, close |
//! | [`BodyError`] | a body is malformed, has too much framing overhead, or is truncated | 400 if no response was sent yet, close |
//! | [`EncodeError`] | a body does not match its declared length, or a target cannot be written | close |
//! | `server::RequestBodyError` | a request body did not reach its end | the service decides; then close |
//! | `server::Outcome` with an `End` other than `Complete` | the client did not receive the whole response | closed, the message is visibly truncated |
//! | `client::Failure` | no response head: `Error`, `Progress`, and the request if all of it is still available | retry depending on `Progress` and method |
//! | `client::Error` of a body | truncated, malformed, I/O | close |
//!
//! ## Cost
//!
//! A head is frozen, not copied: header values, target and raw bytes share one buffer, which lives until the last of them is
//! dropped. In addition there is a `HeaderMap`, which connections take from a per-thread pool, and in `into_request` an
//! `http::Uri` and one extension. Body bytes are split off the read buffer without a copy. Encoding writes into one buffer and
//! allocates nothing else. A parser, a decoder and an encoder are a few words each; nothing is kept between messages.
//!
//! A connection reads into a buffer of 8 KiB that grows to 256 KiB while reads fill it. It writes a message of up to 8 KiB with one
//! send, and a larger one with vectored writes. Buffers are recycled per thread. An idle connection holds no buffer: it takes less than
//! 1 KiB besides its stream, and the future of a request is allocated only when the request arrives. At most 64 KiB and one frame of a
//! body wait for a slow reader. File parts are sent with `sendfile` if the connection is told how (`server::Connection::send_files`),
//! without copying. A small exchange takes one read and one write on each side. When one thread serves many connections at
//! once, a [`SendQueue`](sends::SendQueue) batches their small sends. Deadlines are integers checked ten times a second
//! (`server::Ticker`), or one lazy timer.

mod error;
mod fields;
mod framing;
mod limits;
mod maps;
mod marks;
mod names;
pub mod proto;
mod received;
mod target;
mod unwanted;

pub use error::{BodyError, EncodeError, HeadError, HeadErrorKind};
pub use fields::{FieldOrder, HeaderCase, Names, Reason, ReasonError, Spelling};
pub use framing::{BodyKind, BodySize, ConnectionOptions};
pub use limits::Limits;
pub use marks::Marks;
pub use proto::{RequestHead, ResponseHead};
pub use received::{ReceivedRequest, ReceivedResponse};
pub use target::{Target, TargetForm};
pub use unwanted::Unwanted;

pub mod client;
mod io;
pub mod sends;
pub mod server;
