//! The response's body, which has the connection until its end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::Error;
use super::upload::{AnyBody, Upload};
use super::{Connection, Keeper};
use crate::io::{Begun, Stop, begin};
use crate::proto::{Decoder, Event};
use crate::{BodyError, BodyKind, ReceivedResponse};

/// The body of a peer's response.
///
/// It has the connection until its end, and gives it back then if both sides keep it, the whole request was sent and nothing
/// came behind the response. Dropped before its end, or failed, it closes the connection. If the request is still being sent,
/// that goes on while this is polled.
pub struct Body<I, K> {
    state: State<I, K>,
    received: ReceivedResponse,
}

enum State<I, K> {
    /// What is left of it is here; the connection is not.
    Here {
        data: Bytes,
        trailers: Option<Box<HeaderMap>>,
    },
    /// Boxed: it moves with every layer's response, and takes its time anyhow.
    Streaming(Box<Streaming<I, K>>),
    Tunnel(Connection<I>),
}

struct Streaming<I, K> {
    connection: Connection<I>,
    /// Who gets the connection back, if anybody.
    keeper: Option<K>,
    decoder: Decoder,
    /// What came with the head, to be given first.
    data: Bytes,
    /// What is known to come after `data`.
    then: Option<Result<HeaderMap, BodyError>>,
    /// What is left of the request.
    upload: Option<Upload<AnyBody>>,
}

/// A connection that is handed over to another protocol.
#[derive(Debug)]
#[non_exhaustive]
pub struct Upgraded<I> {
    /// The stream.
    pub io: I,
    /// What had been read of it already.
    pub read: Bytes,
}

impl<I, K: Keeper<I>> Body<I, K> {
    pub(super) fn new(
        mut connection: Connection<I>,
        keeper: K,
        kind: BodyKind,
        reusable: bool,
        upload: Option<Upload<AnyBody>>,
        received: ReceivedResponse,
    ) -> Self {
        if kind == BodyKind::Tunnel {
            return Self { state: State::Tunnel(connection), received };
        }
        let keeper = reusable.then_some(keeper);
        let mut decoder = Decoder::new(kind);
        // As most are.
        if let Some(data) = decoder.decode_whole(connection.wire.input.bytes()) {
            end(connection, keeper, upload.is_none());
            return Self { state: State::Here { data, trailers: None }, received };
        }
        let state = begun(connection, keeper, decoder, upload);
        Self { state, received }
    }
}

/// What there is of a body that is not known to be here.
#[inline(never)]
fn begun<I, K: Keeper<I>>(
    mut connection: Connection<I>,
    keeper: Option<K>,
    mut decoder: Decoder,
    upload: Option<Upload<AnyBody>>,
) -> State<I, K> {
    let wire = &mut *connection.wire;
    let Begun { data, stop } = begin(&mut decoder, wire.input.bytes(), &wire.config.limits);
    let trailers = match stop {
        Stop::End => None,
        Stop::Trailers(trailers) => Some(Box::new(trailers)),
        Stop::More | Stop::Error(_) => {
            let then = if let Stop::Error(error) = stop { Some(Err(error)) } else { None };
            return State::Streaming(Box::new(Streaming { connection, keeper, decoder, data, then, upload }));
        }
    };
    end(connection, keeper, upload.is_none());
    State::Here { data, trailers }
}

/// The response has come to its end: the connection goes back, if it is in no doubt.
fn end<I, K: Keeper<I>>(mut connection: Connection<I>, keeper: Option<K>, sent: bool) {
    let Some(keeper) = keeper else { return };
    let wire = &mut *connection.wire;
    // A peer that answers before it has read the whole request may never read the rest.
    if sent && !wire.deaf && wire.input.is_empty() && !wire.input.has_ended() {
        wire.input.rest();
        keeper.give_back(connection);
    }
}

impl<I, K> Body<I, K> {
    /// What `http::Response` has no place for: the raw head above all.
    #[must_use]
    pub fn received(&self) -> &ReceivedResponse {
        &self.received
    }

    /// All of it, if it came with its head, has no trailers, and nobody has begun to read it. The connection is back then.
    ///
    /// # Errors
    ///
    /// The body itself, if it has to be read.
    pub fn into_bytes(self) -> Result<Bytes, Self> {
        match self.state {
            State::Here { data, trailers: None } => Ok(data),
            state => Err(Self { state, ..self }),
        }
    }

    /// The connection, if the response hands it over: 101, or 2xx to CONNECT.
    ///
    /// # Errors
    ///
    /// The body itself, if it is one.
    pub fn into_upgraded(self) -> Result<Upgraded<I>, Self> {
        match self.state {
            State::Tunnel(mut connection) => {
                let read = connection.wire.input.take().freeze();
                Ok(Upgraded { io: connection.wire.io, read })
            }
            state => Err(Self { state, ..self }),
        }
    }
}

impl<I, K> Streaming<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    /// The next event, `NeedMore` never; the request goes on meanwhile.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Error>> {
        let wire = &mut *self.connection.wire;
        if let Some(upload) = &mut self.upload {
            match upload.poll_send(wire, cx) {
                Poll::Ready(Ok(())) => {
                    wire.output.clear();
                    self.upload = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::RequestBody(error))),
                Poll::Pending => {}
            }
        }
        if !self.data.is_empty() {
            return Poll::Ready(Ok(Event::Data(std::mem::take(&mut self.data))));
        }
        if let Some(then) = self.then.take() {
            return Poll::Ready(then.map(Event::Trailers).map_err(Error::InvalidBody));
        }
        loop {
            match self.decoder.decode(wire.input.bytes(), &wire.config.limits) {
                Ok(Event::NeedMore) => {}
                Ok(event) => return Poll::Ready(Ok(event)),
                Err(error) => return Poll::Ready(Err(Error::InvalidBody(error))),
            }
            match wire.poll_fill(cx) {
                Poll::Ready(Ok(0)) => self.decoder.eof().map_err(|_| Error::Truncated)?,
                Poll::Ready(Ok(_)) => wire.count(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::BodyIo(error))),
                Poll::Pending => {
                    wire.input.release_large();
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<I, K> HttpBody for Body<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    K: Keeper<I> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let streaming = match &mut self.state {
            State::Here { data, .. } if !data.is_empty() => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(data)))));
            }
            State::Here { trailers, .. } => {
                return Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))));
            }
            State::Tunnel(_) => return Poll::Ready(None),
            State::Streaming(streaming) => streaming,
        };
        let event = ready!(streaming.poll_event(cx));
        let clean = match &event {
            Ok(Event::Data(_)) => streaming.decoder.is_end() && streaming.upload.is_none(),
            Ok(Event::End) => true,
            Ok(_) => false,
            Err(_) => {
                self.state = State::Here { data: Bytes::new(), trailers: None };
                false
            }
        };
        if clean {
            let over = State::Here { data: Bytes::new(), trailers: None };
            if let State::Streaming(streaming) = std::mem::replace(&mut self.state, over) {
                let Streaming { connection, keeper, upload, .. } = *streaming;
                end(connection, keeper, upload.is_none());
            }
        }
        Poll::Ready(match event {
            Ok(Event::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Event::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Here { data, trailers } => data.is_empty() && trailers.is_none(),
            State::Tunnel(_) => true,
            State::Streaming(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Here { data, .. } => SizeHint::with_exact(data.len() as u64),
            State::Tunnel(_) => SizeHint::with_exact(0),
            State::Streaming(streaming) => {
                let here = streaming.data.len() as u64;
                let hint = streaming.decoder.size_hint();
                match hint.exact() {
                    Some(left) => SizeHint::with_exact(left + here),
                    None => SizeHint::default(),
                }
            }
        }
    }
}

impl<I, K> fmt::Debug for Body<I, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Here { .. } => "here",
            State::Streaming(_) => "streaming",
            State::Tunnel(_) => "tunnel",
        };
        write!(f, "Body({state})")
    }
}
