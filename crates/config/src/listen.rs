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
use crate::source::Spanned;

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
    /// `udp`
    pub udp: bool,
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
    /// An IP address and a port of UDP: a server's, for QUIC, or a stream's.
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

const OPTIONS: [&str; 9] = [
    "default_server",
    "tls",
    "http2",
    "http3",
    "udp",
    "proxy_protocol",
    "reuseport",
    "backlog=",
    "ipv6only=",
];
const UNBUILT: [&str; 8] =
    ["bind", "setfib=", "fastopen=", "rcvbuf=", "sndbuf=", "accept_filter=", "deferred", "so_keepalive="];
const ADDRESS: &str = "a port, `address:port`, `[::]:port` or `unix:/path`";

/// Reads `ADDRESS [option...]`, as servers have it.
pub(crate) fn read(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<Listen>> {
    let listen = read_any(cx, text, span.clone())?;
    if listen.udp {
        let place = option_place(cx, text, &span, "udp");
        let diagnostic = Diagnostic::at(place, "`udp` can be used only in `[[stream]]`");
        cx.push(diagnostic.label("expected no `udp`; HTTP over UDP is `http3`"));
        return None;
    }
    Some(listen)
}

fn read_any(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<Listen>> {
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
        udp: false,
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
    let (became, options) = match listen {
        Listen { udp: true, .. } => (listen.become_datagrams(), "`udp`"),
        Listen { http3: true, .. } => (listen.become_quic(), "`http3`, `default_server`"),
        _ => (Ok(()), ""),
    };
    if let Err(message) = became {
        let label = format!(
            "expected an IP address and no options but {options}, `reuseport` and `ipv6only=`; use another `listen` for TCP"
        );
        cx.push(Diagnostic::at(span, message).label(label));
        return None;
    }
    Some(Spanned::new(listen, cx.span(span)))
}

/// The same of a stream, which knows no HTTP; as in nginx it has no usual port.
pub(crate) fn read_stream(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<Listen>> {
    let listen = read_any(cx, text, span.clone())?;
    let strange = [
        (listen.default_server, "default_server", "a stream does not share its addresses"),
        (listen.http2, "http2", "a stream does not use HTTP"),
        (listen.http3, "http3", "a stream does not use HTTP"),
    ];
    for (_, option, reason) in strange.into_iter().filter(|(is_there, ..)| *is_there) {
        let place = option_place(cx, text, &span, option);
        let message = format!("`{option}` cannot be used in a stream: {reason}");
        cx.push(
            Diagnostic::at(place, message).label("expected none of `default_server`, `http2` and `http3`"),
        );
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

/// Where an option stands.
fn option_place(cx: &mut Context, text: &str, span: &Range<usize>, option: &str) -> Range<usize> {
    let at = words(text).find(|(_, word)| *word == option).map_or(0, |(at, _)| at);
    cx.inside(span, text, at..at + option.len())
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
    let ip: IpAddr = bare.parse().map_err(|_| problem("invalid IP address"))?;
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
            ("udp", None) => self.udp = true,
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
                    let message = format!("invalid backlog `{value}`");
                    return Some(Diagnostic::at(place, message).label("expected a number from 1 to 65535"));
                }
            }
            ("ipv6only", Some("on")) => self.ipv6only = Some(true),
            ("ipv6only", Some("off")) => self.ipv6only = Some(false),
            ("ipv6only", Some(value)) => {
                let message = format!("unknown value `{value}`");
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
        self.become_udp(
            "`http3` cannot be used with a unix socket",
            [
                (self.tls, "`tls` cannot be used with `http3`, which always uses TLS"),
                (self.http2, "`http2` cannot be used with `http3`, which uses UDP"),
                (self.proxy_protocol, "`proxy_protocol` cannot be used with `http3`, which uses UDP"),
                (self.backlog.is_some(), "`backlog` cannot be used with `http3`, which uses UDP"),
            ],
        )?;
        self.tls = true;
        Ok(())
    }

    /// `udp` has no connections.
    fn become_datagrams(&mut self) -> Result<(), &'static str> {
        self.become_udp(
            "`udp` cannot be used with a unix socket",
            [
                (self.http3, "`http3` cannot be used with `udp`"),
                (self.tls, "`tls` cannot be used with `udp`"),
                (self.http2, "`http2` cannot be used with `udp`"),
                (self.proxy_protocol, "`proxy_protocol` cannot be used with `udp`"),
                (self.backlog.is_some(), "`backlog` cannot be used with `udp`"),
            ],
        )
    }

    /// Its address is one of UDP, unless something is there that cannot be: each with what is said of it.
    fn become_udp<const N: usize>(
        &mut self,
        on_unix: &'static str,
        other: [(bool, &'static str); N],
    ) -> Result<(), &'static str> {
        let ListenAddress::Tcp(address) = self.address else { return Err(on_unix) };
        if let Some((_, message)) = other.into_iter().find(|(is_there, _)| *is_there) {
            return Err(message);
        }
        self.address = ListenAddress::Udp(address);
        Ok(())
    }

    pub(crate) fn is_ipv6(&self) -> bool {
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
