//! `listen`: addresses that servers are reached at.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

use crate::address;
use crate::nearest::nearest;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::shape::not_built;
use crate::source::{Span, Spanned};

/// An address with its options, as one server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: ListenAddress,
    /// As written.
    pub text: Box<str>,
    /// `default_server`
    pub default_server: bool,
    /// `tls`
    pub tls: bool,
    /// `http2`
    pub http2: bool,
    /// `http3`
    pub http3: bool,
    /// `proxy_protocol`
    pub proxy_protocol: bool,
    /// `reuseport`
    pub reuseport: bool,
    /// `backlog=`
    pub backlog: Option<u32>,
    /// `ipv6only=`
    pub ipv6only: Option<bool>,
}

/// Where connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// An IP address and a port of TCP.
    Tcp(SocketAddr),
    /// An IP address and a port of UDP, for QUIC.
    Udp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

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
    /// Whether any of them says `tls`, or it is of UDP: then connections are TLS.
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

const OPTIONS: [&str; 8] =
    ["default_server", "tls", "http2", "http3", "proxy_protocol", "reuseport", "backlog=", "ipv6only="];
const UNBUILT: [&str; 9] = [
    "udp",
    "bind",
    "setfib=",
    "fastopen=",
    "rcvbuf=",
    "sndbuf=",
    "accept_filter=",
    "deferred",
    "so_keepalive=",
];
const ADDRESS: &str = "a port, `address:port`, `[::]:port` or `unix:/path`";

/// Reads `ADDRESS [option...]`.
pub(crate) fn read(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<Listen>> {
    let mut words = words(text);
    let Some((at, word)) = words.next() else {
        cx.push(Diagnostic::at(span, "the address is missing").label(format!("expected {ADDRESS}")));
        return None;
    };
    let address = match address(word) {
        Ok(address) => Some(address),
        Err(problem) => {
            let range = at + problem.range.start..at + problem.range.end;
            let place = cx.inside(&span, text, range);
            cx.push(Diagnostic::at(place, problem.message).label(format!("expected {}", problem.expected)));
            None
        }
    };
    let mut listen = Listen {
        address: ListenAddress::Unix(PathBuf::new()),
        text: text.into(),
        default_server: false,
        tls: false,
        http2: false,
        http3: false,
        proxy_protocol: false,
        reuseport: false,
        backlog: None,
        ipv6only: None,
    };
    for (at, word) in words {
        let place = cx.inside(&span, text, at..at + word.len());
        if let Some(diagnostic) = listen.option(word, place) {
            cx.push(diagnostic);
        }
    }
    listen.address = address?;
    if listen.http3
        && let Err(message) = listen.become_quic()
    {
        let label = "expected an IP address with `http3`, `default_server`, `reuseport`, `ipv6only=` alone: TCP is a `listen` of its own";
        cx.push(Diagnostic::at(span, message).label(label));
        return None;
    }
    Some(Spanned::new(listen, cx.span(span)))
}

/// The same of a stream, which knows no HTTP; as in nginx it has no usual port.
pub(crate) fn read_stream(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<Listen>> {
    let listen = read(cx, text, span.clone())?;
    let strange = [
        (listen.default_server, "default_server", "a stream is alone at its addresses"),
        (listen.http2, "http2", "a stream knows no HTTP"),
        (listen.http3, "http3", "a stream knows no HTTP"),
    ];
    for (_, option, reason) in strange.into_iter().filter(|(is_there, ..)| *is_there) {
        let at = words(text).find(|(_, word)| *word == option).map_or(0, |(at, _)| at);
        let place = cx.inside(&span, text, at..at + option.len());
        let message = format!("`{option}` is for servers: {reason}");
        cx.push(Diagnostic::at(place, message).label("expected none of `default_server`, `http2`, `http3`"));
    }
    let (at, word) = words(text).next()?;
    let has_port = word.bytes().all(|byte| byte.is_ascii_digit())
        || address::host_port(word, 0).map_or(true, |parts| parts.port.is_some() || parts.host == "*");
    if !has_port {
        let place = cx.inside(&span, text, at..at + word.len());
        cx.push(Diagnostic::at(place, "the port is missing").label(format!("expected {ADDRESS}")));
    }
    Some(listen)
}

/// Words and where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(' ').filter_map(move |word| {
        let start = at;
        at += word.len() + 1;
        (!word.is_empty()).then_some((start, word))
    })
}

/// The address that a word names.
pub(crate) fn address(word: &str) -> Result<ListenAddress, address::Problem> {
    let problem = |message| address::Problem::new(0..word.len(), message, ADDRESS);
    if let Some(path) = word.strip_prefix("unix:") {
        return if path.is_empty() {
            Err(problem("the path of the socket is missing"))
        } else {
            Ok(ListenAddress::Unix(path.into()))
        };
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = address::parse_port(word, 0)?;
        return Ok(ListenAddress::Tcp((Ipv4Addr::UNSPECIFIED, port).into()));
    }
    if let Some(port) = word.strip_prefix("*:") {
        let port = address::parse_port(port, 2)?;
        return Ok(ListenAddress::Tcp((Ipv4Addr::UNSPECIFIED, port).into()));
    }
    let parts = address::host_port(word, 0)?;
    let bare = parts.host.trim_start_matches('[').trim_end_matches(']');
    let ip: IpAddr = bare.parse().map_err(|_| problem("this is no IP address"))?;
    Ok(ListenAddress::Tcp(SocketAddr::new(ip, parts.port.unwrap_or(80))))
}

impl Listen {
    /// Takes an option, or says what is wrong with it.
    fn option(&mut self, word: &str, place: Range<usize>) -> Option<Diagnostic> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("default_server", None) => self.default_server = true,
            ("tls", None) => self.tls = true,
            ("http2", None) => self.http2 = true,
            ("http3", None) => self.http3 = true,
            ("proxy_protocol", None) => self.proxy_protocol = true,
            ("ssl", None) => {
                return Some(Diagnostic::at(place, "`ssl` is called `tls` here").label("expected `tls`"));
            }
            ("quic", None) => {
                return Some(
                    Diagnostic::at(place, "`quic` is called `http3` here").label("expected `http3`"),
                );
            }
            ("reuseport", None) => self.reuseport = true,
            ("backlog", Some(value)) => {
                self.backlog = value.parse().ok().filter(|backlog| (1..=65535).contains(backlog));
                if self.backlog.is_none() {
                    let message = format!("`{value}` is no backlog");
                    return Some(Diagnostic::at(place, message).label("expected a number from 1 to 65535"));
                }
            }
            ("ipv6only", Some("on")) => self.ipv6only = Some(true),
            ("ipv6only", Some("off")) => self.ipv6only = Some(false),
            ("ipv6only", Some(value)) => {
                let message = format!("`{value}` is neither on nor off");
                return Some(
                    Diagnostic::at(place, message).label("expected `ipv6only=on` or `ipv6only=off`"),
                );
            }
            _ => return Some(unknown(name, place)),
        }
        None
    }

    /// `http3` is UDP, which has TLS of its own.
    fn become_quic(&mut self) -> Result<(), &'static str> {
        let ListenAddress::Tcp(address) = self.address else { return Err("`http3` on a unix socket") };
        let other = [
            (self.tls, "`http3` is UDP and has TLS by itself: `tls` is TCP"),
            (self.http2, "`http3` is UDP: `http2` is TCP"),
            (self.proxy_protocol, "`http3` is UDP, which has no `proxy_protocol`"),
            (self.backlog.is_some(), "`http3` is UDP, which has no `backlog`"),
        ];
        if let Some((_, message)) = other.iter().find(|(is_there, _)| *is_there) {
            return Err(message);
        }
        self.address = ListenAddress::Udp(address);
        self.tls = true;
        Ok(())
    }

    fn is_ipv6(&self) -> bool {
        matches!(self.address, ListenAddress::Tcp(address) | ListenAddress::Udp(address) if address.is_ipv6())
    }
}

fn unknown(name: &str, place: Range<usize>) -> Diagnostic {
    if UNBUILT.iter().any(|known| known.trim_end_matches('=') == name) {
        return not_built(name, place);
    }
    let help = nearest(name, OPTIONS).map(|known| format!("did you mean `{known}`?"));
    Diagnostic::at(place, format!("unknown option `{name}` of `listen`"))
        .label(format!("expected one of {}", OPTIONS.join(", ")))
        .maybe_help(help)
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
            Diagnostic::error(listen.span, "`ipv6only` is for IPv6 addresses")
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
            cx.push(Diagnostic::error(listen.span, message).label(label).related(first, "first here"));
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
                        format!("{address} has two default servers"),
                        "expected one `default_server`",
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
                format!("{address} has two backlogs"),
                "expected the same `backlog` wherever it is written",
            );
        });
        conflict(&mut self.ipv6only, listen.ipv6only, listen.span, |first| {
            error(
                first,
                format!("{address} is IPv6 alone and is not"),
                "expected the same `ipv6only` wherever it is written",
            );
        });
    }

    /// A stream shares its address with nobody.
    fn refuse(&self, cx: &mut Context, stream: usize, listen: &Spanned<Listen>) {
        let address = &listen.address;
        let message = match self.stream {
            Some(other) if other == stream => format!("the stream listens on {address} twice"),
            Some(_) => format!("{address} belongs to another stream"),
            None => format!("{address} belongs to a server"),
        };
        let diagnostic = Diagnostic::error(listen.span, message).label("expected an address of its own");
        cx.push(diagnostic.related(self.first.span, "first here"));
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
