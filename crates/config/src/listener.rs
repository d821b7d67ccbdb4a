//! Addresses with all who are reached at them.

use crate::listen::{Listen, ListenAddress};
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// One address and all servers, or the stream, that are reached at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address.
    pub address: ListenAddress,
    /// Index of the server that answers when no name matches.
    pub default_server: usize,
    /// Indices of all its servers, in the order of the file; none: it is a stream's, or nobody's.
    pub servers: Vec<usize>,
    /// Index of the stream that it is of.
    pub stream: Option<usize>,
    /// Whether any of them says `tls` or `http3`: then connections are TLS.
    pub tls: bool,
    /// Whether any of them says `http2`: then clients may speak it.
    pub http2: bool,
    /// Whether any of them says `proxy_protocol`: then connections begin with its header.
    pub proxy_protocol: bool,
    /// Whether any of them says `reuseport`.
    pub reuseport: bool,
    /// The length of the queue of connections; `None`: the system's.
    pub backlog: Option<u32>,
    /// Whether an IPv6 socket takes IPv6 alone; true unless written.
    pub ipv6only: bool,
    /// Where it was written first.
    pub span: Span,
}

impl Listener {
    /// An address of no server.
    pub(crate) const fn alone(address: ListenAddress, span: Span) -> Self {
        Self {
            address,
            default_server: 0,
            servers: Vec::new(),
            stream: None,
            tls: false,
            http2: false,
            proxy_protocol: false,
            reuseport: false,
            backlog: None,
            ipv6only: true,
            span,
        }
    }
}

/// Joins the addresses of all servers; each of `servers` is the list of one. Behind them come those of `streams`.
pub(crate) fn merge<'l>(
    cx: &mut Context,
    servers: impl Iterator<Item = &'l [Spanned<Listen>]>,
    streams: impl Iterator<Item = &'l [Spanned<Listen>]>,
) -> Vec<Listener> {
    let mut merges: Vec<Merge<'l>> = Vec::new();
    for (index, listens) in servers.enumerate() {
        for listen in listens {
            check_ipv6only(cx, listen);
            match merges.iter_mut().find(|merge| merge.first.address == listen.address) {
                Some(merge) => merge.add(cx, index, listen),
                None => merges.push(Merge::new(index, listen)),
            }
        }
    }
    for (index, listens) in streams.enumerate() {
        for listen in listens {
            check_ipv6only(cx, listen);
            match merges.iter().find(|merge| merge.first.address == listen.address) {
                Some(merge) => merge.refuse(cx, index, listen),
                None => merges.push(Merge { stream: Some(index), ..Merge::new(index, listen) }),
            }
        }
    }
    merges.into_iter().map(Merge::finish).collect()
}

fn check_ipv6only(cx: &mut Context, listen: &Spanned<Listen>) {
    if listen.ipv6only.is_some() && !listen.is_ipv6() {
        cx.push(
            Diagnostic::error(listen.span, "`ipv6only` requires an IPv6 address")
                .label("expected an address such as `[::]:80`"),
        );
    }
}

/// The lists of several servers that name the same address, or the stream whose it is.
struct Merge<'l> {
    first: &'l Spanned<Listen>,
    servers: Vec<usize>,
    stream: Option<usize>,
    default: Option<(usize, Span)>,
    tls: bool,
    http2: bool,
    proxy_protocol: bool,
    reuseport: bool,
    backlog: Option<(u32, Span)>,
    ipv6only: Option<(bool, Span)>,
}

impl<'l> Merge<'l> {
    fn new(index: usize, listen: &'l Spanned<Listen>) -> Self {
        Self {
            first: listen,
            servers: vec![index],
            stream: None,
            default: listen.default_server.then_some((index, listen.span)),
            tls: listen.tls,
            http2: listen.http2,
            proxy_protocol: listen.proxy_protocol,
            reuseport: listen.reuseport,
            backlog: listen.backlog.map(|backlog| (backlog, listen.span)),
            ipv6only: listen.ipv6only.map(|only| (only, listen.span)),
        }
    }

    fn add(&mut self, cx: &mut Context, index: usize, listen: &Spanned<Listen>) {
        let mut error = |first: Span, message: String, label: &str| {
            cx.push(Diagnostic::error(listen.span, message).label(label).related(first, "first listed here"));
        };
        let address = &listen.address;
        if self.servers.last() == Some(&index) {
            error(
                self.first.span,
                format!("the server listens on {address} twice"),
                "expected each address once",
            );
        } else {
            self.servers.push(index);
        }
        if listen.default_server {
            match self.default {
                Some((server, first)) if server != index => {
                    error(
                        first,
                        format!("{address} has more than one default server"),
                        "expected `default_server` in only one server",
                    );
                }
                _ => self.default = Some((index, listen.span)),
            }
        }
        self.tls |= listen.tls;
        self.http2 |= listen.http2;
        self.proxy_protocol |= listen.proxy_protocol;
        self.reuseport |= listen.reuseport;
        conflict(&mut self.backlog, listen.backlog, listen.span, |first| {
            error(
                first,
                format!("{address} is listed with different values of `backlog`"),
                "expected the same `backlog` wherever it is set",
            );
        });
        conflict(&mut self.ipv6only, listen.ipv6only, listen.span, |first| {
            error(
                first,
                format!("{address} is listed with different values of `ipv6only`"),
                "expected the same `ipv6only` wherever it is set",
            );
        });
    }

    /// A stream shares its address with nobody.
    fn refuse(&self, cx: &mut Context, stream: usize, listen: &Spanned<Listen>) {
        let address = &listen.address;
        let message = match self.stream {
            Some(other) if other == stream => format!("the stream listens on {address} twice"),
            Some(_) => format!("{address} is already in use by another stream"),
            None => format!("{address} is already in use by a server"),
        };
        let diagnostic = Diagnostic::error(listen.span, message).label("expected a different address");
        cx.push(diagnostic.related(self.first.span, "first listed here"));
    }

    fn finish(self) -> Listener {
        let servers = if self.stream.is_some() { Vec::new() } else { self.servers };
        Listener {
            address: self.first.address.clone(),
            default_server: self
                .default
                .map(|(index, _)| index)
                .or(servers.first().copied())
                .unwrap_or_default(),
            servers,
            stream: self.stream,
            tls: self.tls,
            http2: self.http2,
            proxy_protocol: self.proxy_protocol,
            reuseport: self.reuseport,
            backlog: self.backlog.map(|(backlog, _)| backlog),
            ipv6only: self.ipv6only.is_none_or(|(only, _)| only),
            span: self.first.span,
        }
    }
}

fn conflict<T: PartialEq + Copy>(
    known: &mut Option<(T, Span)>,
    new: Option<T>,
    span: Span,
    error: impl FnOnce(Span),
) {
    match (*known, new) {
        (Some((old, first)), Some(new)) if old != new => error(first),
        (None, Some(new)) => *known = Some((new, span)),
        _ => {}
    }
}
