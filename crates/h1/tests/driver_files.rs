//! Bodies of which the kernel sends parts of files.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: helpers may fail, and what is read was written here"
)]

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context as Cx, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use propylon_h1::sends::{QueuedStream, SendQueue};
use propylon_h1::server::{Connection, Context, End, FilePart, RequestBody, SendFile, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A body of pieces, some of them parts of files.
struct Pieces {
    pieces: VecDeque<Piece>,
    /// Whether it says how long it is.
    exact: bool,
    told: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    File(FilePart),
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Cx<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.pieces.pop_front() {
            None => Poll::Ready(None),
            Some(Piece::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Piece::File(_)) => panic!("the file was to be taken"),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let length = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File((_, range)) => range.end - range.start,
        };
        if self.exact { SizeHint::with_exact(self.pieces.iter().map(length).sum()) } else { SizeHint::new() }
    }
}

/// Answers with these pieces, and remembers what it is told of them.
#[derive(Clone)]
struct Answer {
    pieces: Vec<Piece>,
    exact: bool,
    told: Arc<Mutex<Vec<String>>>,
}

impl Service for Answer {
    type Body = Pieces;
    type Error = ();

    fn take_file(mut body: Pin<&mut Pieces>) -> Option<FilePart> {
        match body.pieces.front()? {
            Piece::Bytes(_) => None,
            Piece::File(_) => match body.pieces.pop_front()? {
                Piece::File(part) => Some(part),
                Piece::Bytes(_) => None,
            },
        }
    }

    fn unreadable(body: Pin<&mut Pieces>, error: io::Error) {
        body.told.lock().unwrap().push(error.to_string());
    }

    async fn call(&self, _: Request<RequestBody>, _: Context) -> Result<Response<Pieces>, ()> {
        let pieces = self.pieces.iter().cloned().collect();
        Ok(Response::new(Pieces { pieces, exact: self.exact, told: Arc::clone(&self.told) }))
    }
}

fn byte(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

fn file(length: usize) -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..length).map(byte).collect();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
    Arc::new(file)
}

/// What a client gets for its request lines, how the connection ended, and what was told.
async fn ask(
    pieces: Vec<Piece>,
    exact: bool,
    send: SendFile<QueuedStream>,
    method: &str,
) -> (Vec<u8>, Option<End>, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let server = SendQueue::new().stream(listener.accept().await.unwrap().0);
    let answer = Answer { pieces, exact, told: Arc::default() };
    let serving = Connection::new(server, answer.clone(), ()).send_files(send).run();
    let serving = tokio::spawn(async move { serving.await.cut }); // and closed, however it ends
    let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    let cut = serving.await.unwrap();
    let told = answer.told.lock().unwrap().clone();
    (all, cut, told)
}

fn split(message: &[u8]) -> (&str, &[u8]) {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    (std::str::from_utf8(&message[..end]).unwrap(), &message[end..])
}

fn bytes(text: &'static [u8]) -> Piece {
    Piece::Bytes(Bytes::from_static(text))
}

#[tokio::test]
async fn what_is_sent_stands_in_its_place() {
    let file = file(3_000_000);
    let part = |range: std::ops::Range<u64>| Piece::File((Arc::clone(&file), range));
    let large: Vec<u8> = (0..100_000).map(|at| byte(at + 7)).collect();
    let pieces = vec![
        part(0..10),
        bytes(b"between"),
        part(5..2_000_005),
        bytes(b"and"),
        Piece::Bytes(large.clone().into()),
        part(2_999_999..3_000_000),
        part(0..100_000),
        bytes(b"end"),
    ];
    let of = |range: std::ops::Range<usize>| range.map(byte).collect::<Vec<u8>>();
    let expected = [
        &of(0..10),
        &b"between"[..],
        &of(5..2_000_005),
        b"and",
        &large,
        &of(2_999_999..3_000_000),
        &of(0..100_000),
        b"end",
    ]
    .concat();
    let (message, cut, told) = ask(pieces.clone(), true, QueuedStream::poll_send_file, "GET").await;
    let (head, body) = split(&message);
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", expected.len())), "{head}");
    assert!(body == expected && cut.is_none() && told.is_empty(), "{} bytes, {cut:?}, {told:?}", body.len());
    // In chunks, each part is one.
    let (message, cut, _) = ask(pieces, false, QueuedStream::poll_send_file, "GET").await;
    let (head, mut body) = split(&message);
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    let (mut whole, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        sizes.push(size);
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        assert_eq!(&body[end + 2 + size..end + 4 + size], b"\r\n");
        body = &body[end + 4 + size..];
        if size == 0 {
            break;
        }
    }
    assert_eq!(sizes, [10, 7, 2_000_000, 3, 100_000, 1, 100_000, 3, 0]);
    assert!(whole == expected && body.is_empty() && cut.is_none());
}

#[tokio::test]
async fn a_head_alone_has_no_file() {
    fn never(_: &QueuedStream, _: &File, _: u64, _: usize, _: &mut Cx<'_>) -> Poll<io::Result<usize>> {
        panic!("nothing is to be sent")
    }
    let (message, cut, _) = ask(vec![Piece::File((file(50_000), 0..50_000))], true, never, "HEAD").await;
    let (head, body) = split(&message);
    assert!(head.contains("\r\nContent-Length: 50000\r\n") && body.is_empty() && cut.is_none(), "{head}");
}

/// Whoever has a file that is shorter than the part that was taken of it is not told that it is whole.
#[tokio::test]
async fn a_file_that_became_shorter_cuts_the_message() {
    for exact in [true, false] {
        let pieces = vec![Piece::File((file(400_000), 0..500_000)), bytes(b"behind")];
        let (message, cut, told) = ask(pieces, exact, QueuedStream::poll_send_file, "GET").await;
        let (_, body) = split(&message);
        assert!((400_000..400_020).contains(&body.len()), "{}", body.len());
        assert_eq!(cut, Some(End::Truncated));
        assert_eq!(told, ["the file became shorter while it was sent"]);
    }
}

static TRIED: AtomicUsize = AtomicUsize::new(0);

/// Sends some of it, and then says that it cannot.
fn not_for_long(
    stream: &QueuedStream,
    file: &File,
    offset: u64,
    count: usize,
    cx: &mut Cx<'_>,
) -> Poll<io::Result<usize>> {
    if TRIED.fetch_add(1, Relaxed) < 2 {
        return stream.poll_send_file(file, offset, count.min(1000), cx);
    }
    Poll::Ready(Err(io::ErrorKind::PermissionDenied.into())) // a sandbox
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_is_read() {
    let pieces = vec![Piece::File((file(300_000), 0..300_000)), bytes(b"behind")];
    let (message, cut, told) = ask(pieces, true, not_for_long, "GET").await;
    let expected: Vec<u8> = (0..300_000).map(byte).chain(*b"behind").collect();
    assert!(split(&message).1 == expected && cut.is_none() && told.is_empty());
    assert!(TRIED.load(Relaxed) > 3);
    // And if it cannot be read either, the message is cut.
    let pieces = vec![Piece::File((file(100_000), 0..150_000))];
    let (message, cut, told) = ask(pieces, true, not_for_long, "GET").await;
    assert_eq!((split(&message).1.len(), cut), (100_000, Some(End::Truncated)));
    assert_eq!(told, ["the file became shorter while it was sent"]);
}

/// How often another task has had its turn, and how often it had when the first part was sent.
static TURNS: AtomicUsize = AtomicUsize::new(0);
static AT_FIRST: AtomicUsize = AtomicUsize::new(usize::MAX);
static AT_LAST: AtomicUsize = AtomicUsize::new(0);

/// Takes whatever it is given, and sends none of it.
fn takes_all(_: &QueuedStream, _: &File, _: u64, count: usize, _: &mut Cx<'_>) -> Poll<io::Result<usize>> {
    let turns = TURNS.load(Relaxed);
    AT_FIRST.fetch_min(turns, Relaxed);
    AT_LAST.store(turns, Relaxed);
    Poll::Ready(Ok(count))
}

/// A client that takes all at once does not keep others waiting until it has it.
#[tokio::test]
async fn others_have_their_turn() {
    let file = file(1);
    let pieces = (0..64).map(|_| Piece::File((Arc::clone(&file), 0..1 << 20))).collect();
    let other = tokio::spawn(std::future::poll_fn(|cx| {
        TURNS.fetch_add(1, Relaxed);
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    let (message, cut, _) = ask(pieces, true, takes_all, "GET").await;
    assert!(split(&message).1.is_empty() && cut.is_none());
    let turns = AT_LAST.load(Relaxed) - AT_FIRST.load(Relaxed);
    assert!(turns >= 20, "{turns} in 64 MiB");
    other.abort();
}
