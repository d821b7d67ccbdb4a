//! A TCP or unix connection with a buffer, read as HTTP/1 by the letter of the framing.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::Head;

/// A connection and what was read from it ahead of need.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    ahead: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Connects over TCP.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::tcp(TcpStream::connect_timeout(&address, crate::LIMIT)?)
    }

    /// Connects to a unix socket.
    pub fn connect_unix(path: &Path) -> io::Result<Self> {
        Self::unix(UnixStream::connect(path)?)
    }

    /// Uses a TCP connection that is there.
    pub fn over_tcp(socket: TcpStream) -> io::Result<Self> {
        Self::tcp(socket)
    }

    pub(crate) fn tcp(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Self::new(Socket::Tcp(socket))
    }

    pub(crate) fn unix(socket: UnixStream) -> io::Result<Self> {
        Self::new(Socket::Unix(socket))
    }

    fn new(socket: Socket) -> io::Result<Self> {
        let stream = Self { socket, ahead: Vec::new() };
        stream.set_limit(crate::LIMIT)?;
        Ok(stream)
    }

    /// Bounds each read and write.
    pub fn set_limit(&self, limit: Duration) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(s) => s.set_read_timeout(Some(limit)).and(s.set_write_timeout(Some(limit))),
            Socket::Unix(s) => s.set_read_timeout(Some(limit)).and(s.set_write_timeout(Some(limit))),
        }
    }

    /// A second handle on the socket, without what was read ahead.
    pub fn handle(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Socket::Tcp(s) => Socket::Tcp(s.try_clone()?),
            Socket::Unix(s) => Socket::Unix(s.try_clone()?),
        };
        Ok(Self { socket, ahead: Vec::new() })
    }

    /// Closes one or both directions now; an error means it was closed already.
    pub fn shutdown(&self, how: Shutdown) {
        let _ = match &self.socket {
            Socket::Tcp(s) => s.shutdown(how),
            Socket::Unix(s) => s.shutdown(how),
        };
    }

    /// This side's address; none for a unix socket.
    pub fn local(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(s) => s.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// The other end's address, on TCP.
    pub fn peer(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(s) => s.peer_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Writes all the bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(s) => s.write_all(bytes),
            Socket::Unix(s) => s.write_all(bytes),
        }
    }

    /// Writes as many of the bytes as are taken in time.
    pub fn send_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Tcp(s) => s.write(bytes),
            Socket::Unix(s) => s.write(bytes),
        }
    }

    /// Reads what comes next: a reset is an error here.
    pub fn receive_some(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Tcp(s) => s.read(bytes),
            Socket::Unix(s) => s.read(bytes),
        }
    }

    /// Closes with a reset.
    pub fn reset(self) {
        if let Socket::Tcp(s) = &self.socket {
            let _ = socket2::SockRef::from(s).set_linger(Some(Duration::ZERO));
        }
    }

    /// Reads up to and with the first empty line; `None` at an end before the first byte.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        let mut from = 0;
        loop {
            if let Some(end) = head_end(&self.ahead, from) {
                return Ok(Some(Head(self.ahead.drain(..end).collect())));
            }
            from = self.ahead.len().saturating_sub(3);
            match self.fill()? {
                0 if self.ahead.is_empty() => return Ok(None),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Reads exactly `length` bytes into `body`; what came before an error stays there.
    pub fn exactly(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let end = body.len() + length;
        loop {
            let take = self.ahead.len().min(end - body.len());
            body.extend(self.ahead.drain(..take));
            if body.len() == end {
                return Ok(());
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads to the end of the stream.
    pub fn to_end(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            body.append(&mut self.ahead);
            if self.fill()? == 0 {
                return Ok(());
            }
        }
    }

    /// Reads a chunked body: the data to `body`, the trailer section is returned.
    pub fn chunked(&mut self, body: &mut Vec<u8>) -> io::Result<Vec<u8>> {
        loop {
            let line = self.line()?;
            let size = line.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
            let size = std::str::from_utf8(size).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
            let size = size.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "not a chunk size"))?;
            if size == 0 {
                return self.trailers();
            }
            self.exactly(size, body)?;
            if !self.line()?.is_empty() {
                return Err(io::Error::new(ErrorKind::InvalidData, "no line end after a chunk"));
            }
        }
    }

    /// What has been read beyond the last message.
    pub fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    fn trailers(&mut self) -> io::Result<Vec<u8>> {
        let mut trailers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(trailers);
            }
            trailers.extend(line);
            trailers.extend(b"\r\n");
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.ahead.iter().position(|&b| b == b'\n') {
                let mut line: Vec<u8> = self.ahead.drain(..=end).collect();
                line.truncate(line.len() - 1);
                line.truncate(line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len));
                return Ok(line);
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let got = match &mut self.socket {
            Socket::Tcp(s) => s.read(&mut piece),
            Socket::Unix(s) => s.read(&mut piece),
        };
        // A reset is how some peers end what they refuse to read; to the reader it is an end all the same.
        let got = match got {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            other => other?,
        };
        self.ahead.extend_from_slice(&piece[..got]);
        Ok(got)
    }
}

/// Where the head ends in `bytes`, when its empty line is there; lines may end in LF alone.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len()).find_map(|at| {
        let rest = &bytes[at..];
        (rest.starts_with(b"\n\r\n").then_some(at + 3)).or(rest.starts_with(b"\n\n").then_some(at + 2))
    })
}
