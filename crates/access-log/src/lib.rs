//! Access logs: what a line says, when there is one, and sinks that take lines without ever blocking a request: files,
//! standard streams and syslog daemons, written by one thread of their own.
//!
//! ## Example
//!
//! A service of its own, without anything else of Propylon:
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
//! - A [`Format`] makes a line of an [`Exchange`](propylon_exchange::Exchange): a template, and one of three ways to
//!   [escape](Escape) values. [`COMBINED`] and [`JSON`] are templates to begin with.
//! - An [`AccessLog`] writes it, on a condition, to a [`Sink`]. A server that knows the true end of an exchange calls
//!   [`AccessLogs::write`] then. [`AccessLogLayer`] is for services that do not: it writes when the response body ends or
//!   is dropped, and when the client goes away before (499).
//! - [`Sinks`] has one thread that writes for all sinks of a process. Handing a line over is a short lock and a copy. The
//!   thread is woken by the first line; after a write it waits 5 ms and takes all lines that came in one write.
//! - A sink has room for its buffer and 1 MiB more. While a disk, a pipe or a daemon takes nothing, lines wait there; when
//!   it is full they are dropped and counted. Pipes, terminals and sockets are never waited for, so one that is stuck does
//!   not keep the others; a regular file on a disk that hangs does.
//! - After an error what was not written is tried again, once a second. Trouble is reported at most once a second and sink.
//! - [`Sinks::reopen`] is for rotation: no line is lost, none is cut, and what was accepted before goes to the old file.
//! - Sinks are shared by target: several logs, workers and generations of a configuration have one open file. It is
//!   flushed and closed when the last handle is gone, within 10 s.
//! - An `Arc<Sink>` is a writer for `tracing_subscriber::fmt().with_writer(…)`: the error log.
//!
//! ## What it does not
//!
//! - The layer does not see the connection: `$bytes_sent` is an estimate of the head plus the body, `$request_length` is
//!   the head alone, `$connection` and `$connection_requests` are unknown unless an `Arc<Connection>` is among the
//!   request's extensions. A line is written when the server has taken the body, not when the client has it.
//! - An exchange that the request brings along belongs to who made it: the layer records nothing in it then.
//! - No compression of files (`gzip=`), no `buffer=` for syslog daemons; lines for several workers
//!   are in the order in which they were handed over.
//! - When the process is killed, lines of the last 5 ms, or those that are buffered, are lost. At a regular end
//!   [`Sinks::flush_all`] prevents that.
//!
//! ## nginx
//!
//! | directive | here |
//! |---|---|
//! | `log_format NAME escape=default\|json\|none …` | [`Format`], [`Escape`] |
//! | `access_log PATH FORMAT` | [`Sinks::open`], [`AccessLog::new`]; with variables in the path [`AccessLog::by_path`] |
//! | `access_log … if=CONDITION` | [`AccessLog::condition`] |
//! | `access_log … buffer=SIZE flush=TIME` | [`Buffering`]; logs of one file share it, and the last one opened decides |
//! | `access_log syslog:server=…,facility=…,tag=…,severity=…,nohostname` | [`Syslog`]; the tag is `propylon` by default |
//! | `error_log PATH`, `error_log stderr` | [`Sink`] as a writer |
//! | signal `USR1` | [`Sinks::reopen`] |
//!
//! nginx writes in the worker's own thread, so a disk that hangs stops requests; here it drops lines. nginx gives lines up
//! when a write fails; here they wait as long as there is room.
//!
//! ## Errors
//!
//! [`OpenError`] when a file cannot be opened (with its path), or a syslog server's name has no address; a daemon that does
//! not run is no error, but [`Trouble`] later. [`Unflushed`] when lines were still not written at the end. A request never
//! sees an error.
//!
//! ## Cost
//!
//! At steady state a line allocates nothing but what its variables do: it is formatted into a buffer of the thread, and
//! copied into the sink's under a lock that is held for that copy. No system call while the writer is awake, and one wake-up
//! when it is not. Memory: twice the buffer size and 2 MiB for a sink that is stuck, some lines for one that is not. Two
//! reference counts and the copy of a head for each request through the layer; numbers are in the README.

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
