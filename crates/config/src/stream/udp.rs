//! Sessions of UDP: what makes one, and which keys have no meaning for them.

use std::num::{NonZeroU64, NonZeroUsize};

use toml::de::DeTable;

use super::{Stream, StreamAction, StreamPass};
use crate::address::Address;
use crate::listen::Listen;
use crate::proxy_pass::Destination;
use crate::reader::{Context, Scope};
use crate::report::Diagnostic;
use crate::server_only::find;
use crate::source::Spanned;

/// What a session of UDP is: the datagrams of one client at one of the stream's addresses, and those that answer them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamDatagrams {
    /// How many of its client's it has at most; the next one begins another session.
    pub requests: Option<NonZeroU64>,
    /// How many answer one of the client's; none: nobody knows.
    pub responses: Option<u64>,
    /// How many sessions each worker has at once at each of the addresses.
    pub sessions: NonZeroUsize,
}

impl StreamDatagrams {
    /// Reads what stands in the stream itself.
    pub(super) fn read(scope: &mut Scope<'_>) -> Self {
        let requests = scope.integer("requests").and_then(NonZeroU64::new);
        Self { requests, responses: scope.integer("responses"), sessions: NonZeroUsize::MIN }
    }

    /// Reads what stands in its `limit`.
    pub(super) fn limit(mut self, scope: &mut Scope<'_>) -> Self {
        let sessions = scope.integer("sessions").and_then(|sessions| usize::try_from(sessions).ok());
        self.sessions = sessions.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN);
        self
    }
}

/// The keys that are about connections: a stream that listens on UDP alone has none of them.
pub const STREAM_KEYS_OF_TCP: [&[&str]; 11] = [
    &["preread"],
    &["preread_buffer_size"],
    &["half_close"],
    &["real_ip_from"],
    &["timeout", "connect"],
    &["timeout", "preread"],
    &["timeout", "proxy_protocol"],
    &["timeout", "handshake"],
    &["tls"],
    &["upstream", "socket_keepalive"],
    &["upstream", "tls"],
];

/// The keys that are about sessions: a stream that does not listen on UDP has none of them.
pub const STREAM_KEYS_OF_UDP: [&[&str]; 3] = [&["requests"], &["responses"], &["limit", "sessions"]];

impl Stream {
    /// Whether a key is about what the stream listens on.
    pub(crate) fn has_meaning(&self, key: &str) -> bool {
        let is = |path: &&[&str]| {
            let rest = key.strip_prefix(&path.join("."));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if self.is_udp() {
            !STREAM_KEYS_OF_TCP.iter().any(is)
        } else {
            self.listens.iter().any(|listen| listen.udp) || !STREAM_KEYS_OF_UDP.iter().any(is)
        }
    }
}

/// Tells of keys that mean nothing where the stream listens.
pub(super) fn check(
    cx: &mut Context,
    table: &DeTable<'_>,
    listens: &[Spanned<Listen>],
    action: Option<&Spanned<StreamAction>>,
) {
    if listens.is_empty() {
        return; // what is wrong was told
    }
    if !listens.iter().any(|listen| listen.udp) {
        return refuse(
            cx,
            table,
            &STREAM_KEYS_OF_UDP,
            "applies only to UDP, but no `listen` of this stream has `udp`",
        );
    }
    if listens.iter().all(|listen| listen.udp) {
        refuse(cx, table, &STREAM_KEYS_OF_TCP, "applies only to TCP, but this stream listens only on UDP");
    }
    let proxy_protocol: &[&str] = &["upstream", "proxy_protocol"];
    if find(table, proxy_protocol).is_some_and(|(_, is_off)| !is_off) {
        refuse(cx, table, &[proxy_protocol], "cannot be used with UDP, but this stream listens on UDP");
    }
    let Some(action) = action else { return };
    let message = match &action.value {
        StreamAction::Pass(pass) if pass.is_secure() => {
            "`tls://` cannot be used with UDP, but this stream listens on UDP"
        }
        StreamAction::Pass(StreamPass::Static { to: Destination::Address(Address::Unix(_)), .. }) => {
            "UDP cannot be proxied to a Unix socket, but this stream listens on UDP"
        }
        _ => return,
    };
    cx.push(
        Diagnostic::error(action.span, message)
            .label("expected a UDP server; write separate streams for TCP and UDP"),
    );
}

fn refuse(cx: &mut Context, table: &DeTable<'_>, paths: &[&[&str]], why: &str) {
    for path in paths {
        if let Some((at, _)) = find(table, path) {
            let message = format!("`{}` {why}", path.join("."));
            cx.push(Diagnostic::at(at, message).label("remove it"));
        }
    }
}
