//! An HTTP/1.1 engine for [`tower`](https://docs.rs/tower) services, in two parts: a core that turns bytes into heads and
//! body events, and back, and does no I/O ([`proto`]), and connections on tokio that drive it ([`server`], [`client`]).
//! It is as strict as RFC 9112 and never laxer than nginx, hides no field and no byte of a head, and says of every malformed
//! message what is wrong with it.
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
//! - Reads heads and bodies of requests and responses, HTTP/1.0 and 1.1, in whatever pieces they come, and looks at each byte
//!   once. A verdict never depends on how a message was cut.
//! - Judges framing by RFC 9112 6: `Content-Length` with `Transfer-Encoding`, repeated or listed lengths, signs, unknown or
//!   misplaced codings, bare LFs in chunks, overflow, … are errors, each with its status ([`HeadErrorKind`]).
//! - Bounds everything ([`Limits`]): lines, head, fields, chunk extensions, trailers.
//! - Keeps what `http` has no place for: the exact target ([`Target`]), the bytes of the head with order and spelling of its
//!   fields ([`ReceivedRequest`]), the reason phrase ([`Reason`]), and marks of the fields that concern the connection
//!   ([`Marks`]).
//! - Writes heads in the case and order that is asked for ([`Spelling`]), frames bodies, and decides what
//!   becomes of the connection. No CR and no LF gets out but its own.
//! - Serves connections (`server::Connection`): any tower service, or a `server::Service` called through `&self`, on any tokio
//!   stream; one future a connection, nothing spawned. Pipelining, `100 Continue` when the body is wanted, interim responses,
//!   upgrades and CONNECT, early answers, lingering close, drain, and the true end of each exchange for the log
//!   (`server::Observer`).
//! - Sends requests (`client::Connection`): an object without task or channel, given back at the end of the response's body
//!   (`client::Keeper`). A failure says how far the request got, and has the very bytes to send again.
//!
//! ## What it does not
//!
//! - It does not judge `Host`, percent-encoding, methods or what `Expect` asks for: it marks, whoever routes decides.
//! - It does not decode transfer codings other than chunked, and speaks neither HTTP/0.9 nor HTTP/2.
//! - It does not merge, drop or rename fields. Trailers are kept apart; those that frame or route are left out.
//! - The connections know no TLS, no sockets' options and no pool, do not wait for an answer to `Expect` as a client, and keep
//!   no time as a client: wrap the futures and the bodies.
//! - A client that has closed its writing side counts as gone while its request is served (`server::Config::half_close`).
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
//! | `keepalive_requests` | `Connection: close` on the response of whoever counts | |
//! | 499, 444, 408 in the log | `server::End::{ClientGone, Unanswered}`, `HeadErrorKind::TimedOut` | |
//!
//! Differences are to the strict side, each in the table of `tests/messages` with its reason: no HTTP/0.9, one blank between
//! the parts of a request line, no controls in values, names are tokens, chunk sizes have nothing but extensions behind them,
//! no tab around the value of a field that frames.
//!
//! ## Errors
//!
//! | error | what | then |
//! |---|---|---|
//! | [`HeadError`] | a head was refused: kind, status, and what had come of its first line | answer, close |
//! | [`BodyError`] | a body is malformed, too large in its framing, or cut short | 400 if nothing was answered yet, close |
//! | [`EncodeError`] | a body does not keep to its length, a target cannot be written | close |
//! | `server::RequestBodyError` | a request body did not come to its end | the service's choice; then close |
//! | `server::Outcome` with another `End` than `Complete` | the response did not reach the client whole | closed, the message visibly cut |
//! | `client::Failure` | no response head: `Error`, `Progress`, and the request if all of it is still here | retry by `Progress` and method |
//! | `client::Error` of a body | cut short, malformed, I/O | close |
//!
//! ## Cost
//!
//! A head is frozen, not copied: header values, target and raw bytes share it, so that it lives until the last of them is
//! dropped. Beside it there is a `HeaderMap`, which connections take from those that the thread keeps, and `http::Uri` and one extension in `into_request`. Body
//! bytes are split off the read buffer without a copy. Encoding writes into one buffer and allocates nothing of its own.
//! A parser, a decoder and an encoder are a few words each; nothing is kept between messages.
//!
//! A connection reads into a buffer of 8 KiB that grows to 256 KiB while reads fill it, and writes a message of up to 8 KiB in one
//! send, a larger one vectored; buffers are recycled by the thread. An idle connection holds none: below 1 KiB beside its stream, and no
//! room for a request, whose future is allocated when it comes. At most 64 KiB and one frame of a body wait for a slow reader. Parts of
//! files go by `sendfile`, where the connection is told how (`server::Connection::send_files`): no byte of them is copied. A small exchange is one read
//! and one write on each side. Where one thread serves many at once, a [`SendQueue`](sends::SendQueue) has it send for many in a row.
//! Deadlines are integers looked at ten times a second (`server::Ticker`), or one lazy timer.

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
