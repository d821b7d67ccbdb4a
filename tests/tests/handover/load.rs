//! Clients that ask while the processes change.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use propylon_tests::{Client, LIMIT, RawResponse, Signal, until};

use crate::support::{GET, Gateway};

#[test]
fn upgrades_under_load_fail_no_request() {
    let mut gateway = Gateway::start(2);
    let load = Load::new(gateway.listen);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load.on_one_connection());
        }
        for _ in 0..2 {
            scope.spawn(|| load.on_new_connections());
        }
        let _stop = load.stop_at_the_end();
        load.goes_on();
        let mut old = gateway.first();
        for _ in 0..2 {
            let new = gateway.upgrade(old);
            load.goes_on();
            load.drains.store(true, Ordering::Relaxed);
            old.signal(Signal::QUIT);
            gateway.ended(old);
            load.goes_on();
            load.drains.store(false, Ordering::Relaxed);
            assert!(!gateway.path("propylon.pid.oldbin").exists());
            old = new;
        }
    });
    assert_eq!(load.failures(), "");
    let answered = load.answered.load(Ordering::Relaxed);
    assert_eq!(gateway.origin.heads(), answered, "a request that was begun was not answered");
    eprintln!("{answered} requests, {:?} connections closed before one", load.closed);
}

/// Clients that ask all the time, and what they saw.
struct Load {
    listen: SocketAddr,
    stop: AtomicBool,
    /// A process drains: it closes connections on which it has read no request, which a client has to expect.
    drains: AtomicBool,
    answered: AtomicUsize,
    closed: AtomicUsize,
    failures: std::sync::Mutex<Vec<String>>,
}

struct StopAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load {
    fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            stop: AtomicBool::new(false),
            drains: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            failures: std::sync::Mutex::default(),
        }
    }

    fn on_new_connections(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            match Client::connect(self.listen) {
                Ok(mut client) => self.count("a new connection", client.ask(GET)),
                Err(error) => self.count("connecting", Err(error)),
            }
        }
    }

    fn on_one_connection(&self) {
        let mut client = Client::connect(self.listen).unwrap();
        while !self.stop.load(Ordering::Relaxed) {
            let answer = client.ask(GET);
            let closed = self.is_closed(&answer);
            let last = answer.as_ref().map_or(true, |answer| answer.head.lists("connection", "close"));
            if !closed {
                self.count("a kept connection", answer);
            }
            if last {
                match Client::connect(self.listen) {
                    Ok(connected) => client = connected,
                    Err(error) => return self.count("connecting", Err(error)),
                }
            }
        }
    }

    /// Whether a process that drains closed the connection instead of answering on it: the client asks again.
    fn is_closed(&self, answer: &std::io::Result<RawResponse>) -> bool {
        use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let closed = answer
            .as_ref()
            .is_err_and(|error| matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof));
        let expected = closed && self.drains.load(Ordering::Relaxed);
        if expected {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
        expected
    }

    pub(crate) fn count(&self, what: &str, answer: std::io::Result<RawResponse>) {
        match answer {
            Ok(answer) if answer.status == 200 => _ = self.answered.fetch_add(1, Ordering::Relaxed),
            Ok(answer) => self.failures.lock().unwrap().push(format!("{what}: status {}", answer.status)),
            Err(error) => self.failures.lock().unwrap().push(format!("{what}: {error}")),
        }
    }

    /// Waits until more is answered.
    fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("more answers", LIMIT, || (self.answered.load(Ordering::Relaxed) > before + 200).then_some(()));
    }

    fn stop_at_the_end(&self) -> StopAtTheEnd<'_> {
        StopAtTheEnd(&self.stop)
    }

    fn failures(&self) -> String {
        self.failures.lock().unwrap().join("\n")
    }
}
