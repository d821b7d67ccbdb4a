//! Streams of one direction: the gateway's control stream, and those of the client.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use propylon_h3::{Code, Said, Settings, UniStream};
use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream};

use super::{Shared, code};

/// How much is read in one go.
const PIECE: usize = 4096;

type Opening = Pin<Box<dyn Future<Output = Result<SendStream, ConnectionError>> + Send>>;

/// The gateway's control stream: settings first, GOAWAY later.
pub(super) struct Control {
    way: Way,
    pending: Vec<Bytes>,
}

enum Way {
    Opening(Opening),
    Open(SendStream),
    Closed,
}

impl Control {
    pub(super) fn new(quic: &Connection, settings: &Settings) -> Self {
        let quic = quic.clone();
        let opening = Box::pin(async move { quic.open_uni().await });
        Self { way: Way::Opening(opening), pending: vec![propylon_h3::control(settings)] }
    }

    /// Says a frame, when that is possible.
    pub(super) fn say(&mut self, frame: Bytes) {
        self.pending.push(frame);
    }

    /// Sends what can be sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        if let Way::Opening(opening) = &mut self.way {
            match opening.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => self.way = Way::Open(stream),
                Poll::Ready(Err(_)) => self.way = Way::Closed, // with the connection
                Poll::Pending => return,
            }
        }
        let Way::Open(stream) = &mut self.way else { return };
        while !self.pending.is_empty() {
            let written = pin!(stream.write_chunks(&mut self.pending)).poll(cx);
            match written {
                Poll::Ready(Ok(_)) => self.pending.retain(|chunk| !chunk.is_empty()),
                Poll::Ready(Err(_)) => {
                    self.way = Way::Closed;
                    return;
                }
                Poll::Pending => return,
            }
        }
    }
}

/// Reads a client's stream of one direction to its end.
pub(super) async fn listen(shared: Arc<Shared>, mut receive: RecvStream) {
    let mut stream = UniStream::default();
    loop {
        let mut input = match receive.read_chunk(PIECE, true).await {
            Ok(Some(chunk)) => chunk.bytes,
            Ok(None) | Err(ReadError::Reset(_)) => {
                match stream.end() {
                    Ok(()) => shared.wasted("unknown or unused streams"),
                    Err(fault) => shared.fail(fault),
                }
                return;
            }
            Err(_) => return, // the connection is gone
        };
        while !input.is_empty() {
            match shared.with_opened(|opened| stream.read(opened, &mut input)) {
                Ok(Some(said)) => hear(&shared, said),
                Ok(None) => {}
                Err(fault) => return shared.fail(fault),
            }
        }
        if stream.is_unknown() {
            shared.wasted("unknown or unused streams");
            // It fails only for one that has ended.
            let _ = receive.stop(code(Code::STREAM_CREATION_ERROR));
            return;
        }
    }
}

fn hear(shared: &Shared, said: Said) {
    match said {
        Said::Settings(_) => {} // what a client can take is more than any response's head
        Said::Goaway | Said::OfPushes | Said::Unknown => shared.wasted("frames of the control stream"),
    }
}
