//! The task of a connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use tokio::sync::{oneshot, watch};
use tokio::time::Sleep;

use super::preface::Prefaced;
use super::shared::Status;
use super::sharing::Gate;

/// How long a connection that nobody wants any more may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Reads and writes a connection: ends with it, or soon after its owners.
pub(super) struct Driver {
    pub(super) connection: Connection<Prefaced, Bytes>,
    pub(super) pings: Option<PingPong>,
    pub(super) status: Arc<Status>,
    /// Who waits for the peer's SETTINGS, until they are here.
    pub(super) gate: Option<watch::Sender<Gate>>,
    /// Ready when there is no owner any more.
    pub(super) owner: oneshot::Receiver<()>,
    pub(super) leaving: Option<Pin<Box<Sleep>>>,
}

impl Driver {
    /// `closed` is called when the connection has ended.
    pub(super) async fn run(mut self, closed: impl FnOnce()) {
        poll_fn(|cx| self.poll(cx)).await;
        self.status.ended.store(true, Relaxed);
        if let Some(gate) = self.gate.take() {
            gate.send_replace(Gate::Failed);
        }
        drop(self);
        closed();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Whoever uses the connection has the error too; an idle one has nobody to tell.
        if Pin::new(&mut self.connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !self.status.is_settled() && self.status.greeted.load(Relaxed) {
            self.status.settled.store(true, Relaxed);
            if let Some(gate) = self.gate.take() {
                gate.send_replace(Gate::Open);
            }
        }
        self.ask(cx);
        self.leave(cx)
    }

    /// Asks the peer whether it is there, if somebody doubts it.
    fn ask(&mut self, cx: &mut Context<'_>) {
        self.status.wake_me(cx.waker());
        let Some(pings) = &mut self.pings else { return };
        if self.status.is_to_be_asked() && pings.send_ping(Ping::opaque()).is_err() {
            return; // it has ended
        }
        if self.status.is_doubted() && matches!(pings.poll_pong(cx), Poll::Ready(Ok(_))) {
            self.status.believe();
        }
    }

    /// Without an owner the connection closes when it has said so.
    fn leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.leaving.is_none() && Pin::new(&mut self.owner).poll(cx).is_ready() {
            self.leaving = Some(Box::pin(tokio::time::sleep(GOODBYE)));
            cx.waker().wake_by_ref(); // the connection is to notice as well
        }
        match &mut self.leaving {
            Some(leaving) => leaving.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
