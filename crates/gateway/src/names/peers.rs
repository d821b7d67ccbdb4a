//! The peers that a server of the configuration stands for.

use std::sync::Arc;
use std::time::Duration;

use propylon_balance::Server;
use propylon_config::{self as config, Address, UpstreamServer};
use propylon_resolver::{Endpoint, Question};
use propylon_upstream::Peer;

use super::called::Turn;

/// A server with nginx's defaults.
pub(super) fn plain(address: &Address) -> UpstreamServer {
    UpstreamServer {
        address: config::Spanned::new(address.clone(), config::Span::default()),
        written: address.to_string().into(),
        weight: 1,
        max_conns: 0,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        slow_start: Duration::ZERO,
        backup: false,
        down: false,
        drain: false,
        route: None,
        resolve: false,
        service: None,
    }
}

/// What a resolver is asked for a server that is followed.
pub(super) fn question(server: &UpstreamServer) -> Option<Question> {
    let Address::Name { host, .. } = &server.address.value else { return None };
    match &server.service {
        Some(service) => Some(Question::service(service, host)),
        None => server.resolve.then(|| Question::host(host)),
    }
}

/// What a server without a name stands for; its address is in the server.
pub(super) fn literal(address: &Address) -> Option<Vec<Endpoint>> {
    match address {
        Address::Socket(address) => Some(vec![Endpoint::from(address.ip())]),
        Address::Unix(_) => Some(Vec::new()),
        Address::Name { .. } => None,
    }
}

/// The peers that a server stands for.
pub(super) fn peers(
    server: &UpstreamServer,
    found: Option<&[Endpoint]>,
    called: &mut Turn<'_>,
) -> Vec<Server<Peer>> {
    let mut settings = |peer: Peer| {
        let peer = called.call(&peer);
        let new = Server::new(Arc::clone(peer.name()), peer);
        let new = match &server.route {
            Some(route) => new.route(&**route),
            None => new,
        };
        new.written(&*server.written)
            .weight(server.weight)
            .max_conns(server.max_conns)
            .max_fails(server.max_fails)
            .fail_timeout(server.fail_timeout)
            .slow_start(server.slow_start)
            .backup(server.backup)
            .down(server.down)
            .drain(server.drain)
    };
    let port = match &server.address.value {
        Address::Unix(path) => return vec![settings(Peer::unix(path))],
        Address::Socket(address) => return vec![settings(Peer::from(*address))],
        Address::Name { port, .. } => *port,
    };
    let endpoints = found.unwrap_or_default();
    let preferred = endpoints.iter().map(|endpoint| endpoint.priority).min().unwrap_or_default();
    let mut peer = |endpoint: &Endpoint| {
        let peer =
            settings(Peer::from(std::net::SocketAddr::new(endpoint.ip, endpoint.port.unwrap_or(port))));
        match endpoint.port {
            None => peer,
            // A service's records have weights and priorities of their own.
            Some(_) => peer
                .weight(u32::from(endpoint.weight.max(1)))
                .backup(server.backup || endpoint.priority > preferred),
        }
    };
    endpoints.iter().map(&mut peer).collect()
}
