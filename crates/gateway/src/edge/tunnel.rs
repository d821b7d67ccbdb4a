//! A client's connection that has become another protocol's: its exchange goes on for as long as the tunnel.

use std::io;
use std::sync::Arc;

use propylon_exchange::{End, Exchange};
use propylon_h1::server::Upgraded;
use propylon_stack::Body;
use propylon_tunnel::{Counts, End as Ended, Tunnel, Waited};
use propylon_upstream::Upgraded as Upstream;

use crate::client::{Client, Multiplexed, Phase, Stream, http2};
use crate::rescue;
use crate::route::{Ends, LimitsSeen};
use crate::router::Location;

/// Joins the two ends as soon as the response has left, until either of them or a limit ends it. A task of its own, so that
/// the connection's is no burden any more; cancelled, it leaves its log line all the same.
pub(super) async fn run(ends: Box<Ends>, mut line: Line) {
    let Ends { client, upstream, limits, place } = *ends;
    let Some(client) = client.stream().await else {
        drop(upstream); // its bytes are counted before the line is written
        return;
    };
    if line.stream.is_none() {
        line.client.enters(Phase::Busy); // the engine has let it rest: for it the response was the end
    }
    let mut running = Running { tunnel: Tunnel::new(client, upstream).limits(limits), _place: place };
    line.counts = running.tunnel.counts();
    let ended = (&mut running.tunnel).await;
    line.report(&ended);
    close(&ended, running.tunnel, reset, Upstream::reset);
}

/// Closes both ends: what was cut on one side is not to look like what has ended on the other, which may have had all of it
/// before.
pub(crate) fn close<C, U>(
    ended: &Ended,
    tunnel: Tunnel<C, U>,
    reset_client: impl FnOnce(C),
    reset_upstream: impl FnOnce(U),
) {
    let (client_has_all, upstream_has_all) = (tunnel.client_has_all(), tunnel.upstream_has_all());
    let (client, upstream) = tunnel.into_inner();
    match ended {
        Ended::Client(error) if is_cut(error) && !upstream_has_all => reset_upstream(upstream),
        Ended::Upstream(error) if is_cut(error) && !client_has_all => {
            drop(upstream); // its bytes are counted before the line is written
            reset_client(client);
        }
        _ => {}
    }
}

/// Whether what failed so was cut. TLS that ends without its own word is the habit of many, who mean an end.
fn is_cut(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::UnexpectedEof
}

/// Resets a client's connection, or its stream.
fn reset(client: Upgraded) {
    match client.downcast::<Stream>() {
        Ok(parts) => parts.io.reset(),
        Err(client) => {
            if let Ok(parts) = client.downcast::<http2::Pipe>() {
                parts.io.reset();
            }
        }
    }
}

/// What is dropped before the log line is written.
struct Running<T> {
    tunnel: T,
    /// The peer's place.
    _place: Body,
}

/// The log line of an exchange that became a tunnel: written when this drops.
pub(super) struct Line {
    exchange: Exchange,
    location: Arc<Location>,
    client: Arc<Client>,
    /// What the client's end is a stream of, if it is no connection.
    stream: Option<Arc<dyn Multiplexed>>,
    counts: Arc<Counts>,
    /// The places that limits have given it.
    _limits: Option<Box<LimitsSeen>>,
}

impl Line {
    pub(super) fn new(
        exchange: Exchange,
        location: Arc<Location>,
        client: Arc<Client>,
        stream: Option<Arc<dyn Multiplexed>>,
        limits: Option<Box<LimitsSeen>>,
    ) -> Self {
        Self { exchange, location, client, stream, counts: Arc::default(), _limits: limits }
    }

    fn report(&self, ended: &Ended) {
        let what = match ended {
            Ended::TimedOut(Waited::Client, _) => "client timed out (110: Connection timed out)".to_owned(),
            Ended::TimedOut(..) => "upstream timed out (110: Connection timed out)".to_owned(),
            Ended::Client(error) => format!("client's connection failed ({error})"),
            Ended::Upstream(error) => format!("upstream's connection failed ({error})"),
            _ => return self.exchange.ended(End::Complete),
        };
        rescue::report_tunnel(&self.exchange, &format!("{what} while proxying upgraded connection"));
        self.exchange.ended(if matches!(ended, Ended::Client(_)) {
            End::ClientClosed
        } else {
            End::Truncated
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let tunnelled = self.counts.to_client();
        let head = match &self.stream {
            Some(stream) => stream.track().sent_heads(),
            None => self.client.switching_head(self.exchange.number()),
        };
        self.exchange.set_sent(head + tunnelled, tunnelled);
        self.exchange.ended(End::ClientClosed); // unless it has ended otherwise
        self.location.ended(&self.exchange);
    }
}
