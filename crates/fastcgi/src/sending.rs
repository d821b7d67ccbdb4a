//! A request on its way, and then its response.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response};
use propylon_cgi::{Head, HeadReader, Transfer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::body::Body;
use crate::record;
use crate::stderr::{Said, Stderr};
use crate::wire::{Broken, Came, Wire};
use crate::{BoxError, Config, Connection, Error, Keeper, Params};

/// Sends a request on `connection`: the [`Params`] in its extensions, and its body. Of its head only the method counts, and that
/// for HEAD, whose response has no body.
///
/// The connection goes to `keeper` when the response was read to its end, if [`Config::keep_conn`] says so and all is in order.
/// Dropping the future or the response's body closes the connection, which is how a request is aborted.
///
/// # Example
/// ```no_run
/// use std::sync::Arc;
/// use http_body_util::{BodyExt, Empty};
/// use propylon_fastcgi::{Config, Connection, Params, send};
///
/// # async fn example() -> Result<(), propylon_fastcgi::BoxError> {
/// let params = Params::builder().push("REQUEST_METHOD", "GET").push("SCRIPT_FILENAME", "/srv/index.php").build();
/// let request = http::Request::new(Empty::new());
/// let (mut parts, body) = request.into_parts();
/// parts.extensions.insert(params);
///
/// let socket = tokio::net::UnixStream::connect("/run/php/php-fpm.sock").await?;
/// let request = http::Request::from_parts(parts, body);
/// let response = send(Connection::new(socket), request, Arc::new(Config::new()), ()).await?;
/// println!("{}: {:?}", response.status(), response.into_body().collect().await?.to_bytes());
/// # Ok(())
/// # }
/// ```
pub fn send<I, B, K>(
    connection: Connection<I>,
    request: Request<B>,
    config: Arc<Config>,
    keeper: K,
) -> Sending<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    K: Keeper<I>,
{
    let (mut parts, body) = request.into_parts();
    let params = parts.extensions.remove::<Params>().unwrap_or_default();
    let said = Said::new(parts.extensions.remove::<Stderr>());
    let head = record::begin(params.as_bytes(), config.keep_conn);
    let transfer = Transfer::new(connection, head, body, config.read_buffer);
    let reader = HeadReader::new(config.max_head, config.max_fields);
    let wire = Box::new(Wire::new(transfer, said, config, keeper));
    Sending { wire: Some(wire), reader, head_only: parts.method == Method::HEAD }
}

/// A request on its way, and then its response: made by [`send`].
pub struct Sending<I, B, K = ()> {
    wire: Option<Box<Wire<I, B, K>>>,
    reader: HeadReader,
    head_only: bool,
}

impl<I, B, K> Future for Sending<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    K: Keeper<I> + Unpin,
{
    type Output = Result<Response<Body<I, B, K>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let Some(wire) = &mut this.wire else { return Poll::Pending };
            let sent = |wire: &Wire<I, B, K>| wire.has_begun();
            let came = match ready!(wire.poll(cx)) {
                Ok(came) => came,
                Err(Broken::Io(source)) => {
                    return Poll::Ready(Err(Error::Io { sent: sent(wire), source }));
                }
                Err(Broken::Invalid(invalid)) => return Poll::Ready(Err(Error::Invalid(invalid))),
                Err(Broken::RequestBody(source)) => return Poll::Ready(Err(Error::RequestBody { source })),
            };
            let found = match came {
                Came::Stdout(data) => this.reader.push(&data).map_err(Error::Head)?,
                Came::Caught => return Poll::Ready(Err(Error::Caught)),
                Came::End => return Poll::Ready(Err(Error::NoHead)),
                Came::Closed => return Poll::Ready(Err(Error::Closed { sent: sent(wire) })),
            };
            if let Some((head, rest)) = found
                && let Some(wire) = this.wire.take()
            {
                return Poll::Ready(Ok(respond(head, rest, this.head_only, wire)));
            }
        }
    }
}

fn respond<I, B, K>(
    head: Head,
    rest: Bytes,
    head_only: bool,
    wire: Box<Wire<I, B, K>>,
) -> Response<Body<I, B, K>>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    K: Keeper<I>,
{
    let bodiless = head.is_bodiless(head_only);
    let body = if bodiless { Body::none(rest, *wire) } else { Body::new(rest, head.length(), wire) };
    head.respond(body)
}

impl<I, B, K> fmt::Debug for Sending<I, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
