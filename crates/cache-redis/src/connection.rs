//! A connection that many use at once: what they ask goes out in the order in which it comes, and so do the answers.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use propylon_cache::store::tier::TierError;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::{Error, Refusal};
use crate::resp::{self, Commands, Value};

/// A connection. When the last clone is dropped it is closed.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    requests: mpsc::Sender<Request>,
    _task: Arc<Task>,
}

#[derive(Debug)]
struct Request {
    commands: Commands,
    answer: oneshot::Sender<Result<Vec<Value>, Error>>,
}

/// One whose answers are awaited.
struct Waiting {
    count: usize,
    answer: oneshot::Sender<Result<Vec<Value>, Error>>,
}

#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How much is gathered before it goes out: more than small commands are, and no more than is not copied.
const BATCH: usize = 16 << 10;

/// How many may wait for an answer, and how many to be sent.
const IN_FLIGHT: usize = 1024;
const QUEUED: usize = 1024;

impl Connection {
    /// On this stream. No reply may be larger than `limit`.
    pub(crate) fn new<S>(stream: S, limit: usize) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (requests, queue) = mpsc::channel(QUEUED);
        let task = tokio::spawn(drive(stream, queue, limit));
        Self { requests, _task: Arc::new(Task(task)) }
    }

    /// Sends these, and tells what came back: one value for each command, none of them an error.
    pub(crate) async fn ask(&self, commands: Commands) -> Result<Vec<Value>, TierError> {
        let (answer, answered) = oneshot::channel();
        match self.requests.try_send(Request { commands, answer }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(TierError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Error::Closed.into()),
        }
        let values = answered.await.unwrap_or(Err(Error::Closed))?;
        match values.iter().find_map(|value| if let Value::Error(text) = value { Some(text) } else { None }) {
            Some(text) => Err(Error::Refusal(Refusal(text[..].into())).into()),
            None => Ok(values),
        }
    }
}

/// Until one side has enough.
async fn drive<S>(stream: S, queue: mpsc::Receiver<Request>, limit: usize)
where
    S: AsyncRead + AsyncWrite,
{
    let (read, write) = tokio::io::split(stream);
    let (sent, waiting) = mpsc::channel(IN_FLIGHT);
    tokio::select! {
        () = write_all(write, queue, sent) => {}
        () = read_all(read, waiting, limit) => {}
    }
}

async fn write_all<W>(write: W, mut queue: mpsc::Receiver<Request>, sent: mpsc::Sender<Waiting>)
where
    W: AsyncWrite,
{
    let mut write = std::pin::pin!(BufWriter::with_capacity(BATCH, write));
    while send_batch(write.as_mut(), &mut queue, &sent).await.is_some() {}
}

/// Whatever waits goes out together. None: there is nothing to be sent any more, or nobody who waits.
async fn send_batch<W>(
    mut write: Pin<&mut BufWriter<W>>,
    queue: &mut mpsc::Receiver<Request>,
    sent: &mpsc::Sender<Waiting>,
) -> Option<()>
where
    W: AsyncWrite,
{
    let mut next = Some(queue.recv().await?);
    while let Some(Request { commands, answer }) = next {
        // Somebody who has left waits for nothing.
        if !answer.is_closed() {
            let waiting = Waiting { count: commands.count(), answer };
            if let Err(error) = sent.try_send(waiting) {
                // Answers come to what has been sent.
                or_wait(write.flush().await).await;
                sent.send(error.into_inner()).await.ok()?;
            }
            for mut part in commands.into_parts() {
                or_wait(write.write_all_buf(&mut part).await).await;
            }
        }
        next = queue.try_recv().ok();
    }
    or_wait(write.flush().await).await;
    Some(())
}

/// The reader tells what is wrong: it has whoever waits for this.
async fn or_wait(written: io::Result<()>) {
    if written.is_err() {
        std::future::pending().await
    }
}

async fn read_all<R>(read: R, mut sent: mpsc::Receiver<Waiting>, limit: usize)
where
    R: AsyncRead,
{
    let mut read = std::pin::pin!(read);
    let mut buffer = BytesMut::new();
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut values = Vec::new();
    let failure = loop {
        match resp::decode(&mut buffer, limit) {
            Err(error) => break Error::from(error),
            Ok(Some(value)) => {
                while let Ok(next) = sent.try_recv() {
                    waiting.push_back(next);
                }
                let Some(first) = waiting.front() else { break Error::Malformed }; // nobody has asked for it
                values.push(value);
                if values.len() == first.count
                    && let Some(first) = waiting.pop_front()
                {
                    let _ = first.answer.send(Ok(std::mem::take(&mut values))); // he may have left
                }
                continue;
            }
            Ok(None) => {}
        }
        buffer.reserve(16 << 10);
        match read.read_buf(&mut buffer).await {
            Ok(0) => break Error::Closed,
            Ok(_) => {}
            Err(error) => break Error::Io(error),
        }
    };
    while let Ok(next) = sent.try_recv() {
        waiting.push_back(next);
    }
    // The first hears why; the others, that it is closed.
    if let Some(first) = waiting.pop_front() {
        let _ = first.answer.send(Err(failure));
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use tokio::io::{DuplexStream, ReadBuf, duplex};

    use super::*;

    const LIMIT: usize = 1000;

    fn pair() -> (Connection, DuplexStream) {
        let (ours, theirs) = duplex(1 << 16);
        (Connection::new(ours, LIMIT), theirs)
    }

    fn ping() -> Commands {
        Commands::new().with([b"PING"])
    }

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    async fn expect(peer: &mut DuplexStream, text: &[u8]) {
        let mut read = vec![0; text.len()];
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(read, text);
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_questions() {
        let (connection, mut peer) = pair();
        let ask = |commands| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.ask(commands).await })
        };
        let first = ask(ping().with([b"PING"]));
        expect(&mut peer, &[PING, PING].concat()).await;
        let second = ask(ping());
        expect(&mut peer, PING).await;
        peer.write_all(b"+1\r\n+2\r\n+3\r\n").await.unwrap();
        let status = |text: &'static str| Value::Status(bytes::Bytes::from_static(text.as_bytes()));
        assert_eq!(first.await.unwrap().unwrap(), [status("1"), status("2")]);
        assert_eq!(second.await.unwrap().unwrap(), [status("3")]);
    }

    /// Whoever gives up waiting gets nobody else's answer, and nobody gets his.
    #[tokio::test]
    async fn who_leaves_takes_his_answer_with_him() {
        let (connection, mut peer) = pair();
        let gone = tokio::spawn({
            let connection = connection.clone();
            async move { connection.ask(ping()).await }
        });
        expect(&mut peer, PING).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let stays = tokio::spawn(async move { connection.ask(ping()).await });
        expect(&mut peer, PING).await;
        peer.write_all(b"+gone\r\n:2\r\n").await.unwrap();
        assert_eq!(stays.await.unwrap().unwrap(), [Value::Integer(2)]);
    }

    /// What many ask at once goes out in one piece, and what waits is sent even if the last of them has left.
    #[tokio::test]
    async fn what_waits_goes_out_together() {
        let (writes, mut wrote) = mpsc::channel(16);
        let connection = Connection::new(Counted { writes }, LIMIT);
        let mut asks = [(); 4].map(|()| Box::pin(connection.ask(ping().with([b"PING"]))));
        for ask in &mut asks {
            assert!(ask.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let [_first, _second, _third, last] = asks;
        drop(last);
        assert_eq!(wrote.recv().await.unwrap(), PING.len() * 6);
    }

    /// Tells how much is written at once, and never says anything.
    struct Counted {
        writes: mpsc::Sender<usize>,
    }

    impl AsyncRead for Counted {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            let _ = self.writes.try_send(data.len());
            Poll::Ready(Ok(data.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        for (text, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "invalid reply from the Redis server"),
            (b"$1001\r\n", "invalid reply from the Redis server"),
            (b"-WRONGPASS no\r\n", "WRONGPASS no"),
            (b"", "the server closed the connection"),
            (b"$5\r\nab", "the server closed the connection"),
        ] {
            let (connection, mut peer) = pair();
            let asked = tokio::spawn(async move { connection.ask(ping()).await });
            expect(&mut peer, PING).await;
            peer.write_all(text).await.unwrap();
            drop(peer);
            let error = asked.await.unwrap().unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(source, expected);
        }
    }

    #[tokio::test]
    async fn what_nobody_asked_for_ends_it() {
        let (connection, mut peer) = pair();
        peer.write_all(b"+OK\r\n").await.unwrap();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty() && connection.ask(ping()).await.is_err());
    }

    #[tokio::test]
    async fn so_many_and_no_more_may_wait() {
        let (connection, _peer) = pair();
        let mut all = Vec::new();
        for n in 0..IN_FLIGHT + QUEUED + 10 {
            let connection = connection.clone();
            all.push(tokio::spawn(async move { connection.ask(ping()).await }));
            for _ in 0..(n % 16) / 15 * 10 {
                tokio::task::yield_now().await; // they are sent
            }
        }
        let mut busy = 0;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        for asked in all {
            if asked.is_finished() {
                assert!(matches!(asked.await.unwrap(), Err(TierError::Busy)));
                busy += 1;
            }
        }
        assert!((1..=20).contains(&busy), "{busy}");
    }
}
