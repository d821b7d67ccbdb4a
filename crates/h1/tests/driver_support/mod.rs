//! What the drivers' tests share.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Cx, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use propylon_h1::server::{
    BoxError, Closed, Config, Connection, Context, End, Handle, Observer, Outcome, Rejected, RequestBody,
    Service,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

pub(crate) fn body<B>(body: B) -> AnyBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

pub(crate) fn text(text: &'static str) -> AnyBody {
    body(Full::from(text))
}

pub(crate) fn empty() -> AnyBody {
    body(Empty::new())
}

/// A service that is a closure. `Err`: no answer.
pub(crate) struct Fun<F>(pub(crate) F);

impl<F, T> Service for Fun<F>
where
    F: Fn(Request<RequestBody>, Context) -> T + Send + Sync,
    T: Future<Output = Result<Response<AnyBody>, ()>> + Send,
{
    type Body = AnyBody;
    type Error = ();

    async fn call(&self, request: Request<RequestBody>, context: Context) -> Result<Response<AnyBody>, ()> {
        (self.0)(request, context).await
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) began: AtomicUsize,
    pub(crate) outcomes: Mutex<Vec<Outcome>>,
    pub(crate) rejected: Mutex<Vec<(u16, Bytes, u64)>>,
    pub(crate) silent: bool,
}

impl Log {
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Outcome {
        let outcomes = self.outcomes();
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        outcomes[0]
    }
}

impl Observer for Log {
    fn head_began(&self) {
        self.began.fetch_add(1, Ordering::Relaxed);
    }

    fn head_rejected(&self, rejected: Rejected<'_>) -> Option<Response<Bytes>> {
        let status = rejected.error.status();
        let line = rejected.error.first_line().clone();
        self.rejected.lock().unwrap().push((status.as_u16(), line, rejected.head_bytes));
        let page = Response::builder().status(status).body("page".into()).unwrap();
        (!self.silent).then_some(page)
    }

    fn finished(&self, outcome: &Outcome) {
        self.outcomes.lock().unwrap().push(*outcome);
    }
}

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = Config::new();
    config.date = false;
    change(&mut config);
    Arc::new(config)
}

/// A connection that is being served.
pub(crate) struct Served {
    pub(crate) client: DuplexStream,
    pub(crate) log: Arc<Log>,
    pub(crate) handle: Handle,
    pub(crate) task: JoinHandle<Over>,
}

/// What is known of a connection that is over, and was let go.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) handed_over: bool,
    pub(crate) cut: Option<End>,
    pub(crate) requests: u64,
}

pub(crate) async fn over<I>(run: impl Future<Output = Closed<I>>) -> Over {
    let closed = run.await;
    Over { handed_over: closed.io.is_none(), cut: closed.cut, requests: closed.requests }
}

pub(crate) fn serve<F, T>(service: F) -> Served
where
    F: Fn(Request<RequestBody>, Context) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Response<AnyBody>, ()>> + Send + 'static,
{
    serve_by(config(|_| {}), service)
}

pub(crate) fn serve_by<F, T>(config: Arc<Config>, service: F) -> Served
where
    F: Fn(Request<RequestBody>, Context) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Response<AnyBody>, ()>> + Send + 'static,
{
    let (client, server) = tokio::io::duplex(64 << 10);
    serve_on(server, client, config, service)
}

pub(crate) fn serve_on<I, F, T>(io: I, client: DuplexStream, config: Arc<Config>, service: F) -> Served
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(Request<RequestBody>, Context) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Response<AnyBody>, ()>> + Send + 'static,
{
    let log = Arc::<Log>::default();
    let connection = Connection::new(io, Fun(service), log.clone()).config(config);
    let handle = connection.handle();
    Served { client, log, handle, task: tokio::spawn(over(connection.run())) }
}

/// Writes all of it.
pub(crate) async fn say<I: AsyncWrite + Unpin>(io: &mut I, bytes: impl AsRef<[u8]>) {
    io.write_all(bytes.as_ref()).await.unwrap();
}

/// Reads exactly this.
pub(crate) async fn hear<I: AsyncRead + Unpin>(io: &mut I, expected: &str) {
    let mut got = vec![0; expected.len()];
    let mut n = 0;
    while n < got.len() {
        let read = tokio::time::timeout(Duration::from_secs(100), io.read(&mut got[n..])).await;
        match read.unwrap_or(Ok(0)) {
            Ok(0) | Err(_) => break,
            Ok(read) => n += read,
        }
    }
    assert_eq!(String::from_utf8_lossy(&got[..n]), expected);
}

/// Reads exactly this, and then the end.
pub(crate) async fn hear_last<I: AsyncRead + Unpin>(io: &mut I, expected: &str) {
    hear(io, expected).await;
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = io.read_to_end(&mut rest).await;
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

/// Lets every other task go on until it waits.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Ready after one more poll of everything else.
pub(crate) async fn is_quiet<I: AsyncRead + Unpin>(io: &mut I) -> bool {
    settle().await;
    let mut byte = [0];
    std::future::poll_fn(|cx| {
        Poll::Ready(Pin::new(&mut *io).poll_read(cx, &mut ReadBuf::new(&mut byte)).is_pending())
    })
    .await
}

/// A stream whose calls are counted.
pub(crate) struct Counted<I> {
    pub(crate) io: I,
    pub(crate) calls: Arc<Calls>,
}

#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) writes: Mutex<Vec<usize>>,
    /// How many slices each vectored write had.
    pub(crate) slices: Mutex<Vec<usize>>,
}

impl<I> Counted<I> {
    pub(crate) fn new(io: I) -> (Self, Arc<Calls>) {
        let calls = Arc::<Calls>::default();
        (Self { io, calls: calls.clone() }, calls)
    }
}

impl Calls {
    pub(crate) fn take(&self) -> (Vec<usize>, Vec<usize>) {
        let writes = std::mem::take(&mut *self.writes.lock().unwrap());
        (writes, std::mem::take(&mut *self.slices.lock().unwrap()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Counted<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Cx<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Counted<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Cx<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.calls.writes.lock().unwrap().push(buf.len());
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.calls.slices.lock().unwrap().push(bufs.len());
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
