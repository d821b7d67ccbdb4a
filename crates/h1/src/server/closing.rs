//! The end of a connection: so that the client gets what was said.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::Exchange;
use super::reading::Wire;
use super::{Deadlines, Wait};
use crate::proto::Event;

impl<I: AsyncRead + AsyncWrite + Unpin, D: Deadlines> Wire<I, D> {
    /// Reads and drops what is left of the request's body, within bounds. Ready with whether the connection can go on.
    pub(super) fn poll_drain(
        &mut self,
        exchange: &mut Exchange,
        dropped: &mut u64,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let Some(incoming) = &mut exchange.incoming else { return Poll::Ready(!exchange.broken) };
        incoming.slot.close();
        while *dropped <= self.config.drain {
            match incoming.decoder.decode(self.input.bytes(), &self.config.limits) {
                Ok(Event::Data(data)) => {
                    *dropped += data.len() as u64;
                    exchange.body_bytes += data.len() as u64;
                    continue;
                }
                Ok(Event::Trailers(_)) => continue,
                Ok(Event::End) => {
                    self.deadlines.disarm(Wait::Read);
                    return Poll::Ready(true);
                }
                Ok(Event::NeedMore) => {}
                Err(_) => break,
            }
            match self.input.poll_fill(&mut self.io, None, cx) {
                Poll::Ready(Ok(n)) if n > 0 => self.deadlines.arm(Wait::Read, self.config.timeouts.linger),
                Poll::Ready(_) => break,
                Poll::Pending => {
                    if !incoming.waiting {
                        incoming.waiting = true;
                        self.deadlines.arm(Wait::Read, self.config.timeouts.linger);
                    }
                    ready!(self.deadlines.poll_passed(Wait::Read, cx));
                    break;
                }
            }
        }
        self.deadlines.disarm(Wait::Read);
        Poll::Ready(false)
    }

    /// Sends the rest, says that no more comes, and, if the client may still be sending, reads that for a while: a reset would
    /// otherwise overtake what was said (RFC 9112 9.6; nginx: `lingering_close`).
    pub(super) async fn close(&mut self, linger: bool) {
        self.deadlines.arm(Wait::Close, self.config.timeouts.linger_total);
        let said = std::future::poll_fn(|cx| self.poll_goodbye(cx)).await;
        if linger && said {
            self.deadlines.arm(Wait::Read, self.config.timeouts.linger);
            std::future::poll_fn(|cx| self.poll_linger(cx)).await;
        }
    }

    /// Ready with whether the client was told.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if ready!(self.poll_flush(cx)).is_err() {
            return Poll::Ready(false);
        }
        if let Poll::Ready(done) = Pin::new(&mut self.io).poll_shutdown(cx) {
            return Poll::Ready(done.is_ok());
        }
        self.deadlines.poll_passed(Wait::Close, cx).map(|()| false)
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.input.bytes().clear();
            match self.input.poll_fill(&mut self.io, None, cx) {
                Poll::Ready(Ok(n)) if n > 0 => self.deadlines.arm(Wait::Read, self.config.timeouts.linger),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    let late = self.deadlines.poll_passed(Wait::Read, cx).is_ready()
                        || self.deadlines.poll_passed(Wait::Close, cx).is_ready();
                    return if late { Poll::Ready(()) } else { Poll::Pending };
                }
            }
            // A client that never stops sending is left all the same.
            if self.deadlines.poll_passed(Wait::Close, cx).is_ready() {
                return Poll::Ready(());
            }
        }
    }
}
