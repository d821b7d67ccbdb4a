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
    pub(crate) fn party(&self) -> Party<'_> {
        Party { name: &self.name, identity: self.identity.as_ref() }
    }
}

impl PartialEq for Security {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.by, &other.by) && self.name == other.name && self.identity == other.identity
    }
}

impl Eq for Security {}
