//! [`SendQueue`]: what many connections have to send is sent in a row, and nothing of it is lost.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests: helpers may fail, and what is read was written here"
)]

mod driver_support;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_support::*;
use http::{Request, Response};
use propylon_h1::client::{self, Progress};
use propylon_h1::sends::{QueuedStream, SendQueue};
use propylon_h1::server;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const MANY: usize = 80;
const ROUNDS: usize = 4;

/// A queue that is run, and connections: our ends, and the peers'.
struct Sends {
    queue: SendQueue,
    runner: JoinHandle<()>,
    listener: TcpListener,
    crowd: Vec<(QueuedStream, TcpStream)>,
}

impl Sends {
    async fn new() -> Self {
        let queue = SendQueue::new();
        let run = queue.clone();
        let runner = tokio::spawn(async move { run.run().await });
        tokio::task::yield_now().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { queue, runner, listener, crowd: Vec::new() }
    }

    async fn connect(&self) -> (QueuedStream, TcpStream) {
        let near = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
        near.set_nodelay(true).unwrap();
        let (far, _) = self.listener.accept().await.unwrap();
        (self.queue.stream(near), far)
    }

    /// So many are sending that what comes next is queued.
    async fn busy() -> Self {
        let mut sends = Self::new().await;
        for _ in 0..MANY {
            let pair = sends.connect().await;
            sends.crowd.push(pair);
        }
        for _ in 0..ROUNDS {
            for (near, _) in &mut sends.crowd {
                near.write_all(b"x").await.unwrap();
            }
            for (_, far) in &mut sends.crowd {
                assert_eq!(far.read_u8().await.unwrap(), b'x');
            }
        }
        sends
    }
}

/// Whether something has arrived.
fn arrived(far: &TcpStream) -> bool {
    SockRef::from(far).peek(&mut [std::mem::MaybeUninit::uninit()]).is_ok()
}

/// How many answers had arrived when each of them was decided, in the last of several rounds.
async fn arrived_meanwhile(queued: bool) -> usize {
    let sends = Sends::new().await;
    if !queued {
        sends.runner.abort();
    }
    let clients: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let seen: Arc<Mutex<usize>> = Arc::default();
    for _ in 0..MANY {
        let (near, far) = sends.connect().await;
        let (others, most) = (clients.clone(), seen.clone());
        clients.lock().unwrap().push(far);
        let service = move |_, _| {
            let arrived = others.lock().unwrap().iter().filter(|far| arrived(far)).count();
            let mut most = most.lock().unwrap();
            *most = arrived.max(*most);
            async { Ok(Response::new(text("hello"))) }
        };
        tokio::spawn(server::Connection::new(near, Fun(service), ()).run());
    }
    for _ in 0..ROUNDS {
        *seen.lock().unwrap() = 0;
        let mut all = std::mem::take(&mut *clients.lock().unwrap());
        for client in &mut all {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        }
        *clients.lock().unwrap() = all;
        for at in 0..MANY {
            std::future::poll_fn(|cx| clients.lock().unwrap()[at].poll_read_ready(cx)).await.unwrap();
        }
        for client in &*clients.lock().unwrap() {
            while client.try_read(&mut [0; 512]).is_ok() {}
        }
    }
    *seen.lock().unwrap()
}

#[tokio::test]
async fn a_server_decides_for_all_and_then_sends() {
    assert_eq!(arrived_meanwhile(true).await, 0);
    assert!(arrived_meanwhile(false).await > MANY / 2);
}

#[tokio::test]
async fn few_send_at_once() {
    let sends = Sends::new().await;
    let (mut near, far) = sends.connect().await;
    near.write_all(b"one").await.unwrap();
    assert!(arrived(&far));
}

/// Among many too, and behind what was queued before.
#[tokio::test]
async fn who_is_direct_sends_at_once() {
    let mut sends = Sends::busy().await;
    let (mut near, mut far) = sends.crowd.pop().unwrap();
    near.write_all(b"one").await.unwrap();
    assert!(!arrived(&far), "it is queued");
    let mut near = near.direct();
    near.write_all(b"two").await.unwrap();
    let mut got = [0; 6];
    far.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"onetwo");
    near.write_all(b"three").await.unwrap();
    assert!(arrived(&far));
}

#[tokio::test]
async fn what_is_queued_is_sent_in_order_with_what_is_not() {
    let sends = Sends::busy().await;
    let (mut near, mut far) = sends.connect().await;
    let large = vec![b'l'; 100_000];
    near.write_all(b"small").await.unwrap();
    assert!(!arrived(&far));
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        all
    });
    near.write_all(&large).await.unwrap();
    near.write_all(b"again").await.unwrap();
    near.shutdown().await.unwrap();
    assert_eq!(reader.await.unwrap(), [b"small", &large[..], b"again"].concat());
}

#[tokio::test]
async fn who_drops_a_stream_has_sent() {
    let sends = Sends::busy().await;
    let (mut near, mut far) = sends.connect().await;
    near.write_all(b"last words").await.unwrap();
    drop(near);
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"last words");
}

#[tokio::test]
async fn what_the_kernel_does_not_take_waits_for_the_peer() {
    let sends = Sends::busy().await;
    let (mut near, mut far) = sends.connect().await;
    let mut sent = 0;
    loop {
        match near.as_ref().try_write(&[b'f'; 4096]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    near.write_all(&[b'q'; 4096]).await.unwrap();
    let mut closing = Box::pin(async move { near.shutdown().await });
    for _ in 0..3 {
        tokio::select! {
            biased;
            _ = &mut closing => panic!("not before all is sent"),
            () = tokio::task::yield_now() => {}
        }
    }
    let closed = tokio::spawn(closing);
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    closed.await.unwrap().unwrap();
    assert_eq!(all.len(), sent + 4096);
    assert!(all[sent..].iter().all(|byte| *byte == b'q'));
}

#[tokio::test]
async fn nothing_is_left_when_nobody_runs_the_queue() {
    let sends = Sends::busy().await;
    let (mut near, mut far) = sends.connect().await;
    near.write_all(b"queued").await.unwrap();
    assert!(!arrived(&far));
    sends.runner.abort();
    assert!(sends.runner.await.unwrap_err().is_cancelled());
    near.write_all(b", at once").await.unwrap();
    assert!(arrived(&far));
    let mut all = [0; 15];
    far.read_exact(&mut all).await.unwrap();
    assert_eq!(&all, b"queued, at once");
}

/// Has the peer reset the connection without the runtime having heard of it.
fn reset(far: TcpStream) {
    SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
    drop(far);
}

#[tokio::test]
async fn who_reads_is_told_that_nothing_was_sent() {
    let sends = Sends::busy().await;
    let (mut near, far) = sends.connect().await;
    reset(far);
    near.write_all(b"lost").await.unwrap();
    let error = near.read_u8().await.unwrap_err();
    assert!(error.to_string().starts_with("could not be sent"), "{error}");
    assert!(near.write_all(b"more").await.is_err());
    assert!(near.shutdown().await.is_err());
}

#[tokio::test]
async fn a_request_that_was_queued_and_not_sent_did_not_leave() {
    let sends = Sends::busy().await;
    let (near, far) = sends.connect().await;
    let request = Request::post("/").header("host", "a").body(text("hello")).unwrap();
    reset(far);
    let failure = client::Connection::new(near).send(request, ()).await.unwrap_err();
    assert_eq!(failure.progress, Progress::Nothing);
    assert!(failure.unsent.is_some());
}

#[tokio::test]
async fn a_response_that_cannot_be_sent_ends_in_a_reset() {
    let sends = Sends::busy().await;
    let (mut near, mut far) = sends.connect().await;
    SockRef::from(near.as_ref()).shutdown(Shutdown::Write).unwrap(); // no more can be sent, and nothing says so but sending
    near.write_all(b"lost").await.unwrap();
    let error = near.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(near);
    // The end was said before; that there is more to say, and nobody to say it, is said by a reset.
    let error = far.write_all(b"?").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}
