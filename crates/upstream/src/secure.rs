//! The place of TLS: what makes a secured connection of a connected socket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::BoxError;
use crate::connect::Socket;

/// A secured connection.
pub trait Secured: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Secured for T {}

/// What [`Secure::handshake`] gives.
pub type Handshake<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Secured>, BoxError>> + Send + 'a>>;

/// Makes a secured connection of a connected socket: TLS, without this crate knowing how.
pub trait Secure: fmt::Debug + Send + Sync {
    /// Shakes hands with the peer that should be called `name`. It is within the connect timeout.
    fn handshake<'a>(&'a self, socket: Socket, name: &'a str) -> Handshake<'a>;
}

/// A request extension: what the peer of a secured connection should be called. Connections with different names are never
/// mixed. Without it the name is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub Arc<str>);

/// How connections are secured, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    pub(crate) by: Arc<dyn Secure>,
    pub(crate) name: Arc<str>,
}

impl PartialEq for Security {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by, &other.by) && self.name == other.name
    }
}

impl Eq for Security {}
