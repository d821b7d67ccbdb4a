//! What is of streams that listen on UDP, and what is not.

use propylon_config::{STREAM_KEYS_OF_TCP, STREAM_KEYS_OF_UDP};

use crate::convert::Convert;
use crate::document::Section;
use crate::place::Place;

const PROXY_PROTOCOL: &[&str] = &["upstream", "proxy_protocol"];
const HEADER: &str =
    "the PROXY protocol is not sent over UDP: remove `proxy_protocol` from servers that listen on UDP";
const REAL_IP: &str =
    "the PROXY protocol is not received over UDP: remove `set_real_ip_from` from servers that listen on UDP";
const SECURE: &str = "`proxy_ssl` applies only to TCP: use separate `server` blocks for TCP and UDP";

/// Where a stream listens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Listens {
    Tcp,
    Udp,
    Both,
}

impl Listens {
    pub(super) fn of(stream: &Section) -> Self {
        let all = stream.texts(&["listen"]);
        let udp = all.iter().filter(|listen| listen.split(' ').any(|word| word == "udp")).count();
        match udp {
            0 => Self::Tcp,
            udp if udp == all.len() => Self::Udp,
            _ => Self::Both,
        }
    }
}

/// Leaves out what means nothing where a stream listens. Gives what cannot be had there, and why.
pub(super) fn settle(
    stream: &mut Section,
    is_secure: bool,
    secured: Option<Place>,
) -> Vec<(Place, &'static str)> {
    let listens = Listens::of(stream);
    let mut refused = Vec::new();
    if listens != Listens::Tcp && stream.is_on(PROXY_PROTOCOL) {
        refused.extend(stream.stands_at(PROXY_PROTOCOL).cloned().map(|place| (place, HEADER)));
    }
    if listens == Listens::Udp && stream.has(&["real_ip_from"]) {
        refused.extend(stream.stands_at(&["real_ip_from"]).cloned().map(|place| (place, REAL_IP)));
    }
    if listens == Listens::Both && is_secure {
        refused.extend(secured.map(|place| (place, SECURE)));
    }
    let without: &[&[&str]] = match listens {
        Listens::Tcp => &STREAM_KEYS_OF_UDP,
        Listens::Udp => &STREAM_KEYS_OF_TCP,
        Listens::Both => &[],
    };
    without.iter().for_each(|path| stream.remove_all(path));
    refused
}

/// Tells of what cannot be had.
pub(super) fn refuse(convert: &mut Convert<'_>, refused: Vec<(Place, &'static str)>) {
    for (place, why) in refused {
        convert.refuse_after_all(&place, why);
    }
}
