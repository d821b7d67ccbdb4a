//! `listen` in all its forms.

use std::net::{IpAddr, ToSocketAddrs};

use crate::args::{duration, invalid};
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::Value;
use crate::tree::Directive;

/// In `http`.
pub(crate) fn listen(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let quic = directive.args().iter().skip(1).any(|word| word.text == "quic");
    listen_on(convert, directive, if quic { On::Quic } else { On::Tcp })
}

/// In `stream`.
pub(crate) fn of_stream(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let udp = directive.args().iter().skip(1).any(|word| word.text == "udp");
    if udp && directive.arg(0).starts_with("unix:") {
        return refuse("`udp` requires an IP address: unix sockets are not supported");
    }
    listen_on(convert, directive, if udp { On::Udp } else { On::Tcp })
}

/// What is listened on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Tcp,
    Quic,
    Udp,
}

impl On {
    /// Whether the parameter is nothing for it, and what nginx calls it.
    fn incompatible(self, name: &str, has_value: bool) -> Option<&'static str> {
        match (self, name, has_value) {
            (Self::Quic, "ssl" | "http2" | "proxy_protocol", false) => Some("quic"),
            (Self::Udp, "ssl" | "proxy_protocol" | "deferred", false)
            | (Self::Udp, "backlog" | "fastopen" | "so_keepalive", true) => Some("udp"),
            _ => None,
        }
    }
}

fn listen_on(convert: &mut Convert<'_>, directive: &Directive, on: On) -> Outcome {
    let (options, mut notes) = options(directive, on)?;
    let addresses = addresses(directive)?;
    if addresses.by_name {
        notes.push("the host name was resolved during the conversion");
    }
    for address in addresses.all {
        let text = std::iter::once(address.as_str()).chain(options.iter().map(String::as_str));
        let text = text.collect::<Vec<_>>().join(" ");
        let value = Value::text(text).at(&directive.place);
        convert.push(Target::Here, &["listen"], value, &directive.place);
    }
    notes.dedup();
    if notes.is_empty() { Ok(Done::AsWritten) } else { different(notes.join("; ")) }
}

struct Addresses {
    all: Vec<String>,
    by_name: bool,
}

fn addresses(directive: &Directive) -> Result<Addresses, Stop> {
    let text = directive.arg(0);
    let fixed = |all| Ok(Addresses { all, by_name: false });
    if text.starts_with("unix:") {
        return fixed(vec![text.to_owned()]);
    }
    let wrong =
        |what: &str| invalid(directive, 0, format!("{what} in \"{text}\" of the \"listen\" directive"));
    let (host, ports) = match text.rsplit_once(':') {
        Some((host, port)) if !(host.is_empty() || text.starts_with('[') && text.ends_with(']')) => {
            (host, Some(port))
        }
        _ if text.starts_with(|first: char| first.is_ascii_digit()) && !text.contains('.') => {
            ("", Some(text))
        }
        _ => (text, None),
    };
    let (first, last) = match ports.map(|ports| ports.split_once('-').unwrap_or((ports, ports))) {
        None => (80, 80),
        Some((first, last)) => {
            let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
            let (Some(first), Some(last)) = (port(first), port(last)) else {
                return Err(wrong(if first == last { "invalid port" } else { "invalid port range" }));
            };
            if last < first {
                return Err(wrong("invalid port range"));
            }
            (first, last)
        }
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let hosts: Vec<String> = if host.is_empty() || host == "*" {
        vec![String::new()]
    } else if let Ok(ip) = bare.parse::<IpAddr>() {
        vec![if ip.is_ipv6() { format!("[{ip}]:") } else { format!("{ip}:") }]
    } else {
        let Ok(found) = (host, first).to_socket_addrs() else {
            return Err(wrong("host not found"));
        };
        let mut hosts: Vec<String> = found
            .map(|address| match address.ip() {
                IpAddr::V4(ip) => format!("{ip}:"),
                IpAddr::V6(ip) => format!("[{ip}]:"),
            })
            .collect();
        hosts.dedup();
        let all = pairs(&hosts, first, last);
        return Ok(Addresses { all, by_name: true });
    };
    fixed(pairs(&hosts, first, last))
}

fn pairs(hosts: &[String], first: u16, last: u16) -> Vec<String> {
    (first..=last).flat_map(|port| hosts.iter().map(move |host| format!("{host}{port}"))).collect()
}

/// The parameters that mean something here, and what is different.
fn options(directive: &Directive, on: On) -> Result<(Vec<String>, Vec<&'static str>), Stop> {
    const SOCKET: &str = "parameters of socket buffers and timers are ignored: the kernel's settings apply";
    let mut options = Vec::new();
    let mut notes = Vec::new();
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        let (name, value) =
            word.text.split_once('=').map_or((&*word.text, None), |(name, value)| (name, Some(value)));
        if let Some(other) = on.incompatible(name, value.is_some()) {
            let message = format!("\"{name}\" parameter is incompatible with \"{other}\"");
            return Err(invalid(directive, index, message));
        }
        let unknown = || invalid(directive, index, format!("invalid parameter \"{}\"", word.text));
        match (name, value) {
            ("default_server" | "default", None) => options.push("default_server".to_owned()),
            ("ssl", None) => options.push("tls".to_owned()),
            ("reuseport", None) => options.push("reuseport".to_owned()),
            ("backlog", Some(value)) => match value.parse::<u32>() {
                Ok(count) if count > 0 && on == On::Quic => {
                    notes.push("`backlog` is ignored: UDP has no backlog")
                }
                Ok(count) if count > 0 => options.push(format!("backlog={}", count.min(65535))),
                _ => return Err(invalid(directive, index, format!("invalid backlog \"{value}\""))),
            },
            ("ipv6only", Some(value @ ("on" | "off"))) => {
                if directive.arg(0).starts_with('[') {
                    options.push(format!("ipv6only={value}"));
                } else {
                    let message = format!("ipv6only is not supported on addr \"{}\"", directive.arg(0));
                    return Err(invalid(directive, index, message));
                }
            }
            ("ipv6only", Some(value)) => {
                return Err(invalid(directive, index, format!("invalid ipv6only flags \"{value}\"")));
            }
            ("bind", None) => {}
            ("http2", None) => options.push("http2".to_owned()),
            ("proxy_protocol", None) => options.push("proxy_protocol".to_owned()),
            ("spdy", None) => {
                notes.push("SPDY is obsolete: clients use HTTP/2 if `http2` is set, otherwise HTTP/1.1")
            }
            ("so_keepalive", Some(value)) => {
                let times = value.split(':').all(|part| part.is_empty() || duration(part).is_some());
                if value != "on" && value != "off" && !times {
                    return Err(invalid(
                        directive,
                        index,
                        format!("invalid so_keepalive value: \"{value}\""),
                    ));
                }
                notes.push(SOCKET);
            }
            ("rcvbuf" | "sndbuf", Some(value)) => {
                if propylon_config::size(value).is_err() {
                    return Err(invalid(directive, index, format!("invalid {name} \"{value}\"")));
                }
                notes.push(SOCKET);
            }
            ("setfib" | "fastopen", Some(value)) => {
                if value.parse::<u32>().is_err() {
                    return Err(invalid(directive, index, format!("invalid {name} \"{value}\"")));
                }
                notes.push(SOCKET);
            }
            ("accept_filter", Some(_)) | ("deferred" | "multipath", None) => notes.push(SOCKET),
            ("udp", None) if on == On::Udp => options.push("udp".to_owned()),
            ("quic", None) => options.push("http3".to_owned()),
            _ => return Err(unknown()),
        }
    }
    Ok((options, notes))
}
