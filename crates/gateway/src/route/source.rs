//! Where connections to upstreams come from, what they begin with, and for whom they are secured.

use std::net::SocketAddr;

use http::Extensions;
use propylon_config::{self as config, Template};
use propylon_exchange::Exchange;
use propylon_proxy_protocol::{v1, v2};
use propylon_upstream::{Bind, ClientIdentity, Greeting, ServerName};

use crate::error::BuildError;
use crate::error_log;
use crate::tls::whom;

/// What is told of a connection before it is made.
pub(crate) struct Source {
    bind: Option<config::Bind>,
    /// The version of the PROXY protocol.
    proxy_protocol: Option<u8>,
    /// What the peer should be called, where TLS is spoken; `None`: as the target's host.
    name: Option<Template>,
    /// The certificate and the key to show, if their names have variables.
    identity: Option<(Template, Template)>,
}

impl Source {
    pub(crate) fn new(transport: &config::Transport) -> Result<Self, BuildError> {
        if let Some(bind) = transport.bind.as_ref().filter(|bind| bind.transparent) {
            may_be_transparent()
                .map_err(BuildError::value("`transparent` needs the capability CAP_NET_ADMIN", bind.span))?;
        }
        let varies = |(certificate, key): &(Template, Template)| {
            certificate.as_static().is_none() || key.as_static().is_none()
        };
        Ok(Self {
            bind: transport.bind.clone(),
            proxy_protocol: transport.proxy_protocol,
            name: transport.tls.name.clone(),
            identity: transport.tls.identity.clone().filter(varies),
        })
    }

    /// Whether there is anything to [tell](Self::tell).
    pub(crate) fn is_special(&self) -> bool {
        self.bind.is_some() || self.proxy_protocol.is_some()
    }

    /// Where the connection comes from, and what it begins with.
    pub(crate) fn tell(&self, exchange: &Exchange, extensions: &mut Extensions) {
        if let Some(bind) = &self.bind {
            let text = bind.address.eval(exchange);
            match local(&text) {
                Some(address) => {
                    extensions.insert(Bind { address, transparent: bind.transparent });
                }
                None if text.is_empty() => {}
                // As nginx: the request goes on, from an address of the kernel's choice.
                None => {
                    let text = String::from_utf8_lossy(&text);
                    error_log::of(exchange, || {
                        tracing::error!(target: "propylon_gateway", client = %exchange.client(), "invalid local address \"{text}\"");
                    });
                }
            }
        }
        if let Some(version) = self.proxy_protocol {
            let end = |address: propylon_exchange::Address| {
                Some(SocketAddr::new(address.as_ip()?, address.port().unwrap_or(0)))
            };
            let ends = end(exchange.client()).zip(end(exchange.connection().local));
            let header = if version == 1 { v1(ends) } else { v2(ends) };
            extensions.insert(Greeting(header));
        }
    }

    /// Who the peer should be, if the configuration does not say: `host`; and as whom we come.
    pub(crate) fn secure(&self, host: &str, exchange: &Exchange, extensions: &mut Extensions) {
        extensions.insert(self.server_name(host, exchange));
        if let Some(identity) = &self.identity {
            extensions.insert(ClientIdentity(whom(identity, exchange)));
        }
    }

    /// What the peer should be called: without a port, which nginx strips too.
    fn server_name(&self, host: &str, exchange: &Exchange) -> ServerName {
        let name = match &self.name {
            Some(name) => String::from_utf8_lossy(&name.eval(exchange)).into_owned(),
            None => host.to_owned(),
        };
        let bare = match name.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(':') => {
                host
            }
            _ => &name,
        };
        ServerName(bare.into())
    }
}

/// Whether this process may take addresses that the machine does not have.
fn may_be_transparent() -> std::io::Result<()> {
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?.set_ip_transparent_v4(true)
}

/// An address with a port or without.
pub(crate) fn local(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.trim_matches(['[', ']']).parse().ok();
    bare.map(|ip| SocketAddr::new(ip, 0)).or_else(|| text.parse().ok())
}
