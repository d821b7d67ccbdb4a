//! What is special about the connections of some requests: only requests with the same share one.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Extensions;

use crate::secure::{ClientIdentity, Secure, Security, ServerName};
use crate::transport::Transport;

/// A request extension: the local address of the connection, if [`Transport::special`] says that requests may have one. Port 0
/// lets the kernel choose one when it knows the peer, so that many connections may share it. A peer of the other family cannot
/// be connected to from it ([`Error::Local`](crate::Error::Local)); one on a unix socket is, without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The address.
    pub address: SocketAddr,
    /// Whether it may be one that this machine does not have (`IP_TRANSPARENT`, which is a privilege).
    pub transparent: bool,
}

/// A request extension: bytes that are sent first on a new connection, before any TLS, if [`Transport::special`] says that
/// requests may have some, such as a header of the PROXY protocol (the crate `propylon-proxy-protocol`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting(pub Bytes);

/// What is special about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Special {
    pub(crate) security: Option<Security>,
    pub(crate) bind: Option<Bind>,
    pub(crate) greeting: Option<Greeting>,
}

impl Special {
    /// What a request asks for, if its transport has anything special at all.
    pub(crate) fn of(transport: &Transport, extensions: &Extensions) -> Option<Arc<Self>> {
        if transport.secure.is_none() && !transport.special {
            return None;
        }
        let security = transport.secure.as_ref().map(|by: &Arc<dyn Secure>| {
            let name = extensions.get::<ServerName>().map_or_else(|| "".into(), |name| Arc::clone(&name.0));
            let identity = extensions.get::<ClientIdentity>().map(|identity| Arc::clone(&identity.0));
            Security { by: Arc::clone(by), name, identity }
        });
        let (bind, greeting) = match transport.special {
            true => (extensions.get().copied(), extensions.get().cloned()),
            false => (None, None),
        };
        Some(Arc::new(Self { security, bind, greeting }))
    }
}
