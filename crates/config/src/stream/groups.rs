//! Upstreams that streams use, and nobody else.

use std::sync::Arc;

use super::Stream;
use crate::config::locations;
use crate::location::Action;
use crate::proxy_pass::ProxyPass;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::server::Server;

/// Whether streams name this upstream, and no location does; or streams may name it by variables, and no location may.
pub(crate) fn alone_use(upstream: &str, servers: &[Arc<Server>], streams: &[Arc<Stream>]) -> bool {
    let passes = || streams.iter().filter_map(|stream| stream.pass());
    let is_named = passes().any(|pass| pass.upstream() == Some(upstream));
    if !is_named && !passes().any(|pass| pass.may_name(upstream)) {
        return false;
    }
    // A location whose variables may name it is no user of one that a stream does name.
    let uses = |pass: &ProxyPass| {
        if is_named { pass.names(upstream) } else { pass.may_name(upstream) }
    };
    !servers
        .iter()
        .flat_map(|server| locations(&server.locations))
        .any(|location| matches!(&location.action, Action::ProxyPass(pass) if uses(&pass.value)))
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
