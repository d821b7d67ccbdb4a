//! What the tests of this crate share: an inner service of a closure, and bodies polled by hand.
#![allow(dead_code, reason = "each test file takes what it needs")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
#![allow(clippy::needless_pass_by_value, reason = "a layer is made for one call")]

use std::{future::poll_fn, io, pin::Pin, task::Poll, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use propylon_testkit::{body::Script, service::Checked};
use propylon_timeout::{BoxError, Error, RequestBody, ResponseBody, Timeout, TimeoutLayer};
use tower::{Layer, Service, ServiceExt};

/// The limits of most tests. They differ, so that a mix-up shows.
pub(crate) const SEND: Duration = Duration::from_secs(5);
pub(crate) const READ: Duration = Duration::from_secs(7);

pub(crate) type Taken = Request<RequestBody<Script>>;
pub(crate) type Given = Response<ResponseBody<Script>>;

pub(crate) fn both() -> TimeoutLayer {
    TimeoutLayer::new().send(SEND).read(READ)
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A service whose future for a request is the closure's.
pub(crate) fn service<F, Fut>(layer: TimeoutLayer, answer: F) -> Timeout<Checked<F>>
where
    F: FnMut(Taken) -> Fut,
    Fut: Future<Output = Result<Response<Script>, io::Error>>,
{
    layer.layer(Checked::new(answer))
}

/// Sends one request with this body and waits for the response.
pub(crate) async fn send<F, Fut>(layer: TimeoutLayer, body: Script, answer: F) -> Result<Given, BoxError>
where
    F: FnMut(Taken) -> Fut,
    Fut: Future<Output = Result<Response<Script>, io::Error>>,
{
    let mut service = service(layer, answer);
    service.ready().await?.call(Request::new(body)).await
}

/// A response that came at once, with this body, to a request without one.
pub(crate) async fn respond(layer: TimeoutLayer, body: Script) -> ResponseBody<Script> {
    let mut body = Some(body);
    let answer = |_| std::future::ready(Ok(Response::new(body.take().unwrap())));
    send(layer, Script::new(), answer).await.unwrap().into_body()
}

/// The next frame of data; `None` at the end.
pub(crate) async fn next<B>(body: &mut B) -> Option<Result<Bytes, BoxError>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()).map_err(Into::into))
}

/// Takes all of a body, and gives the number of its bytes.
pub(crate) async fn drain<B>(body: &mut B) -> Result<usize, BoxError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let mut count = 0;
    while let Some(data) = next(body).await {
        count += data?.len();
    }
    Ok(count)
}

/// This layer's error inside of a boxed one.
pub(crate) fn cause(error: &BoxError) -> Error {
    *error.downcast_ref().unwrap_or_else(|| panic!("not an error of this layer: {error}"))
}

/// One poll, without a waker.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}
