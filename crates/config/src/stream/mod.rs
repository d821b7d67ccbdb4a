//! The tables `[[stream]]`: TCP and UDP that are passed on.

mod groups;
mod pass;
mod tables;
mod udp;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use propylon_vars::Template;
use toml::de::DeTable;

pub(crate) use self::groups::check_upstreams;
pub use self::pass::StreamPass;
pub(crate) use self::tables::{ACCESS, LIMIT, RETRY, TABLE, TIMEOUT, UPSTREAM};
pub use self::udp::{STREAM_KEYS_OF_TCP, STREAM_KEYS_OF_UDP, StreamDatagrams};
use crate::effective::{Effective, Level};
use crate::headers::{self, Peer};
use crate::key::Table;
use crate::limit::{self, Amount};
use crate::listen::{self, Listen};
use crate::reader::{Context, Levels, Scope, Value, below};
use crate::report::Diagnostic;
use crate::settings::Settings;
use crate::source::{Span, Spanned};
use crate::tls::{self, Tls};
use crate::{acme, api};

/// TCP and UDP that are passed on.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Where it listens, at least one address.
    pub listens: Vec<Spanned<Listen>>,
    /// What becomes of its connections.
    pub action: Spanned<StreamAction>,
    /// Whether it is read of the first bytes what a client of TLS asks for.
    pub preread: bool,
    /// How much is read for that at most.
    pub preread_buffer_size: usize,
    /// How much is kept until the other end takes it, each way.
    pub buffer_size: usize,
    /// Whether one way stays open when the other one has ended.
    pub half_close: bool,
    /// Peers whose PROXY protocol is believed.
    pub real_ip_from: Vec<Peer>,
    /// How long to wait.
    pub timeout: StreamTimeout,
    /// When another server is tried.
    pub retry: StreamRetry,
    /// What a session of UDP is.
    pub datagrams: StreamDatagrams,
    /// Bytes each second that are read of a client.
    pub upload_rate: Option<Amount>,
    /// Bytes each second that are read of a server.
    pub download_rate: Option<Amount>,
    /// What it has in common with HTTP: `access.rules`, `limit.connections` and `limit.connections_over`, `timeout.connect`, `resolver`, the
    /// `bind`, `proxy_protocol`, `socket_keepalive` and `tls` of `upstream`, `access_logs`, `error_logs` and `effective`. All else has no meaning.
    pub settings: Arc<Settings>,
    /// What its connections are counted as in the `server_zones` of nginx Plus' API.
    pub status_zone: Option<Box<str>>,
    /// TLS towards clients.
    pub tls: Tls,
    /// Where it is written.
    pub span: Span,
}

/// What becomes of the connections of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamAction {
    /// Each is joined with one to a server.
    Pass(StreamPass),
    /// This is sent, and they are closed.
    Return(Template),
}

/// How long a stream waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTimeout {
    /// For a connection to the server, with its TLS handshake.
    pub connect: Duration,
    /// For anything to pass either way.
    pub idle: Duration,
    /// For what is read before.
    pub preread: Duration,
    /// For the header of a client's PROXY protocol.
    pub proxy_protocol: Duration,
    /// For a TLS handshake with a client.
    pub handshake: Duration,
}

/// When a stream tries another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRetry {
    /// Whether one is tried at all.
    pub on: bool,
    /// How many are tried, the first one included; none: each once.
    pub tries: Option<NonZeroUsize>,
    /// How long after the first try the last one may begin.
    pub timeout: Option<Duration>,
}

impl Stream {
    /// Whether it listens on UDP alone.
    #[must_use]
    pub fn is_udp(&self) -> bool {
        !self.listens.is_empty() && self.listens.iter().all(|listen| listen.udp)
    }

    /// Where connections go, if they are passed on.
    #[must_use]
    pub fn pass(&self) -> Option<&StreamPass> {
        match &self.action.value {
            StreamAction::Pass(pass) => Some(pass),
            StreamAction::Return(_) => None,
        }
    }
}

/// Reads a `[[stream]]`.
pub(crate) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Stream> {
    let table = value.get_ref().as_table()?;
    let levels: Levels<'_> = vec![(Level::Stream, table)];
    let mut effective = Effective::stream();
    let mut scope = Scope::inherited(cx, &TABLE, levels.clone(), &mut effective);
    let listens = scope.list("listen", listen::read_stream);
    scope.read("resolver", |_, _| Some(())); // the settings have it
    let action = action(&mut scope, value);
    check_empty(scope.cx, table);
    let (preread, half_close) = (scope.bool("preread"), scope.bool("half_close"));
    let preread_buffer_size = size(&mut scope, "preread_buffer_size");
    let buffer_size = size(&mut scope, "buffer_size");
    let real_ip_from = scope.list("real_ip_from", headers::peer).unwrap_or_default();
    let status_zone = api::name(&mut scope);
    let datagrams = StreamDatagrams::read(&mut scope);
    udp::check(scope.cx, table, listens.as_deref().unwrap_or_default(), action.as_ref());
    let mut scope = Scope::inherited(cx, &TIMEOUT, below(&levels, "timeout"), &mut effective);
    let timeout = StreamTimeout {
        connect: scope.duration("connect"),
        idle: scope.duration("idle"),
        preread: scope.duration("preread"),
        proxy_protocol: scope.duration("proxy_protocol"),
        handshake: scope.duration("handshake"),
    };
    let retry = retry(&mut Scope::inherited(cx, &RETRY, below(&levels, "retry"), &mut effective));
    let mut scope = Scope::inherited(cx, &LIMIT, below(&levels, "limit"), &mut effective);
    let upload_rate = scope.read("upload_rate", limit::amount);
    let download_rate = scope.read("download_rate", limit::amount);
    let datagrams = datagrams.limit(&mut scope);
    let tls = tls(cx, &levels, listens.as_deref().unwrap_or_default(), &mut effective);
    let settings = Arc::new(settings(cx, &levels, effective));
    let span = cx.span(value.span());
    // What is wrong was told; its addresses are compared with those of others all the same.
    let action = action.unwrap_or_else(|| Spanned::new(StreamAction::Return(Template::literal("")), span));
    Some(Stream {
        listens: listens.unwrap_or_default(),
        action,
        preread,
        preread_buffer_size,
        buffer_size,
        half_close,
        real_ip_from,
        timeout,
        retry,
        datagrams,
        upload_rate,
        download_rate,
        settings,
        status_zone,
        tls,
        span,
    })
}

fn check_empty(cx: &mut Context, table: &DeTable<'_>) {
    if let Some(value) = table.get("listen")
        && value.get_ref().as_array().is_some_and(|items| items.is_empty())
    {
        let diagnostic = Diagnostic::at(value.span(), "`listen` is empty");
        cx.push(diagnostic.label("expected an address such as \"3306\""));
    }
}

/// Exactly one of what may become of connections.
fn action(scope: &mut Scope<'_>, value: &Value<'_>) -> Option<Spanned<StreamAction>> {
    let table = value.get_ref().as_table()?;
    let missing = Diagnostic::at(value.span(), "this stream has no action");
    let other = match (table.get_key_value("proxy_pass"), table.get_key_value("return")) {
        (Some(_), None) => {
            let pass = scope.read("proxy_pass", pass::read)?;
            return Some(Spanned::new(StreamAction::Pass(pass.value), pass.span));
        }
        (None, Some((_, text))) => {
            let (span, text) = (scope.cx.span(text.span()), scope.template("return")?);
            return Some(Spanned::new(StreamAction::Return(text), span));
        }
        (None, None) => missing.label("add `proxy_pass` or `return`"),
        (Some((pass, _)), Some((other, _))) => {
            let pass = scope.cx.span(pass.span());
            Diagnostic::at(other.span(), "a stream cannot have both `proxy_pass` and `return`")
                .label("remove one of them")
                .related(pass, "the other one")
        }
    };
    scope.cx.push(other);
    None
}

fn size(scope: &mut Scope<'_>, name: &'static str) -> usize {
    const LEAST: usize = 256;
    const MOST: usize = 16 << 20;
    let written = scope.size_if_set(name).and_then(|size| usize::try_from(size).ok());
    let size = written.unwrap_or(16 << 10);
    if !(LEAST..=MOST).contains(&size) {
        let span = scope.read(name, |cx, value| Some(cx.span(value.span()))).unwrap_or_default();
        let diagnostic = Diagnostic::error(span, format!("`{name}` is out of range"));
        scope.cx.push(diagnostic.label("expected a size from \"256\" to \"16m\""));
    }
    size
}

fn retry(scope: &mut Scope<'_>) -> StreamRetry {
    let tries = scope.integer("tries").and_then(|tries| usize::try_from(tries).ok());
    StreamRetry {
        on: scope.bool("on"),
        tries: tries.and_then(NonZeroUsize::new),
        timeout: Some(scope.duration("timeout")).filter(|timeout| !timeout.is_zero()),
    }
}

/// TLS towards clients; whoever says `tls` needs a certificate.
fn tls(cx: &mut Context, levels: &Levels<'_>, listens: &[Spanned<Listen>], effective: &mut Effective) -> Tls {
    let mut scope = Scope::inherited(cx, &tls::TABLE, below(levels, "tls"), effective);
    let tls = Tls::read(&mut scope);
    let asked = scope.read(acme::SERVER.name, |_, value| Some(value.get_ref().as_bool() != Some(false)));
    if asked == Some(true)
        && let Some((_, table)) = below(levels, "tls").first()
        && let Some((key, _)) = table.get_key_value(acme::SERVER.name)
    {
        let diagnostic = Diagnostic::at(key.span(), "`tls.acme` is not available in a stream");
        cx.push(diagnostic.label("use `certificates`; they may be the files that `acme` keeps for a server"));
        return tls;
    }
    if tls.certificates.is_empty() && !tls.reject_handshake {
        for listen in listens.iter().filter(|listen| listen.tls && !listen.http3) {
            let diagnostic = Diagnostic::error(listen.span, "this stream has no certificate for TLS");
            cx.push(diagnostic.label("expected `tls.certificates` in this stream"));
        }
    }
    tls
}

/// What a stream has in common with HTTP is read as there: the keys that its tables have are those of the tables with the same names.
fn settings(cx: &mut Context, levels: &Levels<'_>, mut effective: Effective) -> Settings {
    let mut settings = Settings::read(cx, levels, Effective::level(&crate::server::DEFAULTS));
    let mut note = |table: &'static Table, of: &Levels<'_>| {
        let mut scope = Scope::inherited(cx, table, of.clone(), &mut effective);
        for key in table.keys {
            scope.read(key.name, |_, _| Some(()));
        }
    };
    note(&LIMIT, &below(levels, "limit"));
    note(&ACCESS, &below(levels, "access"));
    note(&UPSTREAM, &below(levels, "upstream"));
    effective.join(settings.effective);
    settings.effective = effective;
    settings.retry.on.clear(); // a word of HTTP's: streams have `retry` of their own
    settings
}
