//! A client that sends exactly the bytes it is given.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};

use crate::{Head, Stream};

/// A response, and how it ended.
#[derive(Debug, Clone)]
pub struct RawResponse {
    /// The status code of the final response.
    pub status: u16,
    /// The head as it came.
    pub head: Head,
    /// The body, a chunked one decoded; what came of it when it was cut.
    pub body: Vec<u8>,
    /// The trailer section of a chunked body, its lines with their ends.
    pub trailers: Vec<u8>,
    /// Whether the body was whole.
    pub end: End,
}

/// How a response body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As its framing said.
    Complete,
    /// By the end of a connection whose end frames the body: whole or not, nobody can tell.
    Closed,
    /// The connection ended before the framing said so: the client sees that something is missing.
    Cut,
}

impl RawResponse {
    /// The body as text.
    pub fn text(&self) -> String {
        crate::lossy(&self.body)
    }
}

/// Sends one request on a connection of its own and reads the response to it.
///
/// # Errors
/// `UnexpectedEof` when the connection was closed without a response, `WouldBlock` when none came in time.
pub fn raw_request(address: SocketAddr, request: &[u8]) -> io::Result<RawResponse> {
    Client::connect(address)?.ask(request)
}

/// A connection that can carry several requests.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
}

impl Client {
    /// Connects over TCP.
    ///
    /// # Errors
    /// Those of connect.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: Stream::connect(address)? })
    }

    /// Uses a connection that is there.
    pub fn over(stream: Stream) -> Self {
        Self { stream }
    }

    /// Sends one request and reads the response to it.
    ///
    /// # Errors
    /// As [`raw_request`].
    pub fn ask(&mut self, request: &[u8]) -> io::Result<RawResponse> {
        // The peer may answer and close before it has read everything: what counts is its response.
        let sent = self.stream.send(request);
        match self.response(request.starts_with(b"HEAD ")) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => sent.and(Err(error)),
            other => other,
        }
    }

    /// Sends bytes and reads nothing.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.send(bytes)
    }

    /// Reads one final response; interim ones are skipped.
    ///
    /// # Errors
    /// As [`raw_request`].
    pub fn response(&mut self, to_head: bool) -> io::Result<RawResponse> {
        loop {
            let head = self.stream.head()?.ok_or(ErrorKind::UnexpectedEof)?;
            let status = status(&head)?;
            if status >= 200 || status == 101 {
                return self.body(head, to_head);
            }
        }
    }

    /// Reads what belongs to a response whose head is here.
    ///
    /// # Errors
    /// As [`raw_request`].
    pub fn body(&mut self, head: Head, to_head: bool) -> io::Result<RawResponse> {
        let status = status(&head)?;
        let mut answer =
            RawResponse { status, head, body: Vec::new(), trailers: Vec::new(), end: End::Complete };
        if to_head || status < 200 || matches!(status, 204 | 304) {
            return Ok(answer);
        }
        let read = if answer.head.lists("transfer-encoding", "chunked") {
            self.stream.chunked(&mut answer.body).map(|trailers| answer.trailers = trailers)
        } else if let Some(length) = answer.head.field("content-length") {
            let length =
                length.parse().map_err(|_| io::Error::new(ErrorKind::InvalidData, "Content-Length"))?;
            self.stream.exactly(length, &mut answer.body)
        } else {
            answer.end = End::Closed;
            self.stream.to_end(&mut answer.body)
        };
        match read {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => answer.end = End::Cut,
            other => other?,
        }
        Ok(answer)
    }

    /// Whether the peer closed the connection with nothing more to say; waits for it.
    pub fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.to_end(&mut rest).is_ok() && rest.is_empty()
    }

    /// The connection beneath.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Goes away at once, both directions.
    pub fn leave(self) {
        self.stream.shutdown(Shutdown::Both);
    }
}

fn status(head: &Head) -> io::Result<u16> {
    let code = head.start_line().split(|&b| b == b' ').nth(1).unwrap_or_default();
    let code = std::str::from_utf8(code).ok().and_then(|text| text.parse().ok());
    code.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("not a status line: {head:?}")))
}
