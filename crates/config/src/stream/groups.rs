//! Upstreams that streams use, and those that nobody else does.

use std::sync::Arc;

use super::{Stream, StreamPass};
use crate::config::{Config, locations};
use crate::location::Action;
use crate::proxy_pass::ProxyPass;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::server::Server;

impl Config {
    /// Whether connections to this upstream are streams', and none of them is HTTP's: its health is that it can be connected to. A stream
    /// that names it counts, or one whose variables may, where those of no location may.
    #[must_use]
    pub fn is_of_streams(&self, upstream: &str) -> bool {
        alone_use(upstream, &self.servers, &self.streams)
    }

    /// Whether streams send connections to this upstream, whoever else does: one names it, or it is [of streams](Self::is_of_streams) alone.
    #[must_use]
    pub fn serves_streams(&self, upstream: &str) -> bool {
        let names = |stream: &Arc<Stream>| stream.pass().and_then(StreamPass::upstream) == Some(upstream);
        self.streams.iter().any(names) || self.is_of_streams(upstream)
    }
}

/// Whether streams name this upstream, and no location does; or streams may name it by variables, and no location may.
fn alone_use(upstream: &str, servers: &[Arc<Server>], streams: &[Arc<Stream>]) -> bool {
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

/// Whether the streams that [use it alone](alone_use) listen on UDP alone.
pub(crate) fn udp_alone_uses(upstream: &str, servers: &[Arc<Server>], streams: &[Arc<Stream>]) -> bool {
    let is_named =
        streams.iter().filter_map(|stream| stream.pass()).any(|pass| pass.upstream() == Some(upstream));
    let mut users = streams.iter().filter(|stream| {
        stream.pass().is_some_and(|pass| {
            if is_named { pass.upstream() == Some(upstream) } else { pass.may_name(upstream) }
        })
    });
    alone_use(upstream, servers, streams) && users.all(|stream| stream.is_udp())
}

/// Servers of streams are asked nothing that HTTP knows.
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
