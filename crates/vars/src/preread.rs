//! What a client of TLS asks for, read of the first bytes of a connection that is passed on as it is.

use std::sync::Arc;

use bytes::Bytes;
use propylon_exchange::Exchange;

use crate::out::Out;
use crate::state;

/// A ClientHello, as far as variables tell of it. What does not speak TLS has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The highest version that the client speaks (`$ssl_preread_protocol`), as `TLSv1.3`.
    pub protocol: &'static str,
    /// The name that it asks for (`$ssl_preread_server_name`), as it came.
    pub server_name: Bytes,
    /// The protocols that it offers (`$ssl_preread_alpn_protocols`), with a comma between two.
    pub alpn_protocols: Bytes,
}

/// The client has said this, before anything of its was passed on.
pub fn set_hello(exchange: &Exchange, hello: Arc<Hello>) {
    state::write(exchange, |facts| {
        facts.forget_maps(); // they may have been asked before
        facts.few().hello = Some(hello);
    });
}

/// Variables of it; none has a value where nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preread {
    Protocol,
    ServerName,
    AlpnProtocols,
}

impl Preread {
    /// Writes the value; says whether there is one.
    #[inline(never)] // few logs have it
    pub(crate) fn write(self, exchange: &Exchange, out: &mut Out<'_>) -> bool {
        let Some(hello) = state::few(exchange, |few| few.hello.clone()) else { return false };
        out.option(Some(match self {
            Self::Protocol => hello.protocol.as_bytes(),
            Self::ServerName => &hello.server_name,
            Self::AlpnProtocols => &hello.alpn_protocols,
        }))
    }
}
