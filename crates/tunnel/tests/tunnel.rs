//! What two joined streams do.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proptest::prelude::*;
use propylon_tunnel::{End, Limits, Tunnel, Waited};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, DuplexStream, ReadBuf, duplex, join, sink,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

/// A tunnel between the two streams that are returned: a client's far end, a server's.
fn tunnel(limits: Limits, size: usize) -> (DuplexStream, DuplexStream, JoinHandle<End>) {
    let (browser, client) = duplex(size);
    let (upstream, server) = duplex(size);
    let tunnel = Tunnel::new(client, upstream).limits(limits);
    (browser, server, tokio::spawn(tunnel))
}

fn limits() -> Limits {
    Limits::new().read(MINUTE).send(2 * MINUTE).client_send(3 * MINUTE)
}

async fn read(stream: &mut DuplexStream, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn the_end_of_either_side_is_passed_on_and_the_other_goes_on() {
    for clients_first in [true, false] {
        let (browser, server, ended) = tunnel(limits(), 16);
        let (mut first, mut second) = if clients_first { (browser, server) } else { (server, browser) };
        first.write_all(b"last words").await.unwrap();
        first.shutdown().await.unwrap();
        let mut heard = Vec::new();
        second.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
        sleep(MINUTE / 2).await;
        second.write_all(b"more").await.unwrap();
        assert_eq!(read(&mut first, 4).await, b"more");
        drop(second);
        assert_eq!(first.read(&mut [0]).await.unwrap(), 0);
        assert!(matches!(ended.await.unwrap(), End::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_of_anybody_begins_the_time_anew() {
    let (mut browser, mut server, ended) = tunnel(limits(), 16);
    for turn in 0..6 {
        sleep(MINUTE - Duration::from_secs(1)).await;
        let (from, to) =
            if turn % 3 == 0 { (&mut server, &mut browser) } else { (&mut browser, &mut server) };
        from.write_all(b"x").await.unwrap();
        assert_eq!(read(to, 1).await, b"x");
    }
    let since = Instant::now();
    let End::TimedOut(Waited::Anybody, limit) = ended.await.unwrap() else { panic!() };
    assert_eq!((limit, since.elapsed().as_secs()), (MINUTE, 60));
    assert_eq!(browser.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn silence_after_one_sides_last_word_is_limited_too() {
    for clients in [true, false] {
        let (mut browser, mut server, ended) = tunnel(limits(), 16);
        if clients {
            browser.shutdown().await.unwrap()
        } else {
            server.shutdown().await.unwrap()
        }
        let since = Instant::now();
        assert!(matches!(ended.await.unwrap(), End::TimedOut(Waited::Anybody, _)), "client: {clients}");
        assert_eq!(since.elapsed().as_secs(), 60);
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_not_waited_for_for_ever() {
    let (browser, mut server, ended) = tunnel(limits(), 16);
    let since = Instant::now();
    server.write_all(&[7; 32]).await.unwrap();
    let End::TimedOut(who, limit) = ended.await.unwrap() else { panic!() };
    assert_eq!((who, limit, since.elapsed().as_secs()), (Waited::Client, 3 * MINUTE, 180));
    drop(browser);

    let (mut browser, _server, ended) = tunnel(limits(), 16);
    let since = Instant::now();
    browser.write_all(&[7; 32]).await.unwrap();
    // The upstream is silent meanwhile, which is another limit, and a shorter one.
    let End::TimedOut(who, limit) = ended.await.unwrap() else { panic!() };
    assert_eq!((who, limit, since.elapsed().as_secs()), (Waited::Anybody, MINUTE, 60));

    let (mut browser, _server, ended) = tunnel(limits().read(None), 16);
    browser.write_all(&[7; 32]).await.unwrap();
    let End::TimedOut(who, limit) = ended.await.unwrap() else { panic!() };
    assert_eq!((who, limit), (Waited::Upstream, 2 * MINUTE));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_reads_is_not_late() {
    let (mut browser, mut server, ended) = tunnel(limits().read(5 * MINUTE), 4);
    let sent: Vec<u8> = (0..100).collect();
    let writing = tokio::spawn({
        let sent = sent.clone();
        async move {
            server.write_all(&sent).await.unwrap();
            server
        }
    });
    let mut got = Vec::new();
    while got.len() < 100 {
        sleep(2 * MINUTE).await;
        got.extend(read(&mut browser, 4).await);
    }
    assert_eq!(got, sent);
    drop((browser, writing.await.unwrap()));
    assert!(matches!(ended.await.unwrap(), End::Closed));
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_late() {
    let (browser, _server, ended) = tunnel(Limits::new(), 4);
    sleep(1000 * MINUTE).await;
    assert!(!ended.is_finished());
    drop(browser);
}

#[tokio::test]
async fn counts_outlive_a_tunnel_that_was_cancelled() {
    let (mut browser, client) = duplex(64);
    let (upstream, mut server) = duplex(64);
    let tunnel = Tunnel::new(client, upstream);
    let counts = tunnel.counts();
    let running = tokio::spawn(tunnel);
    browser.write_all(b"abc").await.unwrap();
    server.write_all(b"de").await.unwrap();
    read(&mut server, 3).await;
    read(&mut browser, 2).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!((counts.to_upstream(), counts.to_client()), (3, 2));
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "both are closed");
}

/// A stream that fails when it is read, or written.
struct Broken {
    reads: bool,
}

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.reads { Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())) } else { Poll::Pending }
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_side_that_fails_is_named() {
    let (near, mut far) = duplex(64);
    let end = Tunnel::new(near, Broken { reads: true }).await;
    assert!(matches!(end, End::Upstream(error) if error.kind() == io::ErrorKind::ConnectionReset));
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);

    let (near, mut far) = duplex(64);
    far.write_all(b"x").await.unwrap();
    let end = Tunnel::new(near, Broken { reads: false }).limits(limits()).await;
    assert!(
        matches!(end, End::Upstream(error) if error.kind() == io::ErrorKind::BrokenPipe),
        "what it may still say is not waited for for ever"
    );

    let (near, _far) = duplex(64);
    assert!(matches!(Tunnel::new(Broken { reads: true }, near).await, End::Client(_)));

    let (near, far) = duplex(64);
    drop(far);
    let ended = tokio::time::timeout(Duration::from_millis(100), Tunnel::new(near, Broken { reads: false }));
    assert!(
        ended.await.is_err(),
        "what is not connected needs no telling, and the other side may still speak"
    );
}

/// A stream that takes nothing, of which there is still something to be read.
struct Left {
    text: &'static [u8],
    /// How it fails then, if it does not end.
    reading: Option<io::ErrorKind>,
    writing: io::ErrorKind,
}

impl AsyncRead for Left {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(reading) = self.reading.filter(|_| self.text.is_empty()) {
            return Poll::Ready(Err(reading.into()));
        }
        let (some, left) = self.text.split_at(self.text.len().min(3));
        buf.put_slice(some);
        self.text = left;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Left {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(self.writing.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Whoever takes nothing more has perhaps answered before.
#[tokio::test(start_paused = true)]
async fn what_was_said_before_a_failure_is_passed_on() {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let answer = &[7; 100][..];
    for clients in [true, false] {
        for half_close in [true, false] {
            for (writing, reading, tells, whole) in [
                (BrokenPipe, None, BrokenPipe, true),
                (ConnectionReset, None, ConnectionReset, false),
                // TLS without its last word, and how that may be, too.
                (BrokenPipe, Some(UnexpectedEof), UnexpectedEof, false),
                (ConnectionReset, Some(UnexpectedEof), ConnectionReset, false),
            ] {
                let case = format!("client: {clients}, half-close: {half_close}, {writing}, {reading:?}");
                let left = Left { text: answer, reading, writing };
                let (near, mut far) = duplex(16); // a slow reader
                far.write_all(b"more").await.unwrap();
                let hears = async {
                    let mut heard = vec![0; answer.len()];
                    far.read_exact(&mut heard).await.unwrap();
                    heard
                };
                let (heard, end, has_all) = if clients {
                    let mut tunnel = Tunnel::new(left, near).half_close(half_close);
                    let (heard, end) = tokio::join!(hears, &mut tunnel);
                    (heard, end, tunnel.upstream_has_all())
                } else {
                    let mut tunnel = Tunnel::new(near, left).half_close(half_close);
                    let (heard, end) = tokio::join!(hears, &mut tunnel);
                    (heard, end, tunnel.client_has_all())
                };
                assert_eq!(heard, answer, "{case}");
                let failed = match end {
                    End::Client(error) if clients => error.kind(),
                    End::Upstream(error) if !clients => error.kind(),
                    end => panic!("{case}: {end:?}"),
                };
                assert_eq!((failed, has_all), (tells, whole), "{case}: what a reset cuts has no end");
            }
        }
    }
}

/// What TLS has taken, and its socket not yet, leaves before the end.
#[tokio::test(start_paused = true)]
async fn what_was_taken_before_the_source_failed_leaves() {
    let answer = &[7; 100][..];
    for clients in [true, false] {
        let fails = join(answer.chain(Broken { reads: true }), sink());
        let (near, mut far) = duplex(16); // a slow reader
        let near = BufStream::new(near);
        let hears = async {
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            heard
        };
        let (heard, end) = if clients {
            tokio::join!(hears, Tunnel::new(fails, near))
        } else {
            tokio::join!(hears, Tunnel::new(near, fails))
        };
        assert_eq!(heard, answer, "client: {clients}");
        let failed = match end {
            End::Client(error) if clients => error.kind(),
            End::Upstream(error) if !clients => error.kind(),
            end => panic!("{end:?}"),
        };
        assert_eq!(failed, io::ErrorKind::ConnectionReset, "client: {clients}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is sent, in whatever pieces, through whatever pipes: all of it arrives, in order, both ways.
    #[test]
    fn bytes_arrive(
        up in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..5000), 0..12),
        down in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..5000), 0..12),
        pipe in prop::sample::select(vec![1usize, 3, 100, 8192, 1 << 20]),
        buffer in prop::sample::select(vec![1usize, 100, 8192, 65536]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (browser, client) = duplex(pipe);
            let (upstream, server) = duplex(pipe);
            let tunnel = Tunnel::new(client, upstream).limits(limits()).buffer(buffer);
            let counts = tunnel.counts();
            let speak = |stream: DuplexStream, pieces: Vec<Vec<u8>>| async move {
                let (mut reader, mut writer) = tokio::io::split(stream);
                let says = async {
                    for piece in &pieces {
                        writer.write_all(piece).await.unwrap();
                    }
                    writer.shutdown().await.unwrap();
                };
                let mut heard = Vec::new();
                let hears = reader.read_to_end(&mut heard);
                let ((), read) = tokio::join!(says, hears);
                read.unwrap();
                heard
            };
            let (end, from_server, from_browser) =
                tokio::join!(tunnel, speak(browser, up.clone()), speak(server, down.clone()));
            assert!(matches!(end, End::Closed), "{end:?}");
            assert!(from_browser == up.concat() && from_server == down.concat());
            assert_eq!(counts.to_upstream(), from_browser.len() as u64);
            assert_eq!(counts.to_client(), from_server.len() as u64);
        });
    }
}
