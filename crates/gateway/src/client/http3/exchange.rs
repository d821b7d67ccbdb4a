//! One request and its response.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body;
use propylon_h3::{Code, Fault};
use propylon_stack::BoxError;
use quinn::{RecvStream, SendStream};

use super::receiver::{self, Broken, NoHead, Receiver};
use super::request::translate;
use super::sender::Sender;
use super::{RequestBody, Shared, Stream, sending};
use crate::client::multiplexed::{Fate, response};
use crate::client::{Closed, Received, Service};

/// What came of asking for a response.
enum Came<B> {
    Response(Response<B>),
    /// The client is to have none.
    Nothing,
    /// It does not want one any more.
    Unwanted,
}

/// Has a request served, and sends its response, for as long as the client wants it.
pub(super) async fn serve<S: Service>(
    service: S,
    shared: Arc<Shared>,
    (send, receive): (SendStream, RecvStream),
) {
    let stream = shared.open(u64::from(send.id()));
    let mut sender = Sender::new(send, stream.clone(), shared.clone());
    let mut receiver = Receiver::new(receive, stream.clone(), shared.clone());
    let head = match receiver.head().await {
        Ok(head) => head,
        Err(why) => return refuse(&service, &shared, &stream, sender, receiver, why).await,
    };
    match receiver.look().await {
        Ok(()) => sender.look().await, // whether there is a body, and the client wants an answer
        Err(why) => sender.breaks(&why),
    }
    let (parts, asked) = translate(head);
    let method = parts.method.clone();
    let body = Box::new(RequestBody::new(receiver, asked));
    let came = {
        let call = pin!(service.call(&shared.client, parts, Received::Http3(body), None));
        // Taken back before anybody has looked at it: there is but its log line.
        if stream.track.is_over() { Came::Unwanted } else { ask(call, &stream, &mut sender).await }
    };
    match came {
        Came::Response(response) => answer(sender, &stream, &method, response).await,
        Came::Nothing => sender.reset(Code::REQUEST_CANCELLED, Fate::Cut),
        Came::Unwanted => {} // it has been told
    }
    if let Some(unread) = stream.take_unread() {
        receiver::give_up(unread).await;
    }
}

/// Waits for a response, for as long as the client wants one, and sends what is said before it.
async fn ask<B>(
    mut call: Pin<&mut impl Future<Output = Result<Response<B>, Closed>>>,
    stream: &Stream,
    sender: &mut Sender,
) -> Came<B> {
    loop {
        let came = poll_fn(|cx| {
            stream.sender.register(cx.waker());
            match call.as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(Some(Came::Response(response))),
                Poll::Ready(Err(_)) => Poll::Ready(Some(Came::Nothing)),
                Poll::Pending if sender.poll_gone(cx).is_ready() => Poll::Ready(Some(Came::Unwanted)),
                Poll::Pending if stream.has_interim() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match came {
            Some(came) => return came,
            None if sender.send_interim().await.is_err() => return Came::Unwanted,
            None => {}
        }
    }
}

async fn answer<B>(sender: Sender, stream: &Stream, method: &Method, mut response: Response<B>)
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    response::finish(&mut response, method);
    let (parts, body) = response.into_parts();
    let mut head = stream.take_last_interim();
    head.push(propylon_h3::response(parts.status, &parts.headers));
    if response::is_bodiless(method, parts.status) || body.is_end_stream() {
        drop(body); // it is known to be over
        end(sender, head).await;
    } else {
        sending::send(sender, head, body).await;
    }
}

/// Sends what is all of a response.
async fn end(mut sender: Sender, mut all: Vec<Bytes>) {
    if sender.write(&mut all, 0).await.is_ok() {
        sender.finish().await;
    }
}

/// There is no request that could be served.
async fn refuse<S: Service>(
    service: &S,
    shared: &Shared,
    stream: &Arc<Stream>,
    mut sender: Sender,
    mut receiver: Receiver,
    why: NoHead,
) {
    let (id, client) = (shared.client.connection.id, shared.client.connection.peer);
    match why {
        NoHead::TooLarge => {
            service.refused(&shared.client, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &stream.track);
            let answer = response_without_body(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            receiver.stop(Code::NO_ERROR);
            end(sender, vec![answer]).await;
        }
        NoHead::TimedOut => {
            shared.client.says(|| {
                tracing::info!(target: "propylon_gateway", connection = id, %client, "client timed out (110: Connection timed out) while reading client request headers");
            });
            service.refused(&shared.client, StatusCode::REQUEST_TIMEOUT, &stream.track);
            receiver.stop(Code::REQUEST_INCOMPLETE);
            sender.reset(Code::REQUEST_INCOMPLETE, Fate::Cut);
        }
        NoHead::Broken(why) => {
            if let Broken::Fault(Fault { code, what, of_connection }) = why {
                if !of_connection {
                    shared.client.says(|| {
                        tracing::info!(target: "propylon_gateway", connection = id, %client, "client violated HTTP/3: {what} ({code})");
                    });
                    receiver.stop(code);
                }
                service.refused(&shared.client, StatusCode::BAD_REQUEST, &stream.track);
            }
            sender.breaks(&why); // of what was reset nobody has heard
        }
    }
}

fn response_without_body(status: StatusCode) -> Bytes {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response::finish(&mut response, &Method::GET);
    let headers: &HeaderMap = response.headers();
    propylon_h3::response(status, headers)
}
