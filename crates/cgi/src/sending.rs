//! A request on its way, and then its response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::body::Body;
use crate::connection::Connection;
use crate::head::HeadReader;
use crate::transfer::Transfer;
use crate::upload::Bare;
use crate::{BoxError, Config, Error, Params, RequestFault};

/// Sends a request on `connection`, in uwsgi or SCGI: the [`Params`] in its extensions, and its body, whose length has to be known. Of
/// its head only the method counts, and that for HEAD, whose response has no body.
///
/// The connection ends with the request. Dropping the future or the response's body closes it, which is how a request is aborted.
///
/// # Example
/// ```no_run
/// use http_body_util::{BodyExt, Empty};
/// use propylon_cgi::{Config, Connection, Params, send};
///
/// # async fn example() -> Result<(), propylon_cgi::BoxError> {
/// let mut request = http::Request::new(Empty::new());
/// request.extensions_mut().insert(Params::builder().push("REQUEST_METHOD", "GET").push("PATH_INFO", "/").build());
///
/// let socket = tokio::net::UnixStream::connect("/run/uwsgi/app.sock").await?;
/// let response = send(Connection::new(socket), request, &Config::uwsgi(0, 0)).await?;
/// println!("{}: {:?}", response.status(), response.into_body().collect().await?.to_bytes());
/// # Ok(())
/// # }
/// ```
pub fn send<I, B>(connection: Connection<I>, request: Request<B>, config: &Config) -> Sending<I, B>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    let params = parts.extensions.remove::<Params>().unwrap_or_default();
    let length = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
    let head = length.ok_or(RequestFault::Length).and_then(|length| config.head(&params, length));
    let state = match head {
        Ok(head) => State::Under(Box::new(Transfer::new(connection, head, body, config.read_buffer))),
        Err(fault) => State::Over(Some(Error::Request(fault))),
    };
    let reader = HeadReader::new(config.max_head, config.max_fields).with_status_line();
    Sending { state, reader, head_only: parts.method == Method::HEAD, abrupt_end: config.abrupt_end }
}

/// A request on its way, and then its response: made by [`send`].
pub struct Sending<I, B> {
    state: State<I, B>,
    reader: HeadReader,
    head_only: bool,
    abrupt_end: bool,
}

enum State<I, B> {
    Under(Box<Transfer<I, B, Bare>>),
    Over(Option<Error>),
}

impl<I, B> Future for Sending<I, B>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<Body<I, B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let transfer = match &mut this.state {
            State::Under(transfer) => transfer,
            State::Over(error) => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
        };
        transfer.poll_send(cx).map_err(|source| Error::RequestBody { source })?;
        let (head, rest) = loop {
            let sent = transfer.has_begun();
            if ready!(transfer.poll_read(cx)).map_err(|source| Error::Io { sent, source })? == 0 {
                return Poll::Ready(Err(Error::Closed { sent }));
            }
            let data = transfer.input().split().freeze();
            if let Some(found) = this.reader.push(&data).map_err(Error::Head)? {
                break found;
            }
        };
        let State::Under(transfer) = std::mem::replace(&mut this.state, State::Over(None)) else {
            return Poll::Pending;
        };
        let bodiless = head.is_bodiless(this.head_only);
        let body =
            if bodiless { Body::none() } else { Body::new(rest, head.length(), transfer, this.abrupt_end) };
        Poll::Ready(Ok(head.respond(body)))
    }
}

impl<I, B> fmt::Debug for Sending<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
