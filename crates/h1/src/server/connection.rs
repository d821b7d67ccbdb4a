//! The connection's task.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use http::{Method, Request, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::exchange::Exchange;
use super::flight::Flight;
use super::handle::Shared;
use super::observer::End;
use super::reading::{Next, Wire};
use super::sending::Files;
use super::{
    Config, Context, Deadlines, Handle, Observer, OneTimer, Rejected, RequestBody, ResponseTimeouts, Service,
    Upgraded, Wait,
};
use crate::io::{Input, Output, SendFile};
use crate::proto::RequestParser;
use crate::{BodyKind, HeadError, maps};

/// A client's connection, served by one future until it is over: nothing is spawned.
///
/// Requests are served one after the other, pipelined ones too. A service that is being waited for is dropped when the client
/// leaves. `TCP_NODELAY` should be set: messages leave whole, and the last piece of a large one should not wait.
#[must_use = "a connection serves when it runs"]
pub struct Connection<I, S, O, D = OneTimer> {
    wire: Wire<I, D>,
    service: S,
    observer: O,
}

/// A connection that is over.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closed<I> {
    /// The stream, whose writing side was closed if the connection ended in order. `None` if it was handed over.
    pub io: Option<I>,
    /// How the last exchange ended, if it was not complete.
    pub cut: Option<End>,
    /// Whether what was sent of a response that was cut shows that it was: then the stream was closed in order, and all that was sent
    /// arrives. Otherwise it may look whole (to HTTP/1.0) unless the stream is now reset (by a zero `SO_LINGER`).
    pub shows: bool,
    /// How many requests it had.
    pub requests: u64,
}

/// What follows an exchange.
pub(super) enum After {
    Next,
    /// Nothing yet: its head is refused, of which so many bytes came.
    Refused(Box<(HeadError, u64)>),
    Close {
        linger: bool,
    },
    /// It was cut: nothing more can be said.
    Drop(End),
    /// It was cut, and its framing shows that.
    Cut {
        linger: bool,
    },
    HandOver(oneshot::Sender<Upgraded>),
}

impl<I, S, O> Connection<I, S, O> {
    /// Serves `io` with `service`; `observer` is told what happens.
    pub fn new(io: I, service: S, observer: O) -> Self {
        let config = Arc::<Config>::default();
        let wire = Wire {
            io,
            input: Input::new(config.read_buffer),
            output: Output::default(),
            parser: RequestParser::new(),
            timeouts: ResponseTimeouts::of(&config),
            config,
            deadlines: OneTimer::new(),
            shared: Arc::<Shared>::default(),
            requests: 0,
            writing: false,
            readable: None,
            send_file: None,
        };
        Self { wire, service, observer }
    }
}

impl<I, S, O, D> Connection<I, S, O, D> {
    /// Behaves as `config` says, instead of its default.
    pub fn config(mut self, config: Arc<Config>) -> Self {
        self.wire.input = Input::new(config.read_buffer);
        self.wire.timeouts = ResponseTimeouts::of(&config);
        self.wire.config = config;
        self
    }

    /// Has its deadlines watched by `deadlines`, instead of a timer of its own.
    pub fn deadlines<E: Deadlines>(self, deadlines: E) -> Connection<I, S, O, E> {
        let Wire {
            io,
            input,
            output,
            parser,
            config,
            shared,
            requests,
            timeouts,
            writing,
            readable,
            send_file,
            ..
        } = self.wire;
        let wire = Wire {
            io,
            input,
            output,
            parser,
            config,
            deadlines,
            shared,
            requests,
            timeouts,
            writing,
            readable,
            send_file,
        };
        Connection { wire, service: self.service, observer: self.observer }
    }

    /// Asks the stream whether there is anything to read before a buffer is got for it, where nothing is expected: what runtimes
    /// can tell of a socket. Ready is always a right answer; pending must wake the task.
    pub fn readable(mut self, readable: fn(&I, &mut std::task::Context<'_>) -> Poll<()>) -> Self {
        self.wire.readable = Some(readable);
        self
    }

    /// Has parts of files sent so, which the service's bodies may [have](Service::take_file): what runtimes can do with a socket that
    /// nothing is encrypted on, for example by [`QueuedStream::poll_send_file`](crate::sends::QueuedStream::poll_send_file). Without it
    /// no body is asked for files.
    pub fn send_files(mut self, send: SendFile<I>) -> Self {
        self.wire.send_file = Some(send);
        self
    }

    /// Speaks to the connection while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.wire.shared))
    }
}

impl<I, S, O, D> Connection<I, S, O, D>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service,
    O: Observer,
    D: Deadlines,
{
    /// Serves until the connection is over.
    pub async fn run(self) -> Closed<I> {
        let Self { mut wire, service, observer } = self;
        let after = {
            let shared = Arc::clone(&wire.shared);
            let mut driver = None;
            let mut serving = pin!(serve_all(&mut wire, &service, &observer));
            poll_fn(|cx| {
                shared.is_driven_by(&mut driver, cx.waker());
                serving.as_mut().poll(cx)
            })
            .await
        };
        if let After::Close { linger } | After::Cut { linger } = after {
            wire.close(linger).await;
        }
        let Wire { io, mut input, requests, .. } = wire;
        match after {
            After::HandOver(taker) => {
                // Nobody takes it: it is closed.
                let _ = taker.send(Upgraded::new(io, input.take().freeze()));
                Closed { io: None, cut: None, shows: false, requests }
            }
            After::Drop(end) => Closed { io: Some(io), cut: Some(end), shows: false, requests },
            After::Cut { .. } => Closed { io: Some(io), cut: Some(End::Truncated), shows: true, requests },
            After::Next | After::Refused(_) | After::Close { .. } => {
                Closed { io: Some(io), cut: None, shows: false, requests }
            }
        }
    }
}

/// Serves one request after the other, until something else is to be done.
async fn serve_all<I, S, O, D>(wire: &mut Wire<I, D>, service: &S, observer: &O) -> After
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
    S: Service,
    O: Observer,
    D: Deadlines,
{
    wire.deadlines.arm(Wait::Read, wire.config.timeouts.head);
    loop {
        let mut after = match poll_fn(|cx| wire.poll_head(observer, cx)).await {
            // In a box, so that an idle connection has no room for a request.
            Next::Head => {
                let room = Box::new_uninit(); // first: the future is made in its place
                Box::into_pin(Box::write(room, serve(wire, service, observer))).await
            }
            Next::Refused(refused) => After::Refused(refused),
            Next::Closed => After::Close { linger: false },
        };
        if let After::Refused(refused) = after {
            after = Box::pin(reject(wire, observer, &refused.0, refused.1)).await;
        }
        if !matches!(after, After::Next) {
            return after;
        }
        // Between two requests nothing is held.
        wire.input.rest();
        wire.deadlines.arm(Wait::Read, wire.timeouts.idle.unwrap_or_default());
    }
}

/// Serves the request whose head was found.
async fn serve<I, S, O, D>(wire: &mut Wire<I, D>, service: &S, observer: &O) -> After
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
    S: Service,
    O: Observer,
    D: Deadlines,
{
    // Made where it is needed, step by step: a request is large, and much of the work would be to move it.
    let mut request = Request::new(RequestBody::empty());
    maps::put(request.headers_mut(), maps::take());
    let raw = wire.parser.cut(wire.input.bytes());
    let judged = match wire.parser.judge(&raw, request.headers_mut()) {
        Ok(judged) => judged,
        Err(kind) => {
            let (error, bytes) = (wire.parser.refused(kind, &raw), wire.parser.head_len() as u64);
            return After::Refused(Box::new((error, bytes)));
        }
    };
    wire.requests += 1;
    let mut flight = Flight::new(observer, Exchange::new(wire.requests, &judged, wire.output.sent()));
    let exchange = &mut flight.exchange;
    if judged.body != BodyKind::Empty {
        *request.body_mut() =
            exchange.request_body(judged.body, wire.input.bytes(), &wire.config.limits, &wire.shared);
    }
    wire.shared.open.store(exchange.number, Ordering::Release);
    let mut answer = None;
    let answered = {
        let context = Context {
            shared: Arc::clone(&wire.shared),
            number: exchange.number,
            interim: exchange.version >= Version::HTTP_11,
            upgrade: exchange.upgrade,
            received: wire.parser.fill(judged, raw, &mut request),
        };
        let mut future = pin!(service.call(request, context));
        poll_fn(|cx| wire.poll_serving(exchange, future.as_mut(), &mut answer, cx)).await
    };
    if let Err(end) = answered {
        return flight.cut(wire, end);
    }
    let Some(Ok(response)) = &answer else { return flight.cut(wire, End::Unanswered) };
    let status = response.status();
    wire.timeouts = S::timeouts(response.body()).unwrap_or_else(|| ResponseTimeouts::of(&wire.config));
    let (mut outgoing, keep_alive) = wire.begin_response(exchange, response);
    // Taken out of where it is, and moved no more than it has to be.
    let Some(Ok(response)) = answer else { return flight.cut(wire, End::Unanswered) };
    let end = {
        // It goes when it has been told how its exchange ended: who waits for that has it as long.
        let mut body = pin!(into_body(response));
        let files = Files { take: S::take_file, unreadable: S::unreadable };
        let end = poll_fn(|cx| wire.poll_sending(exchange, &mut outgoing, body.as_mut(), &files, cx)).await;
        flight.finish(wire.output.sent(), end);
        end
    };
    wire.output.clear();
    let exchange = &mut flight.exchange;
    if end == End::Truncated && outgoing.shows_a_cut() {
        let linger = exchange.incoming.is_some() || exchange.broken || !wire.input.is_empty();
        return After::Cut { linger };
    }
    if end != End::Complete {
        return After::Drop(end);
    }
    if switches(&exchange.method, status) {
        // What is left of a body is not the other protocol's.
        let clean = exchange.upgrade && exchange.incoming.is_none() && !exchange.broken;
        let taker = clean.then(|| wire.shared.take_upgrade(exchange.number)).flatten();
        return taker.map_or(After::Close { linger: false }, After::HandOver);
    }
    if exchange.incoming.is_none() && !exchange.broken {
        return if keep_alive { After::Next } else { After::Close { linger: !wire.input.is_empty() } };
    }
    let mut dropped = 0;
    if keep_alive && poll_fn(|cx| wire.poll_drain(exchange, &mut dropped, cx)).await {
        return After::Next;
    }
    After::Close { linger: true }
}

/// The body of a response whose head has been written.
fn into_body<B>(response: Response<B>) -> B {
    let (head, body) = response.into_parts();
    maps::give(head.headers);
    body
}

/// Answers a head that was refused.
async fn reject<I, O, D>(wire: &mut Wire<I, D>, observer: &O, error: &HeadError, head_bytes: u64) -> After
where
    I: AsyncRead + AsyncWrite + Unpin,
    O: Observer,
    D: Deadlines,
{
    wire.requests += 1;
    let answer = observer.head_rejected(Rejected { number: wire.requests, error, head_bytes });
    let mut exchange = Exchange::rejected(wire.requests, head_bytes, wire.output.sent());
    if error.first_line().starts_with(b"HEAD ") {
        exchange.method = Method::HEAD; // as much of it was understood
    }
    let mut flight = Flight::new(observer, exchange);
    let Some(answer) = answer else {
        return flight.cut(wire, End::Unanswered);
    };
    let response = answer.map(RequestBody::full);
    let (mut outgoing, _) = wire.begin_response(&mut flight.exchange, &response);
    let end = {
        let mut body = pin!(into_body(response));
        let exchange = &mut flight.exchange;
        poll_fn(|cx| wire.poll_sending(exchange, &mut outgoing, body.as_mut(), &Files::none(), cx)).await
    };
    wire.output.clear();
    if end != End::Complete {
        return flight.cut(wire, end);
    }
    flight.finish(wire.output.sent(), end);
    After::Close { linger: true }
}

/// Whether the response hands the connection over.
fn switches(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (*method == Method::CONNECT && status.is_success())
}

impl<I, S, O, D> fmt::Debug for Connection<I, S, O, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("requests", &self.wire.requests).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context as Cx, Waker};

    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Looks for the next head once: whether there is one, and whether a buffer is held.
    fn look<I: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<I, OneTimer>) -> (bool, bool) {
        let polled = wire.poll_head(&(), &mut Cx::from_waker(Waker::noop()));
        let held = wire.input.holds_buffer() || wire.output.holds_buffer();
        (matches!(polled, Poll::Ready(Next::Head)), held)
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffer() {
        struct Hello;
        impl Service for Hello {
            type Body = RequestBody;
            type Error = ();

            async fn call(
                &self,
                _: http::Request<RequestBody>,
                _: Context,
            ) -> Result<Response<RequestBody>, ()> {
                Ok(Response::new(Bytes::from_static(b"hello").into()))
            }
        }

        let (mut client, server) = tokio::io::duplex(1024);
        let mut wire = Connection::new(server, (), ()).wire;
        assert_eq!(look(&mut wire), (false, false));
        client.write_all(b"GET / HT").await.unwrap();
        assert_eq!(look(&mut wire), (false, true));
        client.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let Next::Head = poll_fn(|cx| wire.poll_head(&(), cx)).await else { panic!() };
        assert!(matches!(serve(&mut wire, &Hello, &()).await, After::Next));
        wire.input.rest();
        assert_eq!(look(&mut wire), (false, false));
        let mut some = [0; 15];
        client.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/1.1 200 OK");
        let size = size_of_val(&wire);
        assert!(size <= 1024, "{size} bytes for each idle connection");
    }

    #[tokio::test]
    async fn an_idle_connection_has_no_room_for_a_request() {
        struct Large;
        impl Service for Large {
            type Body = RequestBody;
            type Error = ();

            async fn call(
                &self,
                _: http::Request<RequestBody>,
                _: Context,
            ) -> Result<Response<RequestBody>, ()> {
                let room = [0; 64 << 10];
                tokio::task::yield_now().await;
                Ok(Response::new(Bytes::copy_from_slice(std::hint::black_box(&room)).into()))
            }
        }

        let (_client, server) = tokio::io::duplex(1024);
        let size = size_of_val(&Connection::new(server, Large, ()).run());
        assert!(size <= 3 << 10, "{size} bytes for each connection");
    }
}
