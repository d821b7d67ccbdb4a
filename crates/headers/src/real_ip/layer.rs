//! The layer and its builder.

use std::sync::Arc;

use http::header::{FORWARDED, HeaderMap, HeaderName};
use tower_layer::Layer;

use super::address::{real_address, real_address_forwarded};
use super::service::RealIp;
use crate::client_addr::ClientAddr;
use crate::names::{X_FORWARDED_FOR, X_REAL_IP};
use crate::strip::strip_untrusted;
use crate::trusted::Trusted;

/// Replaces the request's [`ClientAddr`] by what a trusted proxy says it is (nginx: `ngx_http_realip_module`).
///
/// Put it where requests come in, inside whatever inserts the connection's [`ClientAddr`]. A request without that extension
/// is not touched, except that its forwarding fields are removed when [`strip_untrusted`](Self::strip_untrusted) is on: who
/// is not known is not trusted.
///
/// ```
/// use propylon_headers::{RealIpLayer, Trusted, X_FORWARDED_FOR};
///
/// let load_balancers = Trusted::from_iter(["10.0.0.0/8".parse().unwrap()]);
/// let layer = RealIpLayer::new(load_balancers).header(X_FORWARDED_FOR).recursive(true);
/// # let _: RealIpLayer = layer.clone();
/// ```
#[derive(Clone, Debug)]
pub struct RealIpLayer {
    rules: Arc<Rules>,
}

#[derive(Clone, Debug)]
pub(super) struct Rules {
    trusted: Trusted,
    header: HeaderName,
    recursive: bool,
    strip_untrusted: bool,
}

impl RealIpLayer {
    /// Reads `X-Real-IP` from these peers (nginx: `set_real_ip_from`).
    #[must_use]
    pub fn new(trusted: Trusted) -> Self {
        let rules = Rules { trusted, header: X_REAL_IP, recursive: false, strip_untrusted: false };
        Self { rules: Arc::new(rules) }
    }

    /// The field with the address (nginx: `real_ip_header`). Default: `X-Real-IP`.
    ///
    /// `Forwarded` is read by RFC 7239. All lines of `X-Forwarded-For` and `Forwarded` count, of any other field the first.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        Arc::make_mut(&mut self.rules).header = name;
        self
    }

    /// Whether to go on to the next address while the last one is trusted (nginx: `real_ip_recursive`). Default: false.
    #[must_use]
    pub fn recursive(mut self, recursive: bool) -> Self {
        Arc::make_mut(&mut self.rules).recursive = recursive;
        self
    }

    /// Whether the forwarding fields of peers that are not trusted are removed, see
    /// [`strip_untrusted`](crate::strip_untrusted()). Default: false, as in nginx.
    #[must_use]
    pub fn strip_untrusted(mut self, strip: bool) -> Self {
        Arc::make_mut(&mut self.rules).strip_untrusted = strip;
        self
    }
}

impl Rules {
    pub(super) fn address(&self, peer: &ClientAddr, headers: &HeaderMap) -> Option<ClientAddr> {
        let Self { trusted, header, recursive, .. } = self;
        let lines = || headers.get_all(header).iter().map(http::HeaderValue::as_bytes);
        let found = if *header == FORWARDED {
            real_address_forwarded(peer, lines(), trusted, *recursive)
        } else if *header == X_FORWARDED_FOR {
            real_address(peer, lines(), trusted, *recursive)
        } else {
            real_address(peer, lines().next(), trusted, *recursive)
        };
        found.map(|(ip, port)| ClientAddr::ip(ip, port))
    }

    pub(super) fn strip(&self, peer: Option<&ClientAddr>, headers: &mut HeaderMap) {
        if !self.strip_untrusted {
            return;
        }
        match peer {
            Some(peer) => strip_untrusted(headers, peer, &self.trusted),
            None => strip_untrusted(headers, &ClientAddr::unix(), &Trusted::none()),
        }
    }
}

impl<S> Layer<S> for RealIpLayer {
    type Service = RealIp<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RealIp::new(inner, Arc::clone(&self.rules))
    }
}
