//! One request and its response.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use propylon_h1::server::Upgraded;
use propylon_stack::BoxError;
use tokio::sync::oneshot;

use super::request::translate;
use super::{Pipe, RequestBody, Shared, Stream, sending};
use crate::client::multiplexed::response;
use crate::client::{ClientEnd, HandOver, Received, Service};

/// What hands a stream over that becomes a tunnel's.
struct Tunnel {
    receive: RecvStream,
    taker: oneshot::Sender<Upgraded>,
}

/// Has a request served, and sends its response, for as long as the client wants it.
pub(super) async fn serve<S: Service>(
    service: S,
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    mut request: Request<RecvStream>,
) {
    let asked = translate(&mut request);
    let method = request.method().clone();
    let (mut parts, receive) = request.into_parts();
    let (receive, tunnel) = match asked.websocket {
        None => (Some(receive), None),
        Some(key) => {
            let (taker, taken) = oneshot::channel();
            parts.extensions.insert(ClientEnd::new(HandOver::Http2(taken, key)));
            (None, Some(Tunnel { receive, taker }))
        }
    };
    let body = RequestBody::new(receive, stream.clone(), shared.clone(), asked.length, asked.go_on);
    let response = {
        let mut call = pin!(service.call(&shared.client, parts, Received::Http2(body), None));
        if stream.track.is_over() {
            return; // taken back before anybody has looked at it: there is but its log line
        }
        poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(response.ok()),
            Poll::Pending => stream.poll_reset(cx).map(|()| None),
        })
        .await
    };
    match response {
        Some(response) => answer(&shared, stream, &method, response, tunnel).await,
        // Closed without an answer, if the client has not left.
        None => stream.reset(Reason::CANCEL),
    }
}

async fn answer<B>(
    shared: &Shared,
    stream: Arc<Stream>,
    method: &Method,
    mut response: Response<B>,
    tunnel: Option<Tunnel>,
) where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let Some(mut respond) = stream.take_respond() else { return };
    response::finish(&mut response, method);
    let tunnel = tunnel.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS);
    if tunnel.is_some() {
        *response.status_mut() = StatusCode::OK; // RFC 8441 5
    }
    let (parts, body) = response.into_parts();
    let over = tunnel.is_none() && (response::is_bodiless(method, parts.status) || body.is_end_stream());
    let mut head = Response::new(());
    (*head.status_mut(), *head.headers_mut()) = (parts.status, parts.headers);
    // Else the client has left, or the engine has found fault with what it sent.
    let Ok(send) = respond.send_response(head, over) else { return };
    if let Some(Tunnel { receive, taker }) = tunnel {
        // Nobody waits if the tunnel was given up.
        let _ = taker.send(Upgraded::new(Pipe::new(send, receive), Bytes::new()));
    } else if !over {
        sending::send(shared, &stream, send, body).await;
    }
}
