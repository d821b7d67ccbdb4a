//! What became of reloads, and the orders for them.

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::error::Refusal;
use http::StatusCode;

/// What became of the reloads so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) last: Option<Last>,
}

/// The last reload.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) at: Timestamp,
    /// Why the configuration before stayed, in one line: anybody may read it, and the whole report shows what the file has there.
    pub(crate) error: Option<String>,
}

/// What became of the reloads so far, and the way to another one.
#[derive(Debug)]
pub(crate) struct Reloading {
    so_far: Mutex<Reloads>,
    orders: mpsc::Sender<Order>,
}

impl Reloading {
    pub(crate) fn new() -> (Self, Orders) {
        let (orders, inbox) = mpsc::channel(1);
        (Self { so_far: Mutex::default(), orders }, Orders(inbox))
    }

    pub(crate) fn so_far(&self) -> Reloads {
        self.so_far.lock().clone()
    }

    /// One is over.
    pub(crate) fn over(&self, outcome: Result<(), &str>) {
        let mut so_far = self.so_far.lock();
        match outcome {
            Ok(()) => so_far.succeeded += 1,
            Err(_) => so_far.failed += 1,
        }
        let first =
            |report: &str| report.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
        let error = outcome.err().map(|report| first(report).unwrap_or_default());
        so_far.last = Some(Last { at: Timestamp::now(), error });
    }

    /// Has the configuration read again, and waits until it is in force.
    pub(crate) async fn order(&self) -> Result<(), Refusal> {
        let (reply, done) = oneshot::channel();
        let busy = "a reload is under way already";
        self.orders
            .try_send(Order(reply))
            .map_err(|_| Refusal::new(StatusCode::CONFLICT, "reload_under_way", busy))?;
        let gone = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the process is shutting down");
        done.await
            .map_err(|_| gone)?
            .map_err(|error| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "not_reloaded", error))
    }
}

/// What operators order by the API: whoever owns the gateway carries it out.
#[derive(Debug)]
pub struct Orders(mpsc::Receiver<Order>);

impl Orders {
    /// The next order to reload.
    pub async fn next(&mut self) -> Order {
        match self.0.recv().await {
            Some(order) => order,
            None => std::future::pending().await,
        }
    }
}

/// An order to read the configuration again. Somebody waits for what becomes of it.
#[derive(Debug)]
pub struct Order(oneshot::Sender<Result<(), String>>);

impl Order {
    /// It was carried out; or why the configuration before stays.
    pub fn done(self, outcome: Result<(), String>) {
        let _ = self.0.send(outcome); // whoever ordered it may have left
    }
}
