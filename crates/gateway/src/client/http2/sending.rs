//! A response's body on its way: as much of it as the client takes, and no more.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;
use http_body::{Body, Frame};
use propylon_stack::BoxError;

use super::{Shared, Stream};
use crate::client::multiplexed::{Fate, SMALL, response};

/// The client takes no more of it, or nothing for too long.
struct Gone;

/// What a body brings, for as long as the client wants it.
type Polled<B> = Result<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>, Gone>;

/// Sends all of `body`. A body that fails resets its stream: what was cut is not to look whole.
pub(super) async fn send<B>(shared: &Shared, stream: &Stream, mut send: SendStream<Bytes>, body: B)
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let mut body = pin!(body);
    loop {
        let frame = match poll_fn(|cx| poll_frame(body.as_mut(), &mut send, cx)).await {
            Err(Gone) => return,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return send.send_reset(Reason::INTERNAL_ERROR), // its own log line says why
            Ok(None) => {
                // Here and below: it fails only for a stream that is over, and then there is nobody to be told.
                let _ = send.send_data(Bytes::new(), true);
                return;
            }
        };
        let piece = match frame.into_data() {
            Ok(piece) => piece,
            Err(frame) => return end(&mut send, frame.into_trailers().unwrap_or_default()),
        };
        let last = body.is_end_stream();
        if send_piece(shared, stream, &mut send, piece, last).await.is_err() || last {
            return;
        }
    }
}

/// The next frame, unless the client does not want it any more.
fn poll_frame<B: Body>(
    body: Pin<&mut B>,
    send: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Polled<B>> {
    match body.poll_frame(cx) {
        Poll::Ready(frame) => Poll::Ready(Ok(frame)),
        Poll::Pending => send.poll_reset(cx).map(|_| Err(Gone)),
    }
}

async fn send_piece(
    shared: &Shared,
    stream: &Stream,
    send: &mut SendStream<Bytes>,
    mut piece: Bytes,
    last: bool,
) -> Result<(), Gone> {
    let most = shared.engine.http2.chunk_size;
    if piece.is_empty() {
        return if last { send.send_data(piece, true).map_err(|_| Gone) } else { Ok(()) };
    }
    while !piece.is_empty() {
        let room = poll_fn(|cx| poll_room(shared, stream, send, piece.len(), cx)).await?;
        if room < SMALL && room < piece.len() {
            shared.starved();
        }
        let part = piece.split_to(room.min(most).min(piece.len()));
        send.send_data(part, last && piece.is_empty()).map_err(|_| Gone)?;
    }
    Ok(())
}

/// How much the client and the connection take now.
fn poll_room(
    shared: &Shared,
    stream: &Stream,
    send: &mut SendStream<Bytes>,
    wanted: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, Gone>> {
    send.reserve_capacity(wanted);
    loop {
        let room = send.capacity();
        if room > 0 {
            stream.track.sending.disarm();
            return Poll::Ready(Ok(room));
        }
        match send.poll_capacity(cx) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Gone)),
            Poll::Pending => break,
        }
    }
    if stream.track.is_too_slow(&shared.client, shared.engine.timeouts.send, cx) {
        stream.ended(Fate::Left);
        send.send_reset(Reason::CANCEL);
        return Poll::Ready(Err(Gone));
    }
    Poll::Pending
}

/// The body ends with trailers.
fn end(send: &mut SendStream<Bytes>, mut trailers: HeaderMap) {
    response::remove_hop_by_hop(&mut trailers);
    // As above.
    let _ =
        if trailers.is_empty() { send.send_data(Bytes::new(), true) } else { send.send_trailers(trailers) };
}
