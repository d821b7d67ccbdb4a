//! A response's body on its way: as much of it as the client takes, and no more.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use propylon_h3::{Code, Fields};
use propylon_stack::BoxError;

use super::sender::{Gone, Sender};
use crate::client::multiplexed::{Fate, response};

/// What a body brings, for as long as the client wants it.
type Polled<B> = Result<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>, Gone>;

/// Sends all of `body`, after `head`. A body that fails resets its stream.
pub(super) async fn send<B>(mut sender: Sender, head: Vec<Bytes>, body: B)
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let mut waiting = head;
    let mut body = pin!(body);
    loop {
        // What is there already goes with the head.
        let polled = poll_fn(|cx| match poll_frame(body.as_mut(), &mut sender, cx) {
            Poll::Pending if !waiting.is_empty() => Poll::Ready(None),
            polled => polled.map(Some),
        });
        let frame = match polled.await {
            None => {
                if sender.write(&mut waiting, 0).await.is_err() {
                    return;
                }
                waiting.clear();
                continue;
            }
            Some(Err(Gone)) => return,
            Some(Ok(None)) => break,
            Some(Ok(Some(Ok(frame)))) => frame,
            Some(Ok(Some(Err(_)))) => return sender.reset(Code::INTERNAL_ERROR, Fate::Cut), // its own log line says why
        };
        let (chunk, is_last) = match frame.into_data() {
            Ok(piece) if piece.is_empty() => (None, body.is_end_stream()),
            Ok(piece) => (Some(piece), body.is_end_stream()),
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                response::remove_hop_by_hop(&mut trailers);
                if !trailers.is_empty() {
                    waiting.push(Fields::default().all(&trailers).into_frame());
                }
                break;
            }
        };
        if let Some(piece) = chunk {
            let length = piece.len();
            waiting.extend([propylon_h3::data(length), piece]);
            if sender.write(&mut waiting, length).await.is_err() {
                return;
            }
            waiting.clear();
        }
        if is_last {
            break;
        }
    }
    if sender.write(&mut waiting, 0).await.is_ok() {
        sender.finish().await;
    }
}

/// The next frame, unless the client does not want it any more.
fn poll_frame<B: Body>(body: Pin<&mut B>, sender: &mut Sender, cx: &mut Context<'_>) -> Poll<Polled<B>> {
    match body.poll_frame(cx) {
        Poll::Ready(frame) => Poll::Ready(Ok(frame)),
        Poll::Pending => sender.poll_gone(cx).map(|()| Err(Gone)),
    }
}
