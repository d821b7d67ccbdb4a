//! The place of TLS: what makes a secured connection of a connected socket.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::Socket;
use crate::{BoxError, HttpVersion};

/// A secured connection.
pub trait Secured: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {
    /// The socket that it is on: whether the peer has closed it can be asked there.
    fn socket(&self) -> &Socket;
}

/// What secures a connection, and how to get at the socket beneath it.
struct Above<S> {
    stream: S,
    socket: fn(&S) -> &Socket,
}

/// A secured connection of a stream that knows the socket that it is on.
pub fn secured<S>(stream: S, socket: fn(&S) -> &Socket) -> Box<dyn Secured>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Box::new(Above { stream, socket })
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Secured for Above<S> {
    fn socket(&self) -> &Socket {
        (self.socket)(&self.stream)
    }
}

impl<S> fmt::Debug for Above<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").finish_non_exhaustive()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Above<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Above<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What [`Secure::handshake`] gives.
pub type Handshake<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Secured>, BoxError>> + Send + 'a>>;

/// Makes a secured connection of a connected socket: TLS, without this crate knowing how.
pub trait Secure: fmt::Debug + Send + Sync {
    /// Shakes hands. It is within the connect timeout.
    fn handshake<'a>(&'a self, socket: Socket, party: Party<'a>) -> Handshake<'a>;
}

/// Who shakes hands with whom.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Party<'a> {
    /// What the peer should be called: [`ServerName`], or nothing.
    pub name: &'a str,
    /// As whom we connect, if the request says so: [`ClientIdentity`].
    pub identity: Option<&'a Arc<str>>,
    /// What will be spoken over it, if that is not HTTP/1: `h2`, to be asked for (ALPN). A peer that does not know how to be
    /// asked may speak it all the same.
    pub protocol: Option<&'static str>,
}

/// A request extension: what the peer of a secured connection should be called. Connections with different names are never
/// mixed. Without it the name is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub Arc<str>);

/// A request extension: as whom we connect, in words that the [`Secure`] knows. Connections of different ones are never mixed.
/// Without it, as the [`Secure`] has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity(pub Arc<str>);

/// How connections are secured, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    pub(crate) by: Arc<dyn Secure>,
    pub(crate) name: Arc<str>,
    pub(crate) identity: Option<Arc<str>>,
}

impl Security {
    pub(crate) fn party(&self, version: HttpVersion) -> Party<'_> {
        let protocol = (version == HttpVersion::Http2).then_some("h2");
        Party { name: &self.name, identity: self.identity.as_ref(), protocol }
    }
}

impl PartialEq for Security {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by, &other.by) && self.name == other.name && self.identity == other.identity
    }
}

impl Eq for Security {}
