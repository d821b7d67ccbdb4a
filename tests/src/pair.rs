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
}

impl Pair {
    /// Starts both with this `http` block, in which `@LISTEN@` is where each listens and `@NAME@` is what `holes` has for it.
    pub fn start(http: &str, holes: &[(&str, &str)]) -> Self {
        let at = addresses();
        let [ours, theirs] = at.map(|listen| fill(&fill(http, holes), &[("LISTEN", &listen.to_string())]));
        Self {
            gateway: Propylon::start_nginx(&format!("events {{}}\n{ours}")),
            nginx: Nginx::start(&theirs),
            at,
        }
    }
}
