//! An HTTP/1 peer that reads requests and writes bytes by a plan, on a thread of its own.

mod connection;
mod plan;
mod request;

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, UnixListener},
    runtime::{Builder, Handle},
    sync::{oneshot, watch},
};

pub use self::plan::Plan;
use self::{
    connection::{Connection, Socket},
    plan::PlanFor,
};

/// How long the `wait_…` methods wait, in real time, before they give up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that one peer takes in its life; later ones are closed at once.
const MAX_CONNECTIONS: usize = 65_536;

/// A listener whose connections follow a [`Plan`] each.
///
/// It lives on a thread of its own, in real time: the test's paused clock does not rule it, and a test without a runtime
/// can use it. It stops, and closes every connection, when it is dropped. What it has read is kept, at most 64 MiB for
/// each connection (then that connection is closed).
///
/// ```
/// use std::{io::{Read, Write}, net::TcpStream};
/// use propylon_testkit::peer::{Plan, RawPeer};
///
/// let peer = RawPeer::tcp(|_| Plan::new().read_request().write("HTTP/1.1 204 No Content\r\n\r\n").close());
/// let mut client = TcpStream::connect(peer.addr())?;
/// client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "HTTP/1.1 204 No Content\r\n\r\n");
/// assert_eq!(peer.requests(), ["GET / HTTP/1.1\r\nHost: a\r\n\r\n"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct RawPeer {
    at: Address,
    log: watch::Receiver<Log>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What the peer has seen.
#[derive(Default)]
struct Log {
    received: Vec<Vec<u8>>,
    requests: Vec<Bytes>,
    closed: usize,
}

impl RawPeer {
    /// Listens on a free port of 127.0.0.1; the n-th connection (from 0) follows `plan_for(n)`.
    ///
    /// # Panics
    ///
    /// If there is no socket or thread to be had.
    pub fn tcp(plan_for: impl Fn(usize) -> Plan + Send + Sync + 'static) -> Self {
        Self::tcp_at(([127, 0, 0, 1], 0).into(), plan_for)
    }

    /// Listens at this address: where another peer was before it was dropped. See [`tcp`](Self::tcp).
    ///
    /// # Panics
    ///
    /// If the address or a thread cannot be had.
    pub fn tcp_at(at: SocketAddr, plan_for: impl Fn(usize) -> Plan + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind(at).expect("bind the address");
        listener.set_nonblocking(true).expect("make the listener non-blocking");
        let at = Address::Tcp(listener.local_addr().expect("a bound listener has an address"));
        Self::spawn(at, Arc::new(plan_for), async move |plan_for, log| {
            let listener = TcpListener::from_std(listener).expect("inside a runtime");
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                stream.set_nodelay(true).ok();
                start(stream, &plan_for, &log);
            }
        })
    }

    /// Listens on a unix socket at this path, which is removed again on drop. See [`tcp`](Self::tcp).
    ///
    /// # Panics
    ///
    /// If the path cannot be bound, or there is no thread to be had.
    pub fn unix(path: impl AsRef<Path>, plan_for: impl Fn(usize) -> Plan + Send + Sync + 'static) -> Self {
        let path = path.as_ref().to_owned();
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("bind the unix socket");
        listener.set_nonblocking(true).expect("make the listener non-blocking");
        Self::spawn(Address::Unix(path), Arc::new(plan_for), async move |plan_for, log| {
            let listener = UnixListener::from_std(listener).expect("inside a runtime");
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                start(stream, &plan_for, &log);
            }
        })
    }

    /// Where a TCP peer listens.
    ///
    /// # Panics
    ///
    /// If the peer listens on a unix socket.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        match &self.at {
            Address::Tcp(addr) => *addr,
            Address::Unix(path) => panic!("the peer listens on the unix socket {}", path.display()),
        }
    }

    /// Where a unix peer listens.
    ///
    /// # Panics
    ///
    /// If the peer listens on TCP.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.at {
            Address::Tcp(addr) => panic!("the peer listens on {addr}"),
            Address::Unix(path) => path,
        }
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.log.borrow().received.len()
    }

    /// How many connections have ended, by the plan or by the client.
    #[must_use]
    pub fn closed(&self) -> usize {
        self.log.borrow().closed
    }

    /// The requests that were read by [`Plan::read_request`], head and body as they came, in the order of their ends.
    #[must_use]
    pub fn requests(&self) -> Vec<Bytes> {
        self.log.borrow().requests.clone()
    }

    /// All bytes read on the n-th connection (from 0), also those of an unfinished request; empty if there is none.
    #[must_use]
    pub fn received(&self, connection: usize) -> Bytes {
        self.log.borrow().received.get(connection).cloned().unwrap_or_default().into()
    }

    /// Waits until `count` connections were accepted.
    ///
    /// # Panics
    ///
    /// After 20 seconds of real time.
    pub async fn wait_accepted(&self, count: usize) {
        self.wait("connections accepted", count, |log| log.received.len()).await;
    }

    /// Waits until `count` connections have ended.
    ///
    /// # Panics
    ///
    /// After 20 seconds of real time.
    pub async fn wait_closed(&self, count: usize) {
        self.wait("connections ended", count, |log| log.closed).await;
    }

    /// Waits until `count` requests were read, and gives all of them.
    ///
    /// # Panics
    ///
    /// After 20 seconds of real time.
    pub async fn wait_requests(&self, count: usize) -> Vec<Bytes> {
        self.wait("requests read", count, |log| log.requests.len()).await;
        self.requests()
    }

    /// Waits until `count` bytes were read on the n-th connection (from 0), and gives all of them.
    ///
    /// # Panics
    ///
    /// After 20 seconds of real time.
    pub async fn wait_received(&self, connection: usize, count: usize) -> Bytes {
        self.wait("bytes read", count, move |log| log.received.get(connection).map_or(0, Vec::len)).await;
        self.received(connection)
    }

    async fn wait(
        &self,
        what: &'static str,
        count: usize,
        seen: impl Fn(&Log) -> usize + Send + Sync + 'static,
    ) {
        let mut log = self.log.clone();
        // On the peer's runtime, so that the limit is real time even if the test's clock is paused.
        let waited = self.handle.spawn(async move {
            let enough = log.wait_for(|log| seen(log) >= count);
            let waited = tokio::time::timeout(PATIENCE, enough).await.is_ok();
            waited || seen(&log.borrow()) >= count
        });
        assert!(matches!(waited.await, Ok(true)), "peer: fewer than {count} {what} in {PATIENCE:?}");
    }

    fn spawn<F>(at: Address, plan_for: PlanFor, accept: F) -> Self
    where
        F: AsyncFnOnce(PlanFor, watch::Sender<Log>) + Send + 'static,
    {
        let runtime = Builder::new_current_thread().enable_all().build().expect("build the peer's runtime");
        let handle = runtime.handle().clone();
        let (sender, log) = watch::channel(Log::default());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("raw-peer".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(plan_for, sender) => {}
                }
            });
        });
        let thread = thread.expect("spawn the peer's thread");
        Self { at, log, handle, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        if let Address::Unix(path) = &self.at {
            fs::remove_file(path).ok();
        }
    }
}

/// Runs the plan of a new connection in a task of its own. The tasks end with the runtime, when the peer is dropped.
fn start(socket: impl Socket, plan_for: &PlanFor, log: &watch::Sender<Log>) {
    let index = log.borrow().received.len();
    if index >= MAX_CONNECTIONS {
        return;
    }
    log.send_modify(|log| log.received.push(Vec::new()));
    let plan = plan_for(index);
    let connection = Connection::new(socket, index, log.clone());
    tokio::spawn(connection.follow(plan));
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("connections", &self.received.len())
            .field("requests", &self.requests.len())
            .field("closed", &self.closed)
            .finish()
    }
}
