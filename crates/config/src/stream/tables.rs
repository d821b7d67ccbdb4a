//! The keys of `[[stream]]`.

use super::pass;
use crate::key::{Key, Kind, Need, Table};
use crate::{access, api, limit, retry, settings, tls, upstream, upstream_tls};

pub(crate) static TABLE: Table = Table {
    name: "stream",
    doc: "TCP and UDP that are passed on: whatever clients speak, connections are joined with those to a server. Where one side is cut, so is the other, with a reset; TLS that lacks its last word is taken for an end. \
          Of UDP, what a client sends from one port to one of the addresses is a session, until nothing has passed for `timeout.idle`, or until all that is expected has come (`responses`): its datagrams go to one \
          server, whose datagrams go back, each as it is, up to 64 KiB, from the address that the client asked. What finds no room in a socket is lost, as in any network. A server that refuses (ICMP) has failed: \
          unless it had answered, the first datagrams of the session, up to `buffer_size` and eight of them, go to another one (`retry`). Each worker has a socket of its own, whatever `reuseport` says. Sessions go on \
          over a reload that keeps their address; with one that takes it away they end. With USR2 whatever clients send is for the new process, where it begins sessions; what servers answer in those of the old one goes out still. \
          Nothing is inherited from `[defaults]`.",
    keys: &[
        Key {
            name: "listen",
            kind: Kind::List(&Kind::Text {
                hint: "an address with a port such as \"3306\", \"127.0.0.1:3306\", \"[::]:853\" or \"unix:/path\"",
            }),
            need: Need::Required,
            nginx: "listen",
            doc: "Addresses, as of a server, each with options: tls, proxy_protocol (connections begin with its header, version 1 or 2), reuseport, \
                  backlog=N, ipv6only=on|off; udp, beside which only reuseport and ipv6only may stand: TCP and UDP of one port are two, as in `listen = [\"53\", \"53 udp\"]`. No server and no other stream may have the same.",
        },
        Key {
            name: "proxy_pass",
            kind: Kind::Url { hint: pass::EXPECTED },
            need: Need::Optional,
            nginx: "proxy_pass, proxy_ssl",
            doc: "The server: an upstream's name, \"host:port\", \"unix:/path\", or variables that give one of these; after `tls://`, TLS is spoken to it.",
        },
        Key {
            name: "return",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "return",
            doc: "In the place of `proxy_pass`: what clients are sent before their connection ends; over UDP, a datagram for each of theirs.",
        },
        Key {
            name: "preread",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssl_preread",
            doc: "Whether it is read of the first bytes which name and which protocols a client of TLS asks for ($ssl_preread_server_name), before anything is \
                  passed on. TLS does not end here for it.",
        },
        Key {
            name: "preread_buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "preread_buffer_size",
            doc: "How much is read for that at most; a client that sends more, and has not said it yet, is refused (400).",
        },
        Key {
            name: "buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "proxy_buffer_size",
            doc: "How much of what one end sends is kept at most until the other one takes it, each way; of UDP, how much of what a client sends is kept until a server is known to be there.",
        },
        Key {
            name: "responses",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Optional,
            nginx: "proxy_responses",
            doc: "UDP: how many datagrams of the server answer one of the client's. When as many have come, the session is over; when they have not within `timeout.idle`, the server has failed (502). 0: none are \
                  expected, and a session is over when its datagrams are sent. Not written: nobody knows, and sessions last until nothing passes.",
        },
        Key {
            name: "requests",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("0"),
            nginx: "proxy_requests",
            doc: "UDP: after how many datagrams of a client the next one begins another session, maybe with another server, while the first one waits for its `responses`, which are counted only then; 0: never.",
        },
        Key {
            name: "half_close",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_half_close",
            doc: "Whether one way stays open when the other one has ended; else both end when all that came before is written.",
        },
        Key {
            name: "real_ip_from",
            kind: Kind::List(&Kind::Text {
                hint: "a network such as \"10.0.0.0/8\", an address, or \"unix:\"",
            }),
            need: Need::Default("[]"),
            nginx: "set_real_ip_from",
            doc: "Peers whose PROXY protocol is believed: the client's address is the one that it tells.",
        },
        api::STREAM_ZONE,
        settings::RESOLVER,
        Key {
            name: "timeout",
            kind: Kind::Table(&TIMEOUT),
            need: Need::Optional,
            nginx: "",
            doc: "How long to wait.",
        },
        Key {
            name: "retry",
            kind: Kind::Table(&RETRY),
            need: Need::Optional,
            nginx: "",
            doc: "When another server is tried.",
        },
        Key {
            name: "limit",
            kind: Kind::Table(&LIMIT),
            need: Need::Optional,
            nginx: "",
            doc: "How much is allowed.",
        },
        Key {
            name: "access",
            kind: Kind::Table(&ACCESS),
            need: Need::Optional,
            nginx: "",
            doc: "Who may connect.",
        },
        Key {
            name: "tls",
            kind: Kind::Table(&tls::TABLE),
            need: Need::Optional,
            nginx: "",
            doc: "TLS towards clients, where `listen` says `tls`. It has no `acme`: a server's.",
        },
        Key {
            name: "upstream",
            kind: Kind::Table(&UPSTREAM),
            need: Need::Optional,
            nginx: "",
            doc: "How the server is connected to.",
        },
        Key {
            doc: "A line for each connection, when it is over. Without any, nothing is logged.",
            ..settings::ACCESS_LOG
        },
        Key { doc: "Where trouble with its connections is reported instead.", ..settings::ERROR_LOG },
    ],
    unbuilt: &[],
};

pub(crate) const TIMEOUT: Table = Table {
    name: "stream.timeout",
    doc: "How long to wait.",
    keys: &[
        Key {
            name: "connect",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "proxy_connect_timeout",
            doc: "Time for a connection to the server, with its TLS handshake.",
        },
        Key {
            name: "idle",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10m\""),
            nginx: "proxy_timeout",
            doc: "How long nothing may pass either way before both connections are closed, or a session of UDP ends.",
        },
        Key {
            name: "preread",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"30s\""),
            nginx: "preread_timeout",
            doc: "Time for what `preread` reads.",
        },
        Key {
            name: "proxy_protocol",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"30s\""),
            nginx: "proxy_protocol_timeout",
            doc: "Time for the header of a client's PROXY protocol.",
        },
        Key {
            name: "handshake",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "ssl_handshake_timeout",
            doc: "Time for a TLS handshake with a client.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const RETRY: Table = Table {
    name: "stream.retry",
    doc: "When another server of the upstream is tried.",
    keys: &[
        Key {
            name: "on",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_next_upstream",
            doc: "Whether another one is tried when one cannot be connected to.",
        },
        Key {
            name: "tries",
            kind: Kind::Integer { min: 0, max: 1000 },
            need: Need::Default("0"),
            nginx: "proxy_next_upstream_tries",
            doc: "How many are tried, the first one included; 0: each once.",
        },
        retry::TIMEOUT,
    ],
    unbuilt: &[],
};

pub(crate) const LIMIT: Table = Table {
    name: "stream.limit",
    doc: "How much is allowed.",
    keys: &[
        Key {
            name: "upload_rate",
            kind: limit::AMOUNT,
            need: Need::Default("\"off\""),
            nginx: "proxy_upload_rate",
            doc: "How fast a client's bytes are read: \"100k\" each second; \"off\" or 0: as fast as the server takes them. It is of each connection. Datagrams are never parted: while one is paid for, those of the client are lost.",
        },
        Key {
            name: "download_rate",
            kind: limit::AMOUNT,
            need: Need::Default("\"off\""),
            nginx: "proxy_download_rate",
            doc: "The same of the server's, whose datagrams wait in the session's socket.",
        },
        Key {
            name: "sessions",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("8192"),
            nginx: "",
            doc: "UDP: how many sessions each worker has at once at each address, a socket each. Datagrams that would begin more are dropped, and the error log says how many.",
        },
        Key {
            name: "connections",
            kind: Kind::List(&Kind::Table(&limit::CONNECTIONS)),
            need: Need::Default("[]"),
            nginx: "limit_conn",
            doc: "How many connections there may be at once: [{ zone = \"NAME\", max = 10 }]. One that is too many is closed (503).",
        },
        Key {
            name: "connections_dry_run",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "limit_conn_dry_run",
            doc: "Whether those are only counted and told of.",
        },
        Key {
            name: "connections_log_level",
            kind: limit::LOG_LEVELS,
            need: Need::Default("\"error\""),
            nginx: "limit_conn_log_level",
            doc: "How the error log tells of them.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const ACCESS: Table = Table {
    name: "stream.access",
    doc: "Who may connect.",
    keys: &[Key {
        name: "rules",
        kind: access::RULES,
        need: Need::Default("[]"),
        nginx: "allow, deny",
        doc: "By address: [\"allow 10.0.0.0/8\", \"allow unix:\", \"deny all\"]. The first that means the client counts; whoever may not is closed \
              at once (403). Who is meant by none may connect.",
    }],
    unbuilt: &[],
};

pub(crate) const UPSTREAM: Table = Table {
    name: "stream.upstream",
    doc: "How the server is connected to.",
    keys: &[
        upstream::BIND,
        Key {
            doc: "Whether connections begin with a header of the PROXY protocol, of version 1 (true) or 2.",
            nginx: "proxy_protocol",
            ..upstream::PROXY_PROTOCOL
        },
        upstream::SOCKET_KEEPALIVE,
        Key {
            name: "tls",
            kind: Kind::Table(&upstream_tls::TLS),
            need: Need::Default("{}"),
            nginx: "",
            doc: "TLS towards the server, where `proxy_pass` says `tls://`.",
        },
    ],
    unbuilt: &[],
};
