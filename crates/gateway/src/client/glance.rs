//! What has come on a socket, before anybody reads it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;

use super::Stream;

impl Stream {
    /// Waits for something to come, and leaves it there. 0: nothing more will come.
    pub(crate) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut peek = |fd: BorrowedFd<'_>| Ok(recv(fd, &mut *buffer, RecvFlags::PEEK)?.0);
        match self {
            Self::Tcp(stream) => {
                let stream = stream.as_ref();
                stream.async_io(Interest::READABLE, || peek(stream.as_fd())).await
            }
            Self::Unix(stream) => stream.async_io(Interest::READABLE, || peek(stream.as_fd())).await,
            Self::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Takes as much as `buffer` holds, which a look has shown to be there.
    pub(crate) fn take(&self, buffer: &mut [u8]) -> io::Result<()> {
        let taken = match self {
            Self::Tcp(stream) => recv(stream.as_ref().as_fd(), &mut *buffer, RecvFlags::empty())?.0,
            Self::Unix(stream) => recv(stream.as_fd(), &mut *buffer, RecvFlags::empty())?.0,
            Self::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        if taken == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
