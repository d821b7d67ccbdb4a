//! Reading ahead.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::{Ahead, ClientHello, Error, Parsed};

/// How far, and how long, is read ahead of connections.
///
/// ```
/// use std::time::Duration;
/// use propylon_stream::Limits;
///
/// let limits = Limits::new().buffer(4096).timeout(Duration::from_secs(5));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    buffer: usize,
    timeout: Duration,
}

impl Limits {
    /// The defaults: 16 KiB, 30 s.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: 16 << 10, timeout: Duration::from_secs(30) }
    }

    /// How many bytes it may take to know what a client asks for (nginx: `preread_buffer_size`).
    #[must_use]
    pub const fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// How long it may take (nginx: `preread_timeout`).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads until it is known what the client asks for: its ClientHello, or that it does not speak TLS. Then the stream is as it
/// was, [with what was read](Ahead).
///
/// # Errors
/// If that is not known within the limits, or never will be.
pub async fn preread<I: AsyncRead + Unpin>(
    mut io: I,
    limits: Limits,
) -> Result<(Ahead<I>, Option<ClientHello>), Error> {
    let read = timeout(limits.timeout, read(&mut io, limits.buffer)).await;
    let (read, hello) = read.map_err(|_| Error::TimedOut(limits.timeout))??;
    Ok((Ahead::new(io, read), hello))
}

async fn read(
    io: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<(Bytes, Option<ClientHello>), Error> {
    let mut received = BytesMut::new();
    loop {
        if received.len() >= limit {
            return Err(Error::Full { limit });
        }
        let room = (limit - received.len()).min(STEP);
        received.reserve(room);
        let mut limited = bytes::BufMut::limit(&mut received, room);
        if io.read_buf(&mut limited).await.map_err(Error::Io)? == 0 {
            return Err(Error::Closed);
        }
        match ClientHello::parse(&received) {
            Parsed::Hello(hello) => return Ok((received.freeze(), Some(hello))),
            Parsed::Other => return Ok((received.freeze(), None)),
            Parsed::More => {}
        }
    }
}

/// How much is read at once: most hellos are shorter.
pub(crate) const STEP: usize = 2 << 10;
