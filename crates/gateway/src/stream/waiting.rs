//! A client for whom there is no peer yet.

use std::future::pending;

use propylon_stream::Ahead;

use crate::client::Stream;

/// A client that waits for its turn.
pub(super) struct Waiting<'a> {
    pub(super) client: &'a mut Ahead<Stream>,
    /// How much of what it has said is a hello of TLS, which is nothing without somebody who hears the answer.
    pub(super) hello: usize,
    /// How much of what it says is kept.
    pub(super) buffer: usize,
    /// Whether it may hear when it has nothing more to say.
    pub(super) half_close: bool,
}

impl Waiting<'_> {
    /// Ready when the client has gone, and nothing that it has said is to be passed on: it would take the turn of another one. Who
    /// says something and leaves has a turn, and so has who says more than is kept, for its end is not seen.
    pub(super) async fn gone(&mut self) {
        let most = self.hello.saturating_add(self.buffer);
        loop {
            let said = self.client.read_ahead().len();
            if said >= most {
                break;
            }
            match self.client.read_more(most - said).await {
                Ok(0) if self.half_close || said > self.hello => break,
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        pending().await
    }
}
