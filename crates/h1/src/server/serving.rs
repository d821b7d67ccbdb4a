//! While a request is served: the service is polled, and the connection is looked after meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::Exchange;
use super::observer::End;
use super::reading::Wire;
use super::{Deadlines, Wait};
use crate::io::START;

impl<I: AsyncRead + AsyncWrite + Unpin, D: Deadlines> Wire<I, D> {
    /// Polls the service until it has answered, or nobody waits for the answer. (Not returned but put where it stays: it is large.)
    pub(super) fn poll_serving<F: Future>(
        &mut self,
        exchange: &mut Exchange,
        mut future: Pin<&mut F>,
        answer: &mut Option<F::Output>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), End>> {
        loop {
            if let Poll::Ready(response) = future.as_mut().poll(cx) {
                *answer = Some(response);
                return Poll::Ready(Ok(()));
            }
            match self.poll_around(exchange, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(end)) => return Poll::Ready(Err(end)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What is to be done while others take their time: interim responses, the request's body, a client that leaves. Ready if
    /// that may let the others go on.
    pub(super) fn poll_around(
        &mut self,
        exchange: &mut Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), End>> {
        if !exchange.answered {
            self.shared.take_said(exchange.number, &mut self.output);
            if self.output.pending() > 0
                && let Poll::Ready(Err(end)) = self.poll_flush(cx)
            {
                return Poll::Ready(Err(end));
            }
        }
        if exchange.incoming.as_ref().is_some_and(super::exchange::Incoming::is_wanted) {
            return self.poll_piece(exchange, cx).map(Ok);
        }
        self.poll_gone(cx).map(Err)
    }

    /// Ready when the client has left. Reads a little ahead to learn of it.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        while self.input.len() < START {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) if self.config.half_close => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(End::ClientGone),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }

    /// Writes what is to be written, in time.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let before = self.output.sent();
        match self.output.poll_write(&mut self.io, self.send_file, cx) {
            Poll::Ready(Ok(())) => {
                if self.writing {
                    self.writing = false;
                    self.deadlines.disarm(Wait::Write);
                }
                self.output.recycle();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(End::ClientGone)),
            Poll::Pending => {
                if !self.writing || self.output.sent() > before {
                    self.writing = true;
                    self.deadlines.arm(Wait::Write, self.timeouts.send);
                }
                self.deadlines.poll_passed(Wait::Write, cx).map(|()| Err(End::TimedOut))
            }
        }
    }
}
