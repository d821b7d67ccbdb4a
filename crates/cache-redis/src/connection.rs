//! A connection that many use at once: what they ask goes out in the order in which it comes, and so do the answers.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;
use propylon_cache::store::tier::TierError;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
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
    let mut write = std::pin::pin!(write);
    while let Some(Request { commands, answer }) = queue.recv().await {
        if answer.is_closed() {
            continue; // nobody waits for it any more
        }
        if sent.send(Waiting { count: commands.count(), answer }).await.is_err() {
            return;
        }
        for mut part in commands.into_parts() {
            // The reader tells what is wrong: it has whoever waits for this.
            if write.write_all_buf(&mut part).await.is_err() {
                return std::future::pending().await;
            }
        }
        // What else waits already goes out with it.
        if queue.is_empty() && write.flush().await.is_err() {
            return std::future::pending().await;
        }
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
    use tokio::io::{DuplexStream, duplex};

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

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        for (text, expected) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "what it says is not what a Redis server says"),
            (b"$1001\r\n", "what it says is not what a Redis server says"),
            (b"-WRONGPASS no\r\n", "WRONGPASS no"),
            (b"", "it has closed the connection"),
            (b"$5\r\nab", "it has closed the connection"),
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
