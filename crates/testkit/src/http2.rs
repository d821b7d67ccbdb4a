//! HTTP/2 peers on a thread of their own: one that behaves, by the crate [`h2`], and one that sends the frames it is told.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use h2::{RecvStream, server};
use http::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::oneshot,
};

/// What a client says first (RFC 9113 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 6).
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
}

/// The flag END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
pub const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// A listener whose connections speak HTTP/2, each as it is told. It stops, and closes them, when it is dropped.
#[derive(Debug)]
pub struct Http2Peer {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Http2Peer {
    /// The n-th connection (from 0) sends and reads frames as `script` says; it closes when that ends.
    ///
    /// # Panics
    /// If there is no port or no thread to be had.
    pub fn frames<F, Fut>(script: F) -> Self
    where
        F: Fn(usize, Frames) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self::start(move |n, socket| {
            let frames = Frames::new(socket);
            let script = script(n, frames);
            async move {
                let _ = script.await; // the client left: that is its business
            }
        })
    }

    /// Every request of every connection is answered by `answer`, on a task of its own.
    ///
    /// # Panics
    /// If there is no port or no thread to be had.
    pub fn serving<F, Fut>(builder: server::Builder, answer: F) -> Self
    where
        F: Fn(Request<RecvStream>, server::SendResponse<Bytes>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::start(move |_, socket| {
            let (builder, answer) = (builder.clone(), answer.clone());
            async move {
                let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(answer(request, respond));
                }
            }
        })
    }

    fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(usize, TcpStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        listener.set_nonblocking(true).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let accepted = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&accepted);
        let (stop, mut stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                loop {
                    tokio::select! {
                        _ = &mut stopped => break,
                        socket = listener.accept() => {
                            let Ok((socket, _)) = socket else { break };
                            let _ = socket.set_nodelay(true);
                            tokio::spawn(serve(count.fetch_add(1, SeqCst), socket));
                        }
                    }
                }
            });
        });
        Self { addr, accepted, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections came.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }
}

impl Drop for Http2Peer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// The rest.
    pub payload: Vec<u8>,
}

/// The frames of one connection: on the server's side, or on the [client's](Self::connect).
pub struct Frames {
    socket: TcpStream,
    begun: bool,
}

impl Frames {
    fn new(socket: TcpStream) -> Self {
        Self { socket, begun: false }
    }

    /// A client that has said its preface and SETTINGS.
    ///
    /// # Errors
    /// If there is nobody.
    pub async fn connect(to: SocketAddr, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut socket = TcpStream::connect(to).await?;
        socket.write_all(PREFACE).await?;
        let mut frames = Self { socket, begun: true };
        frames.settings(settings).await?;
        Ok(frames)
    }

    /// Sends SETTINGS: what a server begins with.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn settings(&mut self, settings: &[(u16, u32)]) -> io::Result<()> {
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| name.to_be_bytes().into_iter().chain(value.to_be_bytes()))
            .collect();
        self.send(kind::SETTINGS, 0, 0, &payload).await
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let [_, a, b, c] = length.to_be_bytes();
        let mut frame = vec![a, b, c, kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.socket.write_all(&frame).await
    }

    /// Sends bytes that need be no frame.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Sends HEADERS: a head, or trailers.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn head(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) -> io::Result<()> {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0); // a literal that is not indexed
            for text in [name, value] {
                literal(text.as_bytes(), &mut block);
            }
        }
        let end = if end { END_STREAM } else { 0 };
        if block.is_empty() {
            return self.send(kind::HEADERS, end | END_HEADERS, stream, &block).await;
        }
        let mut parts = block.chunks(16_384).peekable();
        let mut kind = kind::HEADERS;
        while let Some(part) = parts.next() {
            let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
            let flags = if kind == kind::HEADERS { end | last } else { last };
            self.send(kind, flags, stream, part).await?;
            kind = kind::CONTINUATION;
        }
        Ok(())
    }

    /// Sends DATA.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn data(&mut self, stream: u32, data: &[u8], end: bool) -> io::Result<()> {
        self.send(kind::DATA, if end { END_STREAM } else { 0 }, stream, data).await
    }

    /// Answers with 200 and this body.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn answer(&mut self, stream: u32, body: &str) -> io::Result<()> {
        let length = body.len().to_string();
        self.head(stream, &[(":status", "200"), ("content-length", &length)], body.is_empty()).await?;
        if body.is_empty() { Ok(()) } else { self.data(stream, body.as_bytes(), true).await }
    }

    /// Sends RST_STREAM.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn reset(&mut self, stream: u32, code: u32) -> io::Result<()> {
        self.send(kind::RST_STREAM, 0, stream, &code.to_be_bytes()).await
    }

    /// Sends GOAWAY.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn go_away(&mut self, last: u32, code: u32) -> io::Result<()> {
        let payload: Vec<u8> = last.to_be_bytes().into_iter().chain(code.to_be_bytes()).collect();
        self.send(kind::GOAWAY, 0, 0, &payload).await
    }

    /// Sends WINDOW_UPDATE.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn window(&mut self, stream: u32, more: u32) -> io::Result<()> {
        self.send(kind::WINDOW_UPDATE, 0, stream, &more.to_be_bytes()).await
    }

    /// The next frame; SETTINGS and PING are acknowledged.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn read(&mut self) -> io::Result<Frame> {
        let frame = self.read_silently().await?;
        if matches!(frame.kind, kind::SETTINGS | kind::PING) && frame.flags & ACK == 0 {
            let payload = if frame.kind == kind::PING { &*frame.payload } else { &[] };
            self.send(frame.kind, ACK, 0, payload).await?;
        }
        Ok(frame)
    }

    /// The next frame, without a reply to it.
    ///
    /// # Errors
    /// If the client has left.
    ///
    /// # Panics
    /// If the client does not begin as one of HTTP/2.
    pub async fn read_silently(&mut self) -> io::Result<Frame> {
        if !self.begun {
            let mut preface = [0; PREFACE.len()];
            self.socket.read_exact(&mut preface).await?;
            assert_eq!(preface, PREFACE, "the client's preface");
            self.begun = true;
        }
        let mut head = [0; 9];
        self.socket.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.socket.read_exact(&mut payload).await?;
        Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// The stream of the next request, whose body is left to be read.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn request(&mut self) -> io::Result<u32> {
        Ok(self.next(kind::HEADERS).await?.stream)
    }

    /// The next frame of this kind; what comes before it is skipped.
    ///
    /// # Errors
    /// If the client has left.
    pub async fn next(&mut self, kind: u8) -> io::Result<Frame> {
        loop {
            let frame = self.read().await?;
            if frame.kind == kind {
                return Ok(frame);
            }
        }
    }

    /// Reads until the client leaves.
    ///
    /// # Errors
    /// When it has.
    pub async fn hang(&mut self) -> io::Result<()> {
        loop {
            self.read().await?;
        }
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}

/// A string of RFC 7541 5.2, as it is.
fn literal(text: &[u8], out: &mut Vec<u8>) {
    const PREFIX: usize = 127;
    if text.len() < PREFIX {
        out.extend(u8::try_from(text.len()));
    } else {
        out.push(0x7F);
        let mut rest = text.len() - PREFIX;
        while rest >= 128 {
            out.extend(u8::try_from(rest % 128 + 128));
            rest /= 128;
        }
        out.extend(u8::try_from(rest));
    }
    out.extend(text);
}
