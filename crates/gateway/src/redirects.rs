//! How the gateway's own redirects name the server.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use propylon_config::Settings;
use propylon_exchange::Exchange;

/// How the gateway's own redirects name it.
#[derive(Clone, Debug)]
pub(crate) struct Redirects {
    absolute: bool,
    port: bool,
    /// The server's name, where it goes into redirects instead of the client's `Host`.
    server_name: Option<Arc<str>>,
}

impl Redirects {
    /// Those of a place in the server with this name.
    pub(crate) fn new(settings: &Settings, name: &Arc<str>) -> Self {
        Self {
            absolute: settings.absolute_redirect,
            port: settings.port_in_redirect,
            server_name: settings.server_name_in_redirect.then(|| name.clone()),
        }
    }

    /// The `Location` for a path of this server.
    pub(crate) fn absolute(&self, exchange: &Exchange, path: &[u8]) -> Bytes {
        if !self.absolute {
            return Bytes::copy_from_slice(path);
        }
        // Without a Host (HTTP/1.0) the address that the client came to is all that is known.
        let local = match exchange.connection().local.as_ip() {
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            None => String::new(),
        };
        let host = match (&self.server_name, exchange.host()) {
            (Some(name), _) => name.as_bytes(),
            (None, Some(host)) => host,
            (None, None) => local.as_bytes(),
        };
        let connection = exchange.connection();
        let (scheme, usual) = if connection.tls.is_some() { ("https://", 443) } else { ("http://", 80) };
        let mut url = BytesMut::with_capacity(scheme.len() + host.len() + 6 + path.len());
        url.put_slice(scheme.as_bytes());
        url.put_slice(host);
        if let Some(port) = connection.local.port().filter(|&port| self.port && port != usual) {
            url.put_u8(b':');
            url.put_slice(port.to_string().as_bytes());
        }
        url.put_slice(path);
        url.freeze()
    }
}
