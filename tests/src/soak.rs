//! Many keepalive clients for a while, with a reload every second: what fails, what memory and descriptors do.
//!
//! `cargo run -p propylon-tests --release --example soak` runs the large one; a test runs a small one.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::{Propylon, Signal, address, now, until};

/// What to do.
#[derive(Debug, Clone)]
pub struct Soak {
    /// How many clients, each on one connection.
    pub clients: usize,
    /// For how long, after all are connected.
    pub time: Duration,
    /// How long a client waits after each answer.
    pub pace: Duration,
    /// How often the configuration changes and is read again.
    pub reload: Duration,
    /// When memory is first looked at, from the start; and how long before the end it is looked at again.
    pub settle: Duration,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Requests answered as they should be.
    pub answered: usize,
    /// Requests that were not: how many, and what the first of them said.
    pub failed: usize,
    /// The first few failures.
    pub failures: Vec<String>,
    /// Reloads asked for.
    pub reloads: usize,
    /// How many different configurations answered.
    pub generations: usize,
    /// Resident memory in KiB once it has settled: the median around [`Soak::settle`].
    pub settled_kib: u64,
    /// Resident memory in KiB towards the end: the median of the last stretch as long as [`Soak::settle`].
    pub last_kib: u64,
    /// Seconds since the start, resident memory in KiB, descriptors: at each reload.
    pub samples: Vec<(u64, u64, usize)>,
    /// Descriptors before the first client.
    pub descriptors_before: usize,
    /// The most of them with all clients connected.
    pub descriptors_during: usize,
    /// Descriptors after the last client left.
    pub descriptors_after: usize,
}

#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    failed: AtomicUsize,
    failures: Mutex<Vec<String>>,
    connected: AtomicUsize,
    generations: AtomicUsize,
    stop: AtomicBool,
}

impl Soak {
    /// Runs it; takes a little longer than [`Soak::time`].
    pub fn run(&self) -> Outcome {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let origin = origin(&runtime);
        let listen = address();
        let propylon = Propylon::start(&config(origin, listen, 0));
        crate::raw_request(listen, REQUEST).expect("an answer");
        let descriptors_before = descriptors_at_rest(&propylon);

        let tally = Arc::new(Tally::default());
        for number in 0..self.clients {
            let (tally, pace) = (tally.clone(), self.pace);
            // They come one after the other, as crowds do, and stay spread over the pace.
            let delay = self.pace.mul_f64(number as f64 / self.clients as f64);
            runtime.spawn(client(listen, tally, delay, pace));
        }
        until("all clients connected", Duration::from_secs(120), || {
            (tally.connected.load(Ordering::Relaxed) >= self.clients).then_some(())
        });
        let (mut outcome, reloads) = self.watch(&propylon, origin, listen);
        tally.stop.store(true, Ordering::Relaxed);
        until("all clients gone", Duration::from_secs(120), || {
            (tally.connected.load(Ordering::Relaxed) == 0).then_some(())
        });

        outcome.reloads = reloads;
        outcome.answered = tally.answered.load(Ordering::Relaxed);
        outcome.failed = tally.failed.load(Ordering::Relaxed);
        outcome.failures = tally.failures.lock().unwrap().clone();
        outcome.generations = tally.generations.load(Ordering::Relaxed);
        outcome.descriptors_before = descriptors_before;
        outcome.descriptors_after = descriptors_at_rest(&propylon);
        outcome
    }

    /// Reloads and samples until the time is over.
    fn watch(&self, propylon: &Propylon, origin: SocketAddr, listen: SocketAddr) -> (Outcome, usize) {
        let start = now();
        let mut outcome = Outcome::new();
        let mut reloads = 0;
        while start.elapsed() < self.time {
            let next = start + self.reload * u32::try_from(reloads + 1).unwrap_or(u32::MAX);
            sleep_until(next.min(start + self.time));
            reloads += 1;
            propylon.rewrite(&config(origin, listen, reloads));
            propylon.signal(Signal::HUP);
            let resident = propylon.resident();
            let descriptors = propylon.descriptors();
            outcome.descriptors_during = outcome.descriptors_during.max(descriptors);
            outcome.samples.push((start.elapsed().as_secs(), resident, descriptors));
        }
        let window = (self.settle.as_secs() / 4).max(1);
        let around = |second: u64| second.abs_diff(self.settle.as_secs()) <= window;
        outcome.settled_kib = outcome.median(around);
        outcome.last_kib = outcome.median(|second| second + self.settle.as_secs() >= self.time.as_secs());
        (outcome, reloads)
    }
}

impl Outcome {
    fn new() -> Self {
        Self {
            answered: 0,
            failed: 0,
            failures: Vec::new(),
            reloads: 0,
            generations: 0,
            settled_kib: 0,
            last_kib: 0,
            samples: Vec::new(),
            descriptors_before: 0,
            descriptors_during: 0,
            descriptors_after: 0,
        }
    }

    /// The median of resident memory over the seconds chosen: a machine that is busy for a moment makes requests pile
    /// up, and memory with them, which is no leak.
    fn median(&self, chosen: impl Fn(u64) -> bool) -> u64 {
        let mut resident: Vec<_> =
            self.samples.iter().filter(|(second, ..)| chosen(*second)).map(|(_, kib, _)| *kib).collect();
        resident.sort_unstable();
        resident.get(resident.len() / 2).copied().unwrap_or(0)
    }

    /// By how many percent memory grew after it had settled.
    pub fn growth(&self) -> f64 {
        (self.last_kib as f64 / self.settled_kib.max(1) as f64 - 1.0) * 100.0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (second, resident, descriptors) in self.samples.iter().step_by(5) {
            writeln!(f, "after {second:3} s  {resident} KiB, {descriptors} descriptors")?;
        }
        writeln!(f, "requests     {} answered, {} failed", self.answered, self.failed)?;
        writeln!(f, "reloads      {}, {} configurations seen in answers", self.reloads, self.generations)?;
        writeln!(
            f,
            "resident     {} KiB settled, {} KiB at the end: {:+.1} %",
            self.settled_kib,
            self.last_kib,
            self.growth()
        )?;
        writeln!(
            f,
            "descriptors  {} before, {} during, {} after",
            self.descriptors_before, self.descriptors_during, self.descriptors_after
        )?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "failure      {failure}"))
    }
}

const REQUEST: &[u8] = b"GET /soak HTTP/1.1\r\nHost: soak.test\r\n\r\n";

/// Idle upstream connections go after a second, so that the count at rest is that of the listeners and nothing else.
fn config(origin: SocketAddr, listen: SocketAddr, generation: usize) -> String {
    format!(
        r#"
[upstream.origin]
server = [{{ address = "{origin}" }}]
keepalive = 64
keepalive_timeout = "1s"

[defaults.access_log]
path = "@DIR@/access.log"
buffer = "64k"

[[server]]
listen = ["{listen} backlog=4096"]
keepalive_requests = 1000000

[[server.location]]
match = "/"
proxy_pass = "http://origin"
headers.add = {{ X-Generation = "{generation}" }}
"#
    )
}

/// The number of descriptors once it has stopped changing for two seconds.
fn descriptors_at_rest(propylon: &Propylon) -> usize {
    let mut last = (propylon.descriptors(), now());
    until("descriptors at rest", Duration::from_secs(60), || {
        let count = propylon.descriptors();
        if count != last.0 {
            last = (count, now());
        }
        (last.1.elapsed() > Duration::from_secs(2)).then_some(count)
    })
}

fn sleep_until(time: Instant) {
    thread::sleep(time.saturating_duration_since(now()));
}

fn origin(runtime: &Runtime) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind(address())).expect("a port on loopback");
    let at = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    at
}

/// Answers each head with 1 KiB; requests have no bodies.
async fn serve(mut socket: TcpStream) {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n{}", "x".repeat(1024));
    let mut head = Vec::with_capacity(1024);
    while let Ok(1..) = socket.read_buf(&mut head).await {
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            if socket.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn client(listen: SocketAddr, tally: Arc<Tally>, delay: Duration, pace: Duration) {
    tokio::time::sleep(delay).await;
    let socket = TcpStream::connect(listen).await;
    tally.connected.fetch_add(1, Ordering::Relaxed);
    match socket {
        Ok(mut socket) => {
            while !tally.stop.load(Ordering::Relaxed) {
                if let Err(failure) = ask(&mut socket, &tally).await {
                    tally.fail(failure);
                    break;
                }
                tokio::time::sleep(pace).await;
            }
        }
        Err(error) => tally.fail(format!("connect: {error}")),
    }
    // A client that has failed counts as connected until the end, or the start would wait for it in vain.
    while !tally.stop.load(Ordering::Relaxed) {
        tokio::time::sleep(pace).await;
    }
    tally.connected.fetch_sub(1, Ordering::Relaxed);
}

async fn ask(socket: &mut TcpStream, tally: &Tally) -> Result<(), String> {
    socket.write_all(REQUEST).await.map_err(|error| format!("write: {error}"))?;
    let mut answer = Vec::with_capacity(2048);
    loop {
        let got = tokio::time::timeout(crate::LIMIT, socket.read_buf(&mut answer)).await;
        let got =
            got.map_err(|_| "no answer in time".to_owned())?.map_err(|error| format!("read: {error}"))?;
        if got == 0 {
            return Err(format!("closed after {} bytes of the answer", answer.len()));
        }
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if answer.len() < end + 4 + 1024 {
            continue;
        }
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        if answer.len() > end + 4 + 1024
            || !head.starts_with("http/1.1 200 ")
            || head.contains("connection: close")
        {
            return Err(format!("a wrong answer: {head}"));
        }
        let generation =
            head.split("x-generation: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        tally.generations.fetch_max(generation.map_or(0, |number: usize| number + 1), Ordering::Relaxed);
        tally.answered.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
}

impl Tally {
    fn fail(&self, failure: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < 10 {
            failures.push(failure);
        }
    }
}
