//! The task of a connection.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, Stream as _, unfold};
use propylon_exchange::{Address, clock};
use propylon_h3::{Code, LAST_STREAM, Settings, goaway};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::control::{Control, listen};
use super::{Shared, code, exchange};
use crate::client::multiplexed::GOODBYE;
use crate::client::{Client, Phase, Service};

/// How long it may take, while nobody waits for the process to end, to read what it has got: many lose what they have not read
/// when the connection is closed (nginx's `lingering_timeout`).
const LINGER: Duration = Duration::from_secs(5);

/// How many streams are taken in one go, before others have their turn.
const MOST_STREAMS: usize = 64;

/// What the connection waits for, which has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// The next request after so many.
    Idle(u64),
    /// Nothing: requests are being served.
    Busy,
    /// That the client has heard that it is to ask for nothing more, so long.
    Goodbye(Duration),
}

/// Streams that a client opens, one after the other.
type Opened<T> = Pin<Box<dyn futures_util::Stream<Item = Result<T, ConnectionError>> + Send>>;

type Both = (SendStream, RecvStream);
type Listening = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a client's requests until the connection is over.
pub(super) async fn serve<S: Service>(
    quic: Connection,
    client: Arc<Client>,
    service: S,
    drain: CancellationToken,
) {
    let Some(engine) = service.engine() else { return quic.close(code(Code::NO_ERROR), b"") };
    let shared = Arc::new(Shared::new(quic.clone(), client.clone(), engine.clone()));
    let settings =
        Settings { max_field_section_size: Some(engine.http3.section as u64), connect_protocol: false };
    let is_listening = || service.engine().is_some();
    client.reading.arm(engine.timeouts.header); // for the first request
    let mut driver = Driver {
        both: opened(quic.clone(), |quic| async move { quic.accept_bi().await }),
        one_way: opened(quic.clone(), |quic| async move { quic.accept_uni().await }),
        control: Control::new(&quic, &settings),
        requests: FuturesUnordered::new(),
        listening: FuturesUnordered::new(),
        serve: |streams| exchange::serve(service.clone(), shared.clone(), streams),
        shared: &shared,
        waits: Waits::Idle(0),
        leaving: None,
        next: 0,
        last_word: false,
    };
    poll_fn(|cx| clock::hold(|| driver.poll(cx, drain.is_cancelled(), is_listening))).await;
    drop(driver);
    shared.leave();
}

fn opened<T, F>(quic: Connection, open: impl Fn(Connection) -> F + Send + Copy + 'static) -> Opened<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ConnectionError>> + Send + 'static,
{
    Box::pin(unfold(quic, move |quic| async move { Some((open(quic.clone()).await, quic)) }))
}

struct Driver<'c, F, T> {
    both: Opened<Both>,
    one_way: Opened<RecvStream>,
    control: Control,
    requests: FuturesUnordered<T>,
    listening: FuturesUnordered<Listening>,
    /// Serves a request.
    serve: F,
    shared: &'c Arc<Shared>,
    waits: Waits,
    /// When the client was told to ask for nothing more.
    leaving: Option<Instant>,
    /// The stream of the next request that has not been looked at.
    next: u64,
    /// The client was told which requests nobody has looked at.
    last_word: bool,
}

impl<F, T> Driver<'_, F, T>
where
    F: Fn(Both) -> T,
    T: Future<Output = ()>,
{
    fn poll(&mut self, cx: &mut Context<'_>, draining: bool, is_listening: impl Fn() -> bool) -> Poll<()> {
        let client = &self.shared.client;
        client.waker.register(cx.waker());
        client.body_waker.register(cx.waker());
        self.shared.look();
        let lost = self.accept(cx, &is_listening).is_ready(); // the client has closed it, or is gone
        while let Poll::Ready(Some(())) = Pin::new(&mut self.listening).poll_next(cx) {}
        while let Poll::Ready(Some(())) = Pin::new(&mut self.requests).poll_next(cx) {}
        if lost {
            return Poll::Ready(()); // only now: who has all of a response may leave in the same packet that says so
        }
        let ended = self.look(draining);
        self.control.poll(cx);
        ended
    }

    /// Takes the streams that the client has opened.
    fn accept(&mut self, cx: &mut Context<'_>, is_listening: &impl Fn() -> bool) -> Poll<()> {
        for count in 0.. {
            if count == MOST_STREAMS {
                cx.waker().wake_by_ref();
                break;
            }
            match self.one_way.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(receive))) => {
                    self.listening.push(Box::pin(listen(self.shared.clone(), receive)));
                    continue;
                }
                Poll::Ready(_) => return self.lost(),
                Poll::Pending => {}
            }
            match self.both.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(streams))) => self.take(streams, is_listening),
                Poll::Ready(_) => return self.lost(),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }

    fn take(&mut self, (mut send, mut receive): Both, is_listening: &impl Fn() -> bool) {
        let moved = Address::from(self.shared.quic.remote_address()).as_ip()
            != self.shared.client.connection.peer.as_ip();
        if !is_listening() || moved {
            self.leave(); // a reload took the listener away; or it is a client of another address, which has to be judged anew
            self.say_last_word();
        }
        if self.leaving.is_some_and(|since| clock::now() > since + GOODBYE) {
            self.say_last_word(); // it has heard of it by now
        }
        if self.last_word {
            // They fail only for one that is over.
            let _ = send.reset(code(Code::REQUEST_REJECTED));
            let _ = receive.stop(code(Code::REQUEST_REJECTED));
            self.shared.wasted("requests after GOAWAY");
        } else {
            self.next = u64::from(send.id()) + 4;
            self.requests.push((self.serve)((send, receive)));
        }
    }

    /// QUIC has ended the connection.
    fn lost(&self) -> Poll<()> {
        if let Some(ConnectionError::TransportError(error)) = self.shared.quic.close_reason() {
            self.violated(&error);
        }
        Poll::Ready(())
    }

    /// Whether the connection is to go on.
    fn look(&mut self, draining: bool) -> Poll<()> {
        if let Some(fault) = self.shared.fault() {
            self.violated(&fault);
            return self.close(fault.code);
        }
        if let Some(what) = self.shared.flood() {
            let (id, client) = (self.shared.client.connection.id, self.shared.client.connection.peer);
            self.shared.client.says(|| {
                tracing::warn!(target: "propylon_gateway", connection = id, %client, "http3 flood detected: too many {what}");
            });
            return self.close(Code::EXCESSIVE_LOAD);
        }
        let engine = &self.shared.engine;
        let requests = self.shared.client.requests();
        if draining || engine.keepalive.is_none() && requests > 0 || requests >= engine.http3.requests {
            self.leave();
        }
        self.wait(draining)
    }

    /// Has the client ask for nothing more.
    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.leaving = Some(clock::now());
            self.control.say(goaway(LAST_STREAM));
        }
    }

    /// Says which requests nobody looks at: these may be sent again elsewhere.
    fn say_last_word(&mut self) {
        if !std::mem::replace(&mut self.last_word, true) {
            self.control.say(goaway(self.next));
        }
    }

    /// Waits for what is next, as long as it may take.
    fn wait(&mut self, draining: bool) -> Poll<()> {
        let reading = &self.shared.client.reading;
        if reading.has_passed() {
            return self.close(Code::NO_ERROR); // in silence, as in nginx
        }
        let waits = match () {
            () if !self.requests.is_empty() => Waits::Busy,
            () if self.leaving.is_some() => Waits::Goodbye(if draining { GOODBYE } else { LINGER }),
            () => Waits::Idle(self.shared.client.requests()),
        };
        if waits != self.waits {
            self.waits = waits;
            let keepalive = self.shared.engine.keepalive;
            self.shared.client.enters(if waits == Waits::Busy { Phase::Busy } else { Phase::Idle });
            match waits {
                Waits::Idle(_) => reading.arm(keepalive.unwrap_or_default()),
                Waits::Goodbye(longest) => reading.arm(longest),
                Waits::Busy => reading.disarm(),
            }
        }
        Poll::Pending
    }

    /// Ends the connection, with all its streams.
    fn close(&self, why: Code) -> Poll<()> {
        self.shared.quic.close(code(why), b"");
        Poll::Ready(())
    }

    fn violated(&self, what: &dyn std::fmt::Display) {
        let (id, client) = (self.shared.client.connection.id, self.shared.client.connection.peer);
        self.shared.client.says(|| {
            tracing::info!(target: "propylon_gateway", connection = id, %client, "client violated HTTP/3: {what}");
        });
    }
}
