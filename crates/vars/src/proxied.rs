//! What a client's proxy told of it: the PROXY protocol.

use propylon_exchange::Exchange;
use propylon_proxy_protocol::{TlvName, Tlvs};

use crate::out::Out;

/// Variables of the PROXY protocol's header; none of them has a value without one that tells addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    Addr,
    Port,
    ServerAddr,
    ServerPort,
}

impl Proxied {
    /// Writes the value; says whether there is one.
    pub(crate) fn write(self, exchange: &Exchange, out: &mut Out<'_>) -> bool {
        let Some(told) = &exchange.connection().proxy_protocol else { return false };
        match self {
            Self::Addr => out.ip(told.client.ip()),
            Self::Port => out.port(Some(told.client.port())),
            Self::ServerAddr => out.ip(told.server.ip()),
            Self::ServerPort => out.port(Some(told.server.port())),
        }
        true
    }
}

/// Writes the value of `$proxy_protocol_tlv_NAME`; says whether there is one.
pub(crate) fn tlv(name: TlvName, exchange: &Exchange, out: &mut Out<'_>) -> bool {
    let told = exchange.connection().proxy_protocol.as_ref();
    out.option(told.and_then(|told| Tlvs::new(&told.tlvs).value(name)).as_deref())
}
