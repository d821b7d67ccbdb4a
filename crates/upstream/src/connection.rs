//! An established connection, whichever engine speaks on it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, response};
use http_body::{Body, Frame, SizeHint};
use propylon_h1::client::Counters;

use crate::connect::Socket;
use crate::idle::State;
use crate::interim::Listener;
use crate::outgoing::Outgoing;
use crate::place::Place;
use crate::transport::{Fingerprint, Protocol};
use crate::wire::Wire;
use crate::{Error, Upgraded, cgi, fastcgi, h1, http1, http2, memcached};

/// An established connection: dropping it closes it, whatever is under way.
#[derive(Debug)]
pub(crate) enum Connection {
    H1(h1::Connection),
    Hyper(http1::Connection),
    /// A part in one that others use too.
    Http2(http2::Slot),
    FastCgi(Place),
    Cgi(cgi::Connection),
    Memcached(Place),
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) enum Outbound {
    Plain(Request<Outgoing>),
    /// What the own engine did not get rid of on another connection.
    Encoded(h1::Encoded),
}

/// A response, its head judged.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) parts: response::Parts,
    pub(crate) content: Content,
    /// Bytes of its head, and of what the engine counts besides; if it tells.
    pub(crate) heads: Option<u64>,
}

/// What comes behind a head. What is not usual is boxed, so that all else is small.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of it came with its head, and the head said how much it is.
    Whole(Bytes),
    Streaming(Box<Incoming>),
    /// The peer has switched to another protocol.
    Switched(Box<Upgraded>),
}

impl Content {
    pub(crate) fn streaming(incoming: Incoming) -> Self {
        Self::Streaming(Box::new(incoming))
    }

    pub(crate) fn switched(upgraded: Upgraded) -> Self {
        Self::Switched(Box::new(upgraded))
    }
}

/// A request that brought no response.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The request, if sending it once more on another connection does no harm.
    pub(crate) again: Option<Outbound>,
    /// Whether the peer may have got any of it.
    pub(crate) arrived: bool,
}

impl Failure {
    /// One of a connection that was of no use: nothing of the request was sent.
    pub(crate) fn unsent(request: Outbound) -> Self {
        Self { error: Error::Closed { sent: false }, again: Some(request), arrived: false }
    }

    /// One that is not worth another try.
    pub(crate) fn fatal(error: Error) -> Self {
        Self { error, again: None, arrived: true }
    }
}

impl Connection {
    /// Speaks HTTP/1 over `socket`, with hyper or not. `closed` is called when the connection ends by itself, unless that is for who polls it
    /// ([`poll_idle`](Self::poll_idle)) to see.
    pub(crate) async fn open(
        socket: Socket,
        settings: Fingerprint,
        closed: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        Ok(match settings.protocol {
            Protocol::Hyper => Self::Hyper(http1::Connection::open(socket, settings, closed).await?),
            Protocol::FastCgi => Self::FastCgi(Place::new(socket)),
            Protocol::Cgi => Self::Cgi(cgi::Connection::open(socket)),
            Protocol::Memcached => Self::Memcached(Place::new(socket)),
            _ => Self::H1(h1::Connection::open(socket, settings)),
        })
    }

    /// Whether another request may be sent. Who waits in [`poll_idle`](Self::poll_idle) may not be woken after this.
    pub(crate) fn state(&mut self) -> State {
        match self {
            Self::H1(connection) => connection.state(),
            Self::Hyper(connection) => connection.state(),
            Self::Http2(slot) => slot.state(),
            Self::FastCgi(place) | Self::Memcached(place) => place.state(),
            Self::Cgi(connection) => connection.state(),
        }
    }

    /// Ready when an idle connection is of no more use. Wakes only if nobody else tells.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::H1(connection) => connection.poll_idle(cx),
            Self::FastCgi(place) | Self::Memcached(place) => place.poll_idle(cx),
            Self::Cgi(_) => Poll::Ready(()), // none is kept
            Self::Hyper(_) | Self::Http2(_) if self.has_ended() => Poll::Ready(()),
            Self::Hyper(_) | Self::Http2(_) => Poll::Pending,
        }
    }

    /// Whether it has ended by itself, as `closed` told.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::H1(_) | Self::FastCgi(_) | Self::Cgi(_) | Self::Memcached(_) => false,
            Self::Hyper(connection) => connection.has_ended(),
            Self::Http2(slot) => slot.has_ended(),
        }
    }

    /// Bytes of the interim heads of the request under way, if its engine leaves them to be counted.
    pub(crate) fn interim(&self) -> u64 {
        if let Self::H1(connection) = self { connection.interim() } else { 0 }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        match self {
            Self::H1(connection) => Traffic::H1(Arc::clone(connection.counters())),
            Self::Hyper(connection) => Traffic::Hyper(Arc::clone(connection.wire())),
            Self::Http2(slot) => Traffic::Http2(Arc::clone(slot.counters())),
            Self::FastCgi(place) | Self::Memcached(place) => Traffic::Cgi(Arc::clone(place.counters())),
            Self::Cgi(connection) => Traffic::Cgi(Arc::clone(connection.counters())),
        }
    }

    /// Sends `request` and waits for the head of the response, which has been judged. `kept`: the peer may have closed the
    /// connection already, and then the request should come back, if it may.
    pub(crate) async fn send(
        &mut self,
        request: Outbound,
        kept: bool,
        listener: Option<Listener>,
    ) -> Result<Answer, Failure> {
        match (self, request) {
            (Self::H1(connection), request) => connection.send(request, kept, listener).await,
            (Self::Hyper(connection), Outbound::Plain(request)) => connection.send(request, kept).await,
            (Self::Http2(slot), Outbound::Plain(request)) => slot.send(request, listener).await,
            (Self::FastCgi(place), Outbound::Plain(request)) => fastcgi::send(place, request, kept).await,
            (Self::Memcached(place), Outbound::Plain(request)) => memcached::send(place, request, kept).await,
            (Self::Cgi(connection), Outbound::Plain(request)) => connection.send(request).await,
            // Only connections with the same settings replace each other.
            (_, Outbound::Encoded(_)) => Err(Failure::fatal(Error::Closed { sent: false })),
        }
    }
}

/// What passed on a connection, or what of it is one request's.
#[derive(Clone, Debug)]
pub(crate) enum Traffic {
    H1(Arc<Counters>),
    Hyper(Arc<Wire>),
    Http2(Arc<http2::Counters>),
    Cgi(Arc<propylon_cgi::Counters>),
}

impl Traffic {
    /// Bytes that the kernel took, since the connection began.
    pub(crate) fn sent(&self) -> u64 {
        match self {
            Self::H1(counters) => counters.sent(),
            Self::Hyper(wire) => wire.sent(),
            Self::Http2(counters) => counters.sent(),
            Self::Cgi(counters) => counters.sent(),
        }
    }

    /// Bytes that came, since the connection began.
    pub(crate) fn received(&self) -> u64 {
        match self {
            Self::H1(counters) => counters.received(),
            Self::Hyper(wire) => wire.received(),
            Self::Http2(counters) => counters.received(),
            Self::Cgi(counters) => counters.received(),
        }
    }
}

/// A response body as the engine reads it.
#[derive(Debug)]
pub(crate) enum Incoming {
    H1(h1::Incoming),
    Hyper(http1::Incoming),
    Http2(Box<http2::Incoming>),
    FastCgi(Box<fastcgi::Incoming>),
    Cgi(Box<cgi::Incoming>),
    Memcached(Box<memcached::Incoming>),
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::H1(incoming) => Pin::new(incoming).poll_frame(cx),
            Self::Hyper(incoming) => Pin::new(incoming).poll_frame(cx),
            Self::Http2(incoming) => Pin::new(&mut **incoming).poll_frame(cx),
            Self::FastCgi(incoming) => Pin::new(&mut **incoming).poll_frame(cx).map_err(fastcgi::error),
            Self::Cgi(incoming) => Pin::new(&mut **incoming).poll_frame(cx).map_err(cgi::error),
            Self::Memcached(incoming) => Pin::new(&mut **incoming).poll_frame(cx).map_err(memcached::error),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::H1(incoming) => incoming.is_end_stream(),
            Self::Hyper(incoming) => incoming.is_end_stream(),
            Self::Http2(incoming) => incoming.is_end_stream(),
            Self::FastCgi(incoming) => incoming.is_end_stream(),
            Self::Cgi(incoming) => incoming.is_end_stream(),
            Self::Memcached(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::H1(incoming) => incoming.size_hint(),
            Self::Hyper(incoming) => incoming.size_hint(),
            Self::Http2(incoming) => incoming.size_hint(),
            Self::FastCgi(incoming) => incoming.size_hint(),
            Self::Cgi(incoming) => incoming.size_hint(),
            Self::Memcached(incoming) => incoming.size_hint(),
        }
    }
}
