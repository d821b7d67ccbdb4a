//! nginx and the gateway with one nginx.conf.

use std::net::SocketAddr;

use crate::{Nginx, Propylon, addresses, fill};

/// The gateway and nginx with the same `http` block.
#[derive(Debug)]
pub struct Pair {
    /// The gateway, at the first address.
    pub gateway: Propylon,
    /// nginx, at the second one.
    pub nginx: Nginx,
    /// Where they listen: of different IPs and one port.
    pub at: [SocketAddr; 2],
    /// Where they may listen as well.
    pub tls: [SocketAddr; 2],
}

impl Pair {
    /// Starts both with this `http` block, in which `@LISTEN@` is where each listens, `@TLS@` is another address of its own, and
    /// `@NAME@` is what `holes` has for it.
    pub fn start(http: &str, holes: &[(&str, &str)]) -> Self {
        let (at, tls) = (addresses(), addresses());
        let side = |listen: SocketAddr, tls: SocketAddr| {
            fill(&fill(http, holes), &[("LISTEN", &listen.to_string()), ("TLS", &tls.to_string())])
        };
        let [ours, theirs] = [side(at[0], tls[0]), side(at[1], tls[1])];
        Self {
            gateway: Propylon::start_nginx(&format!("events {{}}\n{ours}")),
            nginx: Nginx::start(&theirs),
            at,
            tls,
        }
    }
}
