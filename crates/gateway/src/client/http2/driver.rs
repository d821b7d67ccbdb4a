//! The task of a connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, Stream as _};
use h2::server::{Builder, Connection};
use h2::{Reason, RecvStream};
use http::Request;
use parking_lot::Mutex;
use propylon_exchange::clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frames::Frames;
use super::nudge::Nudge;
use super::shared::Unseen;
use super::{Io, Shared, Stream, exchange};
use crate::client::multiplexed::GOODBYE;
use crate::client::{self, Client, Engine, Phase, Service};

/// How long a connection that is being closed may take to say so, and is read from (`lingering_time`).
const LINGER: Duration = Duration::from_secs(5);

/// How much of all bodies a client may send before any of it is read.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How often the connection and its requests are looked at in one go, before others have their turn.
const MOST_ROUNDS: usize = 8;

/// How many streams may be refused for what the client did on them: in one go, for else the toll stops it first.
const MISTAKES: usize = 200;

/// How much of a response may wait for the kernel.
const SEND_BUFFER: usize = 64 * 1024;

/// What the connection waits for, which has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// The next request after so many.
    Idle(u64),
    /// The rest of what has begun when so many frames had come.
    Midway(u64),
    /// Nothing: requests are being served.
    Busy,
    /// That the client has heard that it is to ask for nothing more.
    Goodbye,
    /// The end.
    Closing,
}

/// Serves a client's requests until the connection is over.
pub(crate) async fn serve<S: Service>(
    stream: client::Stream,
    client: Arc<Client>,
    service: S,
    drain: CancellationToken,
) {
    let Some(engine) = service.engine() else { return };
    let shared = Arc::new(Shared::new(client.clone(), engine.clone()));
    let received = Io::received();
    client.reading.arm(engine.timeouts.header);
    let io = Io::new(stream, shared.clone(), received.clone());
    let Some(connection) = begin(io, &client, &engine).await else { return };
    let requests = FuturesUnordered::new();
    let serve = |stream, request| exchange::serve(service.clone(), shared.clone(), stream, request);
    let refuse = |stream: &Stream, unseen| refuse(&service, &client, stream, unseen);
    let is_listening = || service.engine().is_some();
    let (nudge, waker) = Nudge::new();
    let mut driver = Driver {
        connection,
        requests,
        serve,
        shared: &shared,
        received: &received,
        waits: Waits::Idle(0),
        nudge,
        waker,
        leaving: None,
    };
    client.reading.arm(engine.timeouts.header); // for the first request
    poll_fn(|cx| {
        clock::hold(|| {
            let ended = driver.poll(cx, drain.is_cancelled(), is_listening);
            while let Some((stream, unseen)) = shared.take_unseen() {
                refuse(&stream, unseen);
            }
            ended
        })
    })
    .await;
    drop(driver);
    shared.leave();
}

/// The connection, when the client has begun as one of HTTP/2 must.
async fn begin(io: Io, client: &Client, engine: &Engine) -> Option<Connection<Io, Bytes>> {
    let config = &engine.http2;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(config.max_concurrent_streams)
        .initial_window_size(config.body_preread_size)
        .initial_connection_window_size(CONNECTION_WINDOW.max(config.body_preread_size))
        .max_header_list_size(config.header_list_size)
        .max_pending_accept_reset_streams(config.max_concurrent_streams as usize)
        .max_local_error_reset_streams(Some(MISTAKES))
        .max_send_buffer_size(SEND_BUFFER)
        .enable_connect_protocol();
    let mut greeting = pin!(builder.handshake(io));
    poll_fn(|cx| {
        client.waker.register(cx.waker());
        match greeting.as_mut().poll(cx) {
            Poll::Ready(connection) => Poll::Ready(connection.ok()),
            Poll::Pending if client.reading.has_passed() => Poll::Ready(None), // in silence, as in nginx
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Writes the log line of what the engine has answered by itself.
fn refuse<S: Service>(service: &S, client: &Arc<Client>, stream: &Stream, unseen: Unseen) {
    use http::StatusCode;
    let status = match unseen {
        Unseen::Answered => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        // It does not count as asked: the client will ask again.
        Unseen::Refused(code) if code == u32::from(Reason::REFUSED_STREAM) => return,
        Unseen::Refused(_) => StatusCode::BAD_REQUEST,
    };
    service.refused(client, status, &stream.track);
}

struct Driver<'c, F, T> {
    connection: Connection<Io, Bytes>,
    requests: FuturesUnordered<T>,
    /// Serves a request.
    serve: F,
    shared: &'c Arc<Shared>,
    received: &'c Mutex<Frames>,
    waits: Waits,
    /// With what the connection and its requests are woken.
    nudge: Arc<Nudge>,
    waker: Waker,
    /// When the client was told to ask for nothing more.
    leaving: Option<Instant>,
}

impl<F, T> Driver<'_, F, T>
where
    F: Fn(Arc<Stream>, Request<RecvStream>) -> T,
    T: Future<Output = ()>,
{
    fn poll(&mut self, cx: &Context<'_>, draining: bool, is_listening: impl Fn() -> bool) -> Poll<()> {
        let client = &self.shared.client;
        client.waker.register(cx.waker());
        client.body_waker.register(cx.waker());
        self.nudge.begin(cx.waker());
        self.shared.look();
        let mut ended = Poll::Pending;
        for more in (0..MOST_ROUNDS).rev() {
            ended = self.round(&is_listening);
            // What requests have said is sent by the connection, and what has come goes to requests. What is wanted after the last
            // round wakes the task again.
            if ended.is_ready() || more == 0 || !self.nudge.take() {
                break;
            }
        }
        if ended.is_pending() {
            ended = self.look(draining);
        }
        self.nudge.end();
        ended
    }

    /// One look at what comes, and at every request for which something is new.
    fn round(&mut self, is_listening: &impl Fn() -> bool) -> Poll<()> {
        let waker = self.waker.clone();
        let cx = &mut Context::from_waker(&waker);
        while let Poll::Ready(accepted) = self.connection.poll_accept(cx) {
            let Some(Ok((request, respond))) = accepted else {
                self.report_fault();
                return Poll::Ready(());
            };
            let stream = self.shared.stream(respond.stream_id().as_u32());
            stream.accepted(respond);
            if !is_listening() {
                self.leave(); // a reload took the listener away
                stream.reset(Reason::REFUSED_STREAM);
            } else if self.leaving.is_some_and(|since| clock::now() > since + GOODBYE) {
                stream.reset(Reason::REFUSED_STREAM); // it has heard of it by now
            } else {
                self.requests.push((self.serve)(stream, request));
            }
        }
        while let Poll::Ready(Some(())) = Pin::new(&mut self.requests).poll_next(cx) {}
        Poll::Pending
    }

    /// Whether the connection is to go on.
    fn look(&mut self, draining: bool) -> Poll<()> {
        let client = &self.shared.client;
        self.report_fault();
        if self.shared.is_shut() && self.waits != Waits::Closing {
            self.waits = Waits::Closing;
            client.reading.arm(if draining { GOODBYE } else { LINGER });
        }
        if let Some(frames) = self.shared.flood().filter(|_| self.waits != Waits::Closing) {
            client.says(|| {
                let (id, client) = (client.connection.id, client.connection.peer);
                tracing::warn!(target: "propylon_gateway", connection = id, %client, "http2 flood detected: too many {frames}");
            });
            return self.close(Reason::ENHANCE_YOUR_CALM);
        }
        let engine = &self.shared.engine;
        if draining
            || engine.keepalive.is_none() && client.requests() > 0
            || client.requests() >= engine.http2.requests
        {
            self.leave();
        }
        self.wait()
    }

    /// Has the client ask for nothing more.
    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.leaving = Some(clock::now());
            self.connection.graceful_shutdown();
            self.waker.wake_by_ref(); // for it to be said
        }
    }

    /// Waits for what is next, as long as it may take.
    fn wait(&mut self) -> Poll<()> {
        let reading = &self.shared.client.reading;
        if reading.has_passed() {
            return match self.waits {
                Waits::Closing => Poll::Ready(()),
                Waits::Midway(_) => {
                    let (id, client) = (self.shared.client.connection.id, self.shared.client.connection.peer);
                    self.shared.client.says(|| {
                        tracing::info!(target: "propylon_gateway", connection = id, %client, "client timed out (110: Connection timed out) while processing HTTP/2 connection");
                    });
                    self.close(Reason::PROTOCOL_ERROR)
                }
                _ => {
                    let closing = self.close(Reason::NO_ERROR);
                    reading.arm(GOODBYE);
                    closing
                }
            };
        }
        if self.waits == Waits::Closing {
            return Poll::Pending;
        }
        let (count, midway) = {
            let received = self.received.lock();
            (received.count(), received.is_midway())
        };
        let idle = self.requests.is_empty() && self.shared.is_idle();
        let waits = match () {
            () if midway => Waits::Midway(count),
            () if !idle => Waits::Busy,
            () if self.leaving.is_some() => Waits::Goodbye,
            () => Waits::Idle(self.shared.client.requests()),
        };
        if waits != self.waits {
            self.waits = waits;
            let engine = &self.shared.engine;
            let rests = matches!(waits, Waits::Idle(_) | Waits::Goodbye);
            self.shared.client.enters(if rests { Phase::Idle } else { Phase::Busy });
            match waits {
                Waits::Midway(_) => reading.arm(engine.timeouts.header),
                Waits::Idle(_) => reading.arm(engine.keepalive.unwrap_or_default()),
                Waits::Goodbye => reading.arm(GOODBYE),
                Waits::Busy | Waits::Closing => reading.disarm(),
            }
        }
        Poll::Pending
    }

    /// Ends the connection, with all its streams.
    fn close(&mut self, reason: Reason) -> Poll<()> {
        self.waits = Waits::Closing;
        self.shared.client.reading.arm(LINGER);
        self.connection.abrupt_shutdown(reason);
        self.waker.wake_by_ref(); // for it to be said
        Poll::Pending
    }

    /// The client was sent away for an error that the engine has found.
    fn report_fault(&self) {
        let Some(code) = self.shared.take_fault().filter(|_| self.waits != Waits::Closing) else { return };
        let (id, client, reason) =
            (self.shared.client.connection.id, self.shared.client.connection.peer, Reason::from(code));
        self.shared.client.says(|| {
            if reason == Reason::ENHANCE_YOUR_CALM {
                tracing::warn!(target: "propylon_gateway", connection = id, %client, "http2 flood detected");
            } else {
                tracing::info!(target: "propylon_gateway", connection = id, %client, "client violated HTTP/2 ({reason:?})");
            }
        });
    }
}
