//! Both sides: records, an application that reads and writes them, and what the client makes of it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Empty};
use propylon_fastcgi::{Body, BoxError, Config, Connection, Keeper, Reason, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

pub(crate) const BEGIN: u8 = 1;
const END: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const OUT: u8 = 6;
pub(crate) const ERR: u8 = 7;

/// A record of request 1.
pub(crate) fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let mut out = vec![1, kind, 0, 1];
    out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    out.extend([padding, 0]);
    out.extend(content);
    out.resize(out.len() + usize::from(padding), 0);
    out
}

pub(crate) fn out(text: &str) -> Vec<u8> {
    record(OUT, text.as_bytes(), 0)
}

pub(crate) fn err(text: &str) -> Vec<u8> {
    record(ERR, text.as_bytes(), 3)
}

/// The end of a request, with this protocol status.
pub(crate) fn ended(status: u8) -> Vec<u8> {
    record(END, &[0, 0, 0, 0, status, 0, 0, 0], 0)
}

/// What follows a response that is in order.
pub(crate) fn done() -> Vec<u8> {
    [record(OUT, b"", 0), ended(0)].concat()
}

/// The application's side.
pub(crate) struct App(pub(crate) DuplexStream);

impl App {
    /// The next record's type and content; none at the end. One that is cut is a failure.
    async fn record(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 8];
        if self.0.read(&mut header[..1]).await.unwrap() == 0 {
            return None;
        }
        self.0.read_exact(&mut header[1..]).await.ok()?;
        assert_eq!((header[0], header[2], header[3], header[7]), (1, 0, 1, 0), "{header:?}");
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let mut content = vec![0; length + usize::from(header[6])];
        self.0.read_exact(&mut content).await.ok()?;
        content.truncate(length);
        Some((header[1], content))
    }

    /// Reads up to the end of the params: the flags, and the params.
    pub(crate) async fn head(&mut self) -> (u8, Vec<u8>) {
        let (kind, begin) = self.record().await.unwrap();
        assert_eq!((kind, &begin[..2], &begin[3..]), (BEGIN, &[0, 1][..], &[0; 5][..]));
        let mut params = Vec::new();
        loop {
            let (kind, content) = self.record().await.unwrap();
            assert_eq!(kind, PARAMS);
            if content.is_empty() {
                return (begin[2], params);
            }
            params.extend(content);
        }
    }

    /// Reads the request's body: its pieces, and whether its end came.
    pub(crate) async fn stdin(&mut self) -> (Vec<Vec<u8>>, bool) {
        let mut pieces = Vec::new();
        while let Some((kind, content)) = self.record().await {
            assert_eq!(kind, STDIN);
            if content.is_empty() {
                return (pieces, true);
            }
            pieces.push(content);
        }
        (pieces, false)
    }

    /// Reads all of a request: its body.
    pub(crate) async fn request(&mut self) -> Vec<u8> {
        self.head().await;
        let (pieces, whole) = self.stdin().await;
        assert!(whole);
        pieces.concat()
    }

    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }
}

/// Takes a connection back.
#[derive(Clone, Default)]
pub(crate) struct Pool(pub(crate) Arc<Mutex<Option<Connection<DuplexStream>>>>);

impl Keeper<DuplexStream> for Pool {
    fn give_back(self, connection: Connection<DuplexStream>) {
        *self.0.lock().unwrap() = Some(connection);
    }
}

/// What came of an exchange.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) reason: Option<Bytes>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) error: Option<String>,
    pub(crate) kept: bool,
}

impl Outcome {
    pub(crate) fn text(&self) -> (u16, &str, Option<&str>, bool) {
        (self.status, std::str::from_utf8(&self.body).unwrap(), self.error.as_deref(), self.kept)
    }
}

/// Reads a body to its end or failure.
pub(crate) async fn read<B>(mut body: Body<DuplexStream, B, Pool>, outcome: &mut Outcome)
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap();
                assert!(!data.is_empty(), "an empty frame");
                outcome.body.extend(data);
            }
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    assert!(body.is_end_stream());
}

/// Sends a request and reads what comes.
pub(crate) async fn fetch<B>(io: DuplexStream, request: Request<B>, config: Config) -> Outcome
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (pool, mut outcome) = (Pool::default(), Outcome::default());
    match send(Connection::new(io), request, Arc::new(config), pool.clone()).await {
        Ok(response) => {
            outcome.status = response.status().as_u16();
            outcome.reason = response.extensions().get::<Reason>().map(|reason| reason.0.clone());
            let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
            outcome.fields =
                response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            read(response.into_body(), &mut outcome).await;
        }
        Err(error) => outcome.error = Some(error.to_string()),
    }
    outcome.kept = pool.0.lock().unwrap().is_some();
    outcome
}

/// Fails a test that waits for ever: the paused clock moves on only when nothing else does.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

/// What comes of a request without a body which an application answers with these pieces, and then it leaves.
pub(crate) async fn answered(method: Method, config: Config, pieces: &[&[u8]]) -> Outcome {
    let (io, app) = duplex(1 << 20);
    let request = Request::builder().method(method).body(Empty::new()).unwrap();
    let app = async {
        let mut app = App(app);
        assert_eq!(app.request().await, b"");
        for piece in pieces {
            app.say(piece).await;
            tokio::task::yield_now().await; // it is read before the next one
        }
    };
    within(async { tokio::join!(fetch(io, request, config), app).0 }).await
}

pub(crate) async fn get(bytes: &[u8]) -> Outcome {
    answered(Method::GET, keep(), &[bytes]).await
}

pub(crate) fn keep() -> Config {
    Config::new().keep_conn(true)
}

pub(crate) const HEAD: &str = "Content-Type: text/plain\r\n\r\n";

/// A request body that does what it is told.
pub(crate) struct Script(VecDeque<Step>);

pub(crate) enum Step {
    Data(Bytes),
    Trailers,
    Fail,
    /// What follows waits for this.
    Wait(tokio::sync::oneshot::Receiver<()>),
    /// Nothing more comes, ever.
    Stall,
}

/// A body that does this, one after the other.
pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script(steps.into_iter().collect())
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(Step::Wait(told)) = self.0.front_mut() {
            std::task::ready!(Pin::new(told).poll(cx)).unwrap();
            self.0.pop_front();
        }
        let Some(step) = self.0.pop_front() else { return Poll::Ready(None) };
        match step {
            Step::Wait(_) => unreachable!("one at a time"),
            Step::Data(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Step::Trailers => Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new())))),
            Step::Fail => Poll::Ready(Some(Err(io::Error::other("client went away")))),
            Step::Stall => {
                self.0.push_front(Step::Stall);
                Poll::Pending
            }
        }
    }
}
