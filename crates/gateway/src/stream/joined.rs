//! The upstream's end of a connection that is passed on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use propylon_balance::Picked;
use propylon_upstream::{Peer, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to a peer, with its place there: whoever chooses by time is told what it took.
pub(super) struct Joined {
    upstream: Upgraded,
    picked: Picked<Peer>,
    heard: bool,
}

impl Joined {
    pub(super) fn new(upstream: Upgraded, picked: Picked<Peer>) -> Self {
        Self { upstream, picked, heard: false }
    }

    /// Closes it so that the peer sees a reset.
    pub(super) fn reset(self) {
        self.upstream.reset();
    }
}

impl AsyncRead for Joined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.upstream).poll_read(cx, buf))?;
        if buf.filled().len() == before {
            self.picked.ended();
        } else if !self.heard {
            self.heard = true;
            self.picked.responded();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Joined {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.upstream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.upstream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.upstream).poll_shutdown(cx)
    }
}
