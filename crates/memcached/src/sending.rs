//! A request on its way, and then its response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use propylon_cgi::{Connection, Keeper};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::body::{Body, Exchange, NoBody};
use crate::config::Config;
use crate::error::{Error, Fault};
use crate::key::Key;
use crate::reply::Reply;

/// Asks for the [`Key`] in the extensions of a request on `connection`. Of its head only the method counts, and that for HEAD, whose response
/// has no body; its own body is not sent. What is there is a 200, what is not a 404 without a body.
///
/// The connection goes to `keeper` when the response was read to its end and all is in order. Dropping the future or the response's body
/// closes the connection.
///
/// # Example
/// ```no_run
/// use http_body_util::BodyExt;
/// use propylon_memcached::{Config, Connection, Key, send};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Key::escaped(b"/index.html").ok_or("no key")?);
///
/// let socket = tokio::net::TcpStream::connect("127.0.0.1:11211").await?;
/// let response = send(Connection::new(socket), request, Config::new(), ()).await?;
/// println!("{}: {:?}", response.status(), response.into_body().collect().await?.to_bytes());
/// # Ok(())
/// # }
/// ```
pub fn send<I, B, K>(
    connection: Connection<I>,
    mut request: Request<B>,
    config: Config,
    keeper: K,
) -> Sending<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    K: Keeper<I>,
{
    let under = request.extensions_mut().remove::<Key>().map(|key| {
        let exchange = Exchange::new(connection, key.command(), NoBody::new(), config.read_buffer);
        (Box::new(exchange), key, keeper)
    });
    Sending { under, config, seen: 0, head_only: request.method() == Method::HEAD }
}

/// A request on its way, and then its response: made by [`send`].
pub struct Sending<I, K = ()> {
    under: Option<(Box<Exchange<I>>, Key, K)>,
    config: Config,
    /// How far a line's end has been looked for.
    seen: usize,
    head_only: bool,
}

impl<I, K> Future for Sending<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    K: Keeper<I> + Unpin,
{
    type Output = Result<Response<Body<I, K>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some((exchange, ..)) = &mut this.under else { return Poll::Ready(Err(Error::NoKey)) };
        // It has no body that could fail, and what the server has to say may be here all the same.
        let _ = exchange.poll_send(cx);
        let line = loop {
            let sent = exchange.has_begun();
            if ready!(exchange.poll_read(cx)).map_err(|source| Error::Io { sent, source })? == 0 {
                return Poll::Ready(Err(Error::Closed { sent }));
            }
            let input = exchange.input();
            let rest = input.get(this.seen..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n').map(|at| this.seen + at + 1);
            this.seen = input.len();
            if end.unwrap_or(this.seen) > this.config.max_head {
                return Poll::Ready(Err(Error::Invalid(Fault::TooLarge)));
            }
            if let Some(end) = end {
                break input.split_to(end).freeze();
            }
        };
        Poll::Ready(this.respond(&line))
    }
}

impl<I, K> Sending<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    K: Keeper<I> + Unpin,
{
    fn respond(&mut self, line: &[u8]) -> Result<Response<Body<I, K>>, Error> {
        let (exchange, key, keeper) = self.under.take().ok_or(Error::NoKey)?;
        let gzip_flag = self.config.gzip_flag;
        let reply = Reply::read(line, &key, gzip_flag.is_some()).map_err(Error::Invalid)?;
        let mut response = Response::new(Body::none());
        let (length, flags) = match reply {
            Reply::NotFound => {
                *response.status_mut() = StatusCode::NOT_FOUND;
                if let Some(connection) = exchange.into_idle() {
                    keeper.give_back(connection);
                }
                (0, None)
            }
            Reply::Value { length, flags } => {
                let mut body = Body::new(length, exchange, keeper);
                // What is here already, most often all of it, is looked at before anybody is told that there is something.
                body.gather().map_err(Error::Invalid)?;
                if !self.head_only {
                    *response.body_mut() = body;
                }
                (length, flags)
            }
        };
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
        if gzip_flag.zip(flags).is_some_and(|(gzip, flags)| gzip.get() & flags != 0) {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(response)
    }
}

impl<I, K> fmt::Debug for Sending<I, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
