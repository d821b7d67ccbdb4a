//! Upstreams that streams use, and nobody else.

use std::sync::Arc;

use super::Stream;
use crate::config::locations;
use crate::location::Action;
use crate::proxy_pass::{Destination, ProxyPass};
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::server::Server;

/// Whether streams name this upstream, and no location does.
pub(crate) fn alone_use(upstream: &str, servers: &[Arc<Server>], streams: &[Arc<Stream>]) -> bool {
    streams.iter().any(|stream| stream.pass().and_then(|pass| pass.upstream()) == Some(upstream))
        && !servers.iter().flat_map(|server| locations(&server.locations)).any(
            |location| matches!(&location.action, Action::ProxyPass(pass) if names(&pass.value, upstream)),
        )
}

fn names(pass: &ProxyPass, upstream: &str) -> bool {
    matches!(pass, ProxyPass::Static(target) if matches!(&target.to, Destination::Upstream(name) if **name == *upstream))
}

/// Servers of TCP are asked nothing but for a connection.
pub(crate) fn check_upstreams(cx: &mut Context, servers: &[Arc<Server>], streams: &[Arc<Stream>]) {
    let of_streams: Vec<_> = cx
        .upstreams
        .values()
        .filter(|upstream| alone_use(&upstream.name, servers, streams))
        .cloned()
        .collect();
    for upstream in of_streams {
        let Some(check) = &upstream.health_check else { continue };
        for (key, span) in &check.of_http {
            let message = format!("only streams use the upstream `{}`: they know no HTTP", upstream.name);
            let diagnostic = Diagnostic::error(*span, message);
            cx.push(
                diagnostic.label(format!("expected no `{key}`: a server is well that can be connected to")),
            );
        }
    }
}
