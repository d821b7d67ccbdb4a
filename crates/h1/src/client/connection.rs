//! An established connection to a peer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Keeper;
use super::counters::Counters;
use super::error::BoxError;
use super::request::{Unsent, Written};
use super::sending::Sending;
use crate::io::{Input, Output, Readable};
use crate::proto::ResponseParser;
use crate::{Limits, maps};

/// How connections to peers behave. Share one by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What a response may take at most.
    pub limits: Limits,
    /// The largest read buffer, 256 KiB by default; a buffer grows while reads fill it.
    pub read_buffer: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { limits: Limits::default(), read_buffer: 256 << 10 }
    }
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// An established connection to a peer, on which nothing is under way. Dropping it closes it.
///
/// While it is idle it holds no buffer. Nobody watches it then: ask [`is_reusable`](Self::is_reusable) before it is used, or
/// poll [`poll_idle`](Self::poll_idle) meanwhile.
pub struct Connection<I> {
    pub(super) wire: Box<Wire<I>>,
}

/// The stream with all that belongs to it rather than to a request; boxed, since it moves often.
pub(super) struct Wire<I> {
    pub(super) io: I,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) parser: ResponseParser,
    pub(super) config: Arc<Config>,
    pub(super) counters: Arc<Counters>,
    pub(super) requests: u64,
    /// Whether the peer no longer takes what is sent.
    pub(super) deaf: bool,
    /// Tells without a buffer whether there is anything to read.
    pub(super) readable: Option<Readable<I>>,
    /// The same where nobody is to be woken.
    pub(super) quiet: Option<fn(&I) -> bool>,
}

impl<I> Wire<I> {
    /// Tells the counters.
    pub(super) fn count(&self) {
        self.counters.set(self.output.sent(), self.input.received());
    }
}

impl<I: AsyncRead + Unpin> Wire<I> {
    /// Reads once: see [`Input::poll_fill`].
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.poll_fill(&mut self.io, self.readable, cx)
    }
}

impl<I> Connection<I> {
    /// Speaks HTTP/1 over `io`, by the default [`Config`].
    pub fn new(io: I) -> Self {
        Self::with_config(io, Arc::default())
    }

    /// Speaks HTTP/1 over `io`.
    pub fn with_config(io: I, config: Arc<Config>) -> Self {
        Self {
            wire: Box::new(Wire {
                io,
                input: Input::new(config.read_buffer),
                output: Output::default(),
                parser: ResponseParser::new(),
                config,
                counters: Arc::default(),
                requests: 0,
                deaf: false,
                readable: None,
                quiet: None,
            }),
        }
    }

    /// Asks the stream whether there is anything to read before a buffer is got for it, where nothing is expected: what runtimes
    /// can tell of a socket. Ready is always a right answer; pending must wake the task.
    #[must_use]
    pub fn readable(mut self, readable: fn(&I, &mut Context<'_>) -> Poll<()>) -> Self {
        self.wire.readable = Some(readable);
        self
    }

    /// Tells [`is_reusable`](Self::is_reusable) whether the stream has nothing to read: as [`readable`](Self::readable), but nobody is to
    /// be woken. False is always a right answer.
    #[must_use]
    pub fn quiet(mut self, quiet: fn(&I) -> bool) -> Self {
        self.wire.quiet = Some(quiet);
        self
    }

    /// What passed on it.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.wire.counters
    }

    /// How many requests were sent on it.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.wire.requests
    }

    /// The stream beneath.
    #[must_use]
    pub fn io(&self) -> &I {
        &self.wire.io
    }

    /// The stream beneath, which nothing was read from beyond the last response.
    #[must_use]
    pub fn into_io(self) -> I {
        self.wire.io
    }

    /// Whether an idle connection holds a buffer: it does not.
    #[doc(hidden)]
    #[must_use]
    pub fn holds_buffer(&self) -> bool {
        self.wire.input.holds_buffer() || self.wire.output.holds_buffer()
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Connection<I> {
    /// Whether another request may be sent: the peer has neither closed the connection nor said anything, as far as the runtime
    /// knows. No system call unless there is news.
    #[must_use]
    pub fn is_reusable(&mut self) -> bool {
        self.is_quiet() || self.poll_idle(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Whether it is known without another look that the peer has said nothing.
    pub(super) fn is_quiet(&self) -> bool {
        let wire = &*self.wire;
        let calm = !wire.deaf && wire.input.is_empty() && !wire.input.has_ended();
        calm && wire.quiet.is_some_and(|quiet| quiet(&wire.io))
    }

    /// Ready when the connection is of no more use: the peer has closed it, or said something unasked.
    pub fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wire = &mut *self.wire;
        if wire.deaf || !wire.input.is_empty() {
            return Poll::Ready(());
        }
        wire.input.expect_nothing();
        let polled = wire.poll_fill(cx);
        wire.input.expect_nothing();
        wire.input.release();
        polled.map(drop)
    }

    /// Sends `request`, and waits for the head of the response; then `keeper` gets the connection back, or the response's body
    /// has it until its end.
    ///
    /// The target is that of the extension [`Target`](crate::Target), or else path and query of the URI; framing is by the body's
    /// size. A `Connection: close` field makes it the last request. The response is read while the request is sent; a peer that
    /// answers early gets the rest of the request while the response's body is read. `Expect` is not waited for.
    pub fn send<B, K>(self, request: Request<B>, keeper: K) -> Sending<I, B, K>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
        K: Keeper<I>,
    {
        let (head, body) = request.into_parts();
        self.send_with(&mut Request::from_parts(head, ()), body, keeper)
    }

    /// As [`send`](Self::send), with `body` in the place of the request's own. The request's fields and extensions are taken out of it.
    #[inline]
    pub fn send_with<T, B, K>(mut self, request: &mut Request<T>, body: B, keeper: K) -> Sending<I, B, K>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
        K: Keeper<I>,
    {
        let written = Written::encode(request, body, &mut self.wire.output);
        maps::give(std::mem::take(request.headers_mut()));
        maps::give_extensions(std::mem::take(request.extensions_mut()));
        Sending::new(self, written, keeper)
    }

    /// Sends a request that failed on another connection, byte for byte.
    pub fn resend<B, K>(mut self, unsent: Unsent<B>, keeper: K) -> Sending<I, B, K>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
        K: Keeper<I>,
    {
        let Unsent { mut output, written } = unsent;
        output.rewind(self.wire.output.sent());
        self.wire.output = output;
        Sending::new(self, Ok(written), keeper)
    }
}

impl<I> fmt::Debug for Connection<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("requests", &self.wire.requests)
            .field("counters", &self.wire.counters)
            .finish_non_exhaustive()
    }
}
