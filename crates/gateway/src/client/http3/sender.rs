//! What the gateway sends on a request's stream.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use propylon_h3::{Code, Fault};
use quinn::{ConnectionError, SendStream, StoppedError, TransportErrorCode, VarInt};

use super::receiver::Broken;
use super::{Shared, Stream, code};
use crate::client::multiplexed::{Fate, SMALL};

type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>> + Send>>;

/// The client takes no more of it, or nothing for too long.
#[derive(Debug)]
pub(super) struct Gone;

/// A response's stream on its way. Dropped before its end it is reset: what was cut is not to look whole.
pub(super) struct Sender {
    send: SendStream,
    /// Ready when the client wants no more, or has all.
    stopped: Option<Stopped>,
    stream: Arc<Stream>,
    shared: Arc<Shared>,
    over: bool,
}

impl Sender {
    pub(super) fn new(send: SendStream, stream: Arc<Stream>, shared: Arc<Shared>) -> Self {
        let stopped: Stopped = Box::pin(send.stopped());
        Self { send, stopped: Some(stopped), stream, shared, over: false }
    }

    /// Ready when the client does not want a response any more.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stopped) = &mut self.stopped else { return Poll::Ready(()) };
        let stopped = stopped.as_mut().poll(cx).map(drop);
        if stopped.is_ready() {
            self.stopped = None;
            self.leaves();
        }
        stopped
    }

    /// Looks whether the client has left it, without waiting for that.
    pub(super) async fn look(&mut self) {
        poll_fn(|cx| Poll::Ready(self.poll_gone(cx).is_ready())).await;
    }

    /// Sends all of `chunks`, the last `body` bytes of which are body.
    pub(super) async fn write(&mut self, mut chunks: &mut [Bytes], body: usize) -> Result<(), Gone> {
        let length = |chunks: &[Bytes]| chunks.iter().map(Bytes::len).sum::<usize>();
        let mut left = length(chunks);
        let heads = left.saturating_sub(body);
        let all = left;
        while left > 0 {
            let written = poll_fn(|cx| self.poll_write(chunks, cx)).await?;
            let before = (all - left).saturating_sub(heads);
            left = left.saturating_sub(written);
            let after = (all - left).saturating_sub(heads);
            self.stream.track.sends(written as u64, (after - before) as u64);
            if written < SMALL && left > 0 {
                self.shared.starved();
            }
            let sent = chunks.iter().take_while(|chunk| chunk.is_empty()).count();
            chunks = chunks.get_mut(sent..).unwrap_or_default();
        }
        self.shared.frame_left();
        Ok(())
    }

    fn poll_write(&mut self, chunks: &mut [Bytes], cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        let written = pin!(self.send.write_chunks(chunks)).poll(cx);
        match written {
            Poll::Ready(Ok(written)) => {
                self.stream.track.sending.disarm();
                return Poll::Ready(Ok(written.bytes));
            }
            Poll::Ready(Err(_)) => {
                self.leaves();
                return Poll::Ready(Err(Gone));
            }
            Poll::Pending => {}
        }
        if self.is_too_slow(cx) { Poll::Ready(Err(Gone)) } else { Poll::Pending }
    }

    /// Whether the client has taken nothing for too long, or else waits on.
    fn is_too_slow(&mut self, cx: &Context<'_>) -> bool {
        let shared = &self.shared;
        let is_too_slow = self.stream.track.is_too_slow(&shared.client, shared.engine.timeouts.send, cx);
        if is_too_slow {
            self.leaves();
        }
        is_too_slow
    }

    /// The same where all was written: the client may take all of it, so that each acknowledgment is one of it, or of others' in whose
    /// turn it has to wait. `before`: how many there were when the deadline began.
    fn is_too_slow_to_the_end(&mut self, before: &mut Option<u64>, cx: &Context<'_>) -> bool {
        let deadline = &self.stream.track.sending;
        if !deadline.is_armed() || deadline.has_passed() {
            let now = self.shared.acknowledged();
            if before.replace(now) != Some(now) {
                deadline.disarm();
            }
        }
        self.is_too_slow(cx)
    }

    /// Sends what has been said in between, if the client takes it.
    pub(super) async fn send_interim(&mut self) -> Result<(), Gone> {
        let mut interim = self.stream.take_interim();
        self.write(&mut interim, 0).await
    }

    /// All has been said: waits until the client has it.
    pub(super) async fn finish(mut self) {
        // It fails only for one that is over.
        let _ = self.send.finish();
        let Some(mut stopped) = self.stopped.take() else { return self.leaves() };
        let mut acknowledged = None;
        let fate = poll_fn(|cx| match stopped.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(fate(&ended))),
            Poll::Pending if self.is_too_slow_to_the_end(&mut acknowledged, cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        self.stream.track.sending.disarm();
        if let Some(fate) = fate {
            self.ends(fate);
        }
    }

    /// What asks for it is broken.
    pub(super) fn breaks(&mut self, why: &Broken) {
        match why {
            // The connection ends for it, and says why.
            Broken::Fault(Fault { of_connection: true, .. }) => self.reset(Code::NO_ERROR, Fate::Cut),
            Broken::Fault(Fault { code, .. }) => self.reset(*code, Fate::Cut),
            Broken::Reset(_) | Broken::Lost(_) => self.leaves(),
        }
    }

    /// Ends it so that nobody takes it for an end in order.
    pub(super) fn reset(&mut self, why: Code, fate: Fate) {
        // It fails only for one that is over.
        let _ = self.send.reset(code(why));
        self.ends(fate);
    }

    /// The client has left it.
    fn leaves(&mut self) {
        self.reset(Code::REQUEST_CANCELLED, Fate::Left);
    }

    fn ends(&mut self, fate: Fate) {
        self.over = true;
        self.shared.ended(&self.stream, fate);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.over {
            // With the connection, or in a panic.
            self.reset(Code::INTERNAL_ERROR, Fate::Left);
        }
    }
}

/// What became of a stream of which all was said.
fn fate(ended: &Result<Option<VarInt>, StoppedError>) -> Fate {
    let in_order = match ended {
        Ok(stopped) => stopped.is_none(),
        // Who has all that it wanted may leave without a word about the last of it.
        Err(StoppedError::ConnectionLost(ConnectionError::ApplicationClosed(close))) => {
            [0, Code::NO_ERROR.value()].contains(&close.error_code.into_inner())
        }
        Err(StoppedError::ConnectionLost(ConnectionError::ConnectionClosed(close))) => {
            close.error_code == TransportErrorCode::NO_ERROR
        }
        Err(_) => false,
    };
    if in_order { Fate::Complete } else { Fate::Left }
}
