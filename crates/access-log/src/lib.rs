//! Access logs: formats and conditions for log lines, and sinks that accept lines without ever blocking a request: files,
//! standard streams and syslog daemons, written by one dedicated thread.
//!
//! ## Example
//!
//! A standalone service that uses no other part of Propylon:
//!
//! ```
//! use std::{convert::Infallible, fs, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full, Limited};
//! use propylon_access_log::{AccessLog, AccessLogLayer, Buffering, Escape, Format, Sinks, Target};
//! use propylon_vars::{Context, Definitions};
//! use tower::{Service, ServiceBuilder, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("access.log");
//! let sinks = Sinks::spawn(|trouble| eprintln!("access log: {trouble:?}"))?;
//! let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt)?;
//! let template = Definitions::default().template("\"$request\" $status $body_bytes_sent", Context::Log)?;
//! let log = AccessLog::new(Format::new(template, Escape::Default), sink);
//!
//! let mut service = ServiceBuilder::new()
//!     .layer(AccessLogLayer::new(log))
//!     .service(service_fn(|_: Request<Full<Bytes>>| async {
//!         Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
//!     }));
//! let response = service.call(Request::new(Full::default())).await?;
//! drop(Limited::new(response.into_body(), 1024).frame().await);
//!
//! sinks.flush_all(Duration::from_secs(5))?; // at the end of the process
//! assert_eq!(fs::read_to_string(path)?, "\"GET / HTTP/1.1\" 200 5\n");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//!
//! - A [`Format`] turns an [`Exchange`](propylon_exchange::Exchange) into a line: a template, and one of three ways to
//!   [escape](Escape) values. [`COMBINED`] and [`JSON`] are ready-made templates.
//! - An [`AccessLog`] writes the line to a [`Sink`], optionally on a condition. A server that knows when an exchange has
//!   really ended calls [`AccessLogs::write`] at that point. [`AccessLogLayer`] is for services that do not know: it writes
//!   when the response body ends or is dropped, or when the client goes away earlier (499).
//! - [`Sinks`] has one thread that writes for all sinks of a process. Handing a line over takes a short lock and a copy. The
//!   first line wakes the thread; after each write it waits 5 ms and takes all lines that have arrived in one write.
//! - A sink holds its buffer and 1 MiB more. While a disk, a pipe or a daemon accepts nothing, lines wait there; when the
//!   space is full, further lines are dropped and counted. The thread never blocks on pipes, terminals and sockets, so one
//!   that is stuck does not delay other sinks; a regular file on a hanging disk does.
//! - After an error, lines that were not written are retried once a second. Errors are reported at most once a second for
//!   each sink.
//! - [`Sinks::reopen`] is for log rotation: no line is lost or truncated, and lines accepted before the call go to the old
//!   file.
//! - Sinks are shared by target: several logs, workers and generations of a configuration use one open file, which is
//!   flushed and closed within 10 s of the last handle being dropped.
//! - An `Arc<Sink>` is a writer for `tracing_subscriber::fmt().with_writer(…)`: the error log.
//!
//! ## What it does not
//!
//! - The layer does not see the connection: `$bytes_sent` is an estimate of the head plus the body, `$request_length` covers
//!   the head alone, and `$connection` and `$connection_requests` are unknown unless the request's extensions hold an
//!   `Arc<Connection>`. A line is written when the server has taken the body, not when the client has received it.
//! - If a request already carries an `Exchange`, it belongs to whoever created it: the layer records nothing in it.
//! - Files are not compressed (`gzip=`), and `buffer=` does not apply to syslog daemons. Lines of several workers appear in
//!   the order in which they were handed over.
//! - If the process is killed, the lines of the last 5 ms, or those in the buffer, are lost. On a regular exit
//!   [`Sinks::flush_all`] prevents this.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `log_format NAME escape=default\|json\|none …` | [`Format`], [`Escape`] |
//! | `access_log PATH FORMAT` | [`Sinks::open`], [`AccessLog::new`]; with variables in the path [`AccessLog::by_path`] |
//! | `access_log … if=CONDITION` | [`AccessLog::condition`] |
//! | `access_log … buffer=SIZE flush=TIME` | [`Buffering`]; logs to the same file share it, and the last one opened sets it |
//! | `access_log syslog:server=…,facility=…,tag=…,severity=…,nohostname` | [`Syslog`]; the tag is `propylon` by default |
//! | `error_log PATH`, `error_log stderr` | [`Sink`] as a writer |
//! | signal `USR1` | [`Sinks::reopen`] |
//!
//! nginx writes in the worker's own thread, so a disk that hangs stops requests; this crate drops lines instead. nginx
//! discards lines when a write fails; this crate keeps them for as long as there is room.
//!
//! ## Errors
//!
//! [`OpenError`] if a file cannot be opened (with its path) or a syslog server's name has no address. A daemon that is not
//! running is not an error; it is reported later as [`Trouble`]. [`Unflushed`] if lines were still unwritten at the end. A
//! request never sees an error.
//!
//! ## Cost
//!
//! At steady state a line allocates nothing beyond what its variables allocate: it is formatted into a thread-local buffer
//! and copied into the sink's buffer under a lock that is held for that copy. There is no system call while the writer is
//! awake, and one wake-up when it is not. Memory: twice the buffer size plus 2 MiB for a sink that is stuck, a few lines for
//! one that is not. Each request through the layer costs two reference counts and a copy of the head; the README has
//! numbers.

mod bell;
mod body;
mod datagram;
mod device;
mod error;
mod escape;
mod format;
mod future;
mod lane;
mod layer;
mod log;
mod paths;
mod pending;
mod record;
mod service;
mod sink;
mod sinks;
mod syslog;
mod target;
mod writer;

pub use body::ResponseBody;
pub use error::{OpenError, Unflushed};
pub use escape::Escape;
pub use format::{COMBINED, Format, JSON};
pub use future::ResponseFuture;
pub use layer::AccessLogLayer;
pub use log::{AccessLog, AccessLogs};
pub use service::AccessLogService;
pub use sink::Sink;
pub use sinks::{Sinks, Trouble};
pub use syslog::{Facility, Severity, Syslog, SyslogServer, Tag};
pub use target::{Buffering, Target};
