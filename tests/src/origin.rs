//! An origin server that shows what it got and does what it is told.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::{Control, Head, Stream, ranges};

/// A request as the origin got it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The head, byte for byte.
    pub head: Head,
    /// The body, a chunked one decoded; what came of it when the peer left.
    pub body: Vec<u8>,
    /// Whether the body came whole.
    pub whole: bool,
    /// The number of the connection at this origin, from 1.
    pub connection: usize,
}

/// A server on a real socket; it answers with 200 and the bytes of the request head, or as [`Control`] says.
#[derive(Debug)]
pub struct Origin {
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
}

#[derive(Debug, Default)]
struct Shared {
    obeys: bool,
    seen: Mutex<Vec<Seen>>,
    /// Handles on every connection, to end them when the origin is dropped.
    open: Mutex<Vec<Stream>>,
    connections: AtomicUsize,
    heads: AtomicUsize,
    stopped: AtomicBool,
}

impl Origin {
    /// An origin on TCP that obeys the control fields of requests.
    pub fn start() -> Self {
        Self::tcp(true)
    }

    /// An origin on TCP that only echoes.
    pub fn echo() -> Self {
        Self::tcp(false)
    }

    /// An origin on a unix socket that obeys control fields.
    pub fn unix(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a unix socket");
        Self::serve(true, None, move || listener.accept().and_then(|(socket, _)| Stream::unix(socket)))
    }

    fn tcp(obeys: bool) -> Self {
        let listener = TcpListener::bind(crate::address()).expect("a port on loopback");
        let address = listener.local_addr().ok();
        Self::serve(obeys, address, move || listener.accept().and_then(|(socket, _)| Stream::tcp(socket)))
    }

    fn serve(
        obeys: bool,
        address: Option<SocketAddr>,
        accept: impl Fn() -> io::Result<Stream> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { obeys, ..Shared::default() });
        let server = shared.clone();
        thread::spawn(move || {
            while let Ok(stream) = accept() {
                if server.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let number = server.connections.fetch_add(1, Ordering::Relaxed) + 1;
                server.open.lock().unwrap().extend(stream.handle());
                let server = server.clone();
                thread::spawn(move || server.connection(stream, number));
            }
        });
        Self { shared, address }
    }

    /// Where a TCP origin listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("a TCP origin")
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }

    /// How many connections came in so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many request heads came in so far; their bodies may still be on the way.
    pub fn heads(&self) -> usize {
        self.shared.heads.load(Ordering::Relaxed)
    }

    /// Ends every connection that is open.
    pub fn hang_up(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.hang_up();
        if let Some(address) = self.address {
            let _ = Stream::connect(address);
        }
    }
}

impl Shared {
    /// Serves one connection to its end; every error is the peer's leave.
    fn connection(&self, mut stream: Stream, number: usize) {
        // Idle upstream connections may last as long as the test.
        let _ = stream.set_limit(crate::LIMIT * 10);
        while let Ok(Some(seen)) = self.read(&mut stream, number) {
            let whole = seen.whole;
            let control = if self.obeys { Control::of(&seen.head) } else { Control::default() };
            let echo = seen.head.clone();
            self.seen.lock().unwrap().push(seen);
            if !whole || !answer(&mut stream, &echo, &control).unwrap_or(false) {
                break;
            }
        }
        stream.shutdown(Shutdown::Both);
    }

    fn read(&self, stream: &mut Stream, connection: usize) -> io::Result<Option<Seen>> {
        let Some(head) = stream.head()? else { return Ok(None) };
        self.heads.fetch_add(1, Ordering::Relaxed);
        let mut body = Vec::new();
        let whole = if head.lists("transfer-encoding", "chunked") {
            stream.chunked(&mut body).is_ok()
        } else {
            let length = head.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            stream.exactly(length, &mut body).is_ok()
        };
        Ok(Some(Seen { head, body, whole, connection }))
    }
}

/// Above this size a body is sent piece by piece, by its length, and no other command holds for it.
const LARGE: usize = 1 << 20;

/// Answers one request; says whether the connection may carry another.
fn answer(stream: &mut Stream, request: &Head, control: &Control) -> io::Result<bool> {
    if let Some(wait) = control.millis("wait") {
        thread::sleep(wait);
    }
    if control.says("never") {
        return until_closed(stream);
    } else if control.says("close") {
        return Ok(false);
    } else if control.says("close-head") {
        stream.send(b"HTTP/1.1 200 OK\r\nX-Half: a")?;
        return Ok(false);
    } else if control.says("garbage") {
        stream.send(b"\x00\x01 this is not HTTP at all\r\n\r\n")?;
        return Ok(false);
    } else if control.says("bad-field") {
        stream.send(b"HTTP/1.1 200 OK\r\nX-\x00Bad: a\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(false);
    }
    if let Some(size) = control.number("size").filter(|size| *size > LARGE) {
        return large(stream, request, control, size);
    }
    let part = control.number("ranges").map(|size| ranges::part(size, request));
    let (body, status, said) = part.unwrap_or_else(|| {
        (control.number("size").map_or_else(|| request.0.clone(), |size| vec![b'x'; size]), 200, None)
    });
    let keep = !control.says("last") && !control.says("to-close") && !request.lists("connection", "close");
    let frame = |data: &[u8], last: bool| frame(control.says("chunked"), data, last);
    let mut out = head(control, status, said.as_deref(), body.len(), keep);
    if !has_body(request, control) {
        stream.send(&out)?;
        return Ok(keep);
    }
    if let Some(pause) = control.millis("pause") {
        stream.send(&std::mem::take(&mut out))?;
        thread::sleep(pause);
    }
    // One write wherever nothing comes in between: what a proxy reads at once shows in some of its counts.
    if control.says("cut") || control.says("stall") {
        out.extend(frame(&body[..body.len() / 2], false));
        stream.send(&out)?;
        return if control.says("stall") { until_closed(stream) } else { Ok(false) };
    }
    out.extend(frame(&body, true));
    stream.send(&out)?;
    Ok(keep)
}

/// Whether the answer to this request has a body (RFC 9112 6.3).
fn has_body(request: &Head, control: &Control) -> bool {
    !request.0.starts_with(b"HEAD ") && !matches!(control.number("status"), Some(204 | 304))
}

/// A large body is sent in pieces behind its head, which must not wait until all of it is made.
fn large(stream: &mut Stream, request: &Head, control: &Control, size: usize) -> io::Result<bool> {
    stream.send(&head(control, 200, None, size, true))?;
    if !has_body(request, control) {
        return Ok(true);
    }
    let piece = [b'x'; 64 * 1024];
    for at in (0..size).step_by(piece.len()) {
        stream.send(&piece[..piece.len().min(size - at)])?;
    }
    Ok(true)
}

fn head(control: &Control, status: usize, range: Option<&str>, length: usize, keep: bool) -> Vec<u8> {
    let status = control.number("status").unwrap_or(status);
    let mut head = format!("HTTP/1.1 {status} Made To Order\r\nServer: origin\r\n").into_bytes();
    for line in &control.reply {
        head.extend_from_slice(line);
        head.extend_from_slice(b"\r\n");
    }
    let told = control.reply.iter().any(|line| line.to_ascii_lowercase().starts_with(b"content-range:"));
    if let Some(line) = range.filter(|_| !told) {
        head.extend(format!("{line}\r\n").bytes());
    }
    if control.says("chunked") {
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if !control.says("to-close") && !matches!(status, 204 | 304) {
        head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    if !keep {
        head.extend_from_slice(b"Connection: close\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn frame(chunked: bool, data: &[u8], last: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 32);
    if !chunked {
        out.extend_from_slice(data);
        return out;
    }
    if !data.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
    if last {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    out
}

fn until_closed(stream: &mut Stream) -> io::Result<bool> {
    stream.to_end(&mut Vec::new())?;
    Ok(false)
}
