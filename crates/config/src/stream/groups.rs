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

    /// Whether those streams listen on UDP alone: its health is that its servers do not refuse datagrams.
    #[must_use]
    pub fn is_of_udp(&self, upstream: &str) -> bool {
        self.is_of_streams(upstream) && users(upstream, &self.streams).0.iter().all(|stream| stream.is_udp())
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
    let (users, is_named) = users(upstream, streams);
    if users.is_empty() {
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

/// The streams that name this upstream; or, if none does, those whose variables may. And whether it is named.
fn users<'s>(upstream: &str, streams: &'s [Arc<Stream>]) -> (Vec<&'s Stream>, bool) {
    let those = |uses: &dyn Fn(&StreamPass) -> bool| -> Vec<&'s Stream> {
        streams.iter().map(|stream| &**stream).filter(|stream| stream.pass().is_some_and(uses)).collect()
    };
    let named = those(&|pass| pass.upstream() == Some(upstream));
    match named.is_empty() {
        true => (those(&|pass| pass.may_name(upstream)), false),
        false => (named, true),
    }
}

/// Servers of streams are asked nothing that HTTP knows.
pub(crate) fn check_upstreams(cx: &mut Context, servers: &[Arc<Server>], streams: &[Arc<Stream>]) {
    let upstreams: Vec<_> = cx.upstreams.values().cloned().collect();
    for upstream in upstreams {
        let Some(check) = &upstream.health_check else { continue };
        if !alone_use(&upstream.name, servers, streams) {
            for (key, span) in &check.of_streams {
                let message = format!(
                    "`{key}` cannot be used: the upstream `{}` is not used only by streams",
                    upstream.name
                );
                let diagnostic = Diagnostic::error(*span, message);
                cx.push(
                    diagnostic
                        .label("expected `status`, `headers` or `body`: the servers are checked over HTTP"),
                );
            }
            continue;
        }
        for (key, span) in &check.of_http {
            let message = format!(
                "`{key}` cannot be used: the upstream `{}` is used only by streams, whose health checks do not use HTTP",
                upstream.name
            );
            let diagnostic = Diagnostic::error(*span, message);
            cx.push(diagnostic.label("expected `match.send` and `match.expect`, or neither"));
        }
    }
}
