//! What a peer of HTTP/2 must say first (RFC 9113 3.4).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::shared::Status;
use crate::wire::Metered;

/// A frame's head.
const HEAD: usize = 9;

/// A socket whose peer must begin with SETTINGS: who begins with something else does not speak HTTP/2, and that is worth an error
/// of its own.
#[derive(Debug)]
pub(super) struct Prefaced {
    socket: Metered,
    status: Arc<Status>,
    first: First,
}

/// The first frame, as far as it came.
#[derive(Clone, Copy, Debug)]
enum First {
    Head { bytes: [u8; HEAD], count: usize },
    Payload { left: usize },
    Over,
}

impl Prefaced {
    pub(super) fn new(socket: Metered, status: Arc<Status>) -> Self {
        Self { socket, status, first: First::Head { bytes: [0; HEAD], count: 0 } }
    }
}

impl First {
    /// The same after more `bytes`; none: it is no SETTINGS.
    fn after(mut self, mut bytes: &[u8]) -> Option<Self> {
        loop {
            match &mut self {
                Self::Over => return Some(self),
                Self::Head { bytes: head, count } => {
                    let Some((&byte, rest)) = bytes.split_first() else { return Some(self) };
                    if let Some(place) = head.get_mut(*count) {
                        *place = byte;
                    }
                    *count += 1;
                    bytes = rest;
                    if *count == HEAD {
                        self = Self::Payload { left: settings(*head)? };
                    }
                }
                Self::Payload { left } => {
                    let taken = (*left).min(bytes.len());
                    *left -= taken;
                    if *left > 0 {
                        return Some(self);
                    }
                    self = Self::Over;
                }
            }
        }
    }
}

/// How long these SETTINGS are, if they are such.
fn settings(head: [u8; HEAD]) -> Option<usize> {
    let [a, b, c, kind, flags, stream @ ..] = head;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let is_settings = kind == 4 && flags & 1 == 0 && stream == [0; 4];
    (is_settings && length.is_multiple_of(6)).then_some(length)
}

impl AsyncRead for Prefaced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        if matches!(self.first, First::Over) {
            return Poll::Ready(Ok(()));
        }
        match self.first.after(buf.filled().get(before..).unwrap_or_default()) {
            Some(first) => self.first = first,
            None => {
                self.status.foreign.store(true, Relaxed);
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
        if matches!(self.first, First::Over) {
            self.status.greeted.store(true, Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefaced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> First {
        First::Head { bytes: [0; HEAD], count: 0 }
    }

    /// Whether these bytes are SETTINGS and all of them, however they come; none: they are something else.
    fn check(bytes: &[u8], expected: Option<bool>) {
        let at_once = start().after(bytes);
        let one_by_one = bytes.chunks(1).try_fold(start(), First::after);
        for first in [at_once, one_by_one] {
            assert_eq!(first.map(|first| matches!(first, First::Over)), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn settings_come_first() {
        let setting = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80";
        check(setting, Some(true));
        check(&setting[..12], Some(false));
        check(b"", Some(false));
        check(b"\0\0\0\x04\0\0\0\0\0", Some(true));
        check(b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x08", Some(true));
        check(b"\0\0\0\x04\x01\0\0\0\0", None);
        check(b"\0\0\0\x04\0\0\0\0\x01", None);
        check(b"\0\0\x05\x04\0\0\0\0\0", None);
        check(b"\0\0\x08\x06\0\0\0\0\0", None);
        check(b"HTTP/1.1 400 Bad Request\r\n", None);
        check(b"\x15\x03\x03\0\x02\x02\x46", Some(false)); // a TLS alert is shorter than a frame's head
    }
}
