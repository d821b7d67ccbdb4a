//! The keys of `[[stream]]`.

use super::pass;
use crate::key::{Key, Kind, Need, Table};
use crate::{access, api, limit, retry, settings, tls, upstream, upstream_tls};

pub(crate) static TABLE: Table = Table {
    name: "stream",
    doc: "Proxies TCP connections and UDP sessions to a server, whatever protocol they carry. If one side of a TCP connection is reset, the other side is reset too; TLS that ends without close_notify counts as \
          closed. A UDP session consists of the datagrams that one client sends from one port to one of the addresses, and of the server's answers. It ends when nothing has passed for `timeout.idle`, or when all \
          expected answers have come (`responses`). Datagrams are forwarded unchanged, up to 64 KiB, and answers leave from the address that the client sent to; a datagram that finds a full socket buffer is lost. If the \
          server refuses (ICMP port unreachable) before it has answered, what the client has sent is sent to another server (`retry`), provided that it fits into eight datagrams and `buffer_size` bytes; \
          otherwise the session ends with 502. UDP sockets are always one per \
          worker, whatever `reuseport` says. UDP sessions survive a reload that keeps their address and end with one that removes it. Between USR2 and QUIT \
          the old and the new process read from the same sockets, and a client may have a session in each; after QUIT datagrams of clients go to the new process alone, and answers to the old process's \
          sessions are still delivered. While a process drains, its sessions continue until they end or `runtime.shutdown_timeout` cuts them. Nothing is inherited from `[defaults]`.",
    keys: &[
        Key {
            name: "listen",
            kind: Kind::List(&Kind::Text {
                hint: "an address with a port such as \"3306\", \"127.0.0.1:3306\", \"[::]:853\" or \"unix:/path\"",
            }),
            need: Need::Required,
            nginx: "listen",
            doc: "Addresses to listen on, each with options: tls, proxy_protocol (connections begin with a PROXY protocol header, version 1 or 2), reuseport, \
                  backlog=N, ipv6only=on|off, udp (only with reuseport and ipv6only). TCP and UDP on the same port are two entries: `listen = [\"53\", \"53 udp\"]`. An address cannot be shared with a server or \
                  another stream.",
        },
        Key {
            name: "proxy_pass",
            kind: Kind::Url { hint: pass::EXPECTED },
            need: Need::Optional,
            nginx: "proxy_pass, proxy_ssl",
            doc: "The server to connect to: an upstream's name, \"host:port\", \"unix:/path\", or variables that evaluate to one of these. The prefix `tls://` enables TLS to the server.",
        },
        Key {
            name: "return",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "return",
            doc: "Instead of `proxy_pass`: sends this text to the client and closes the connection. Over UDP, answers each datagram with it.",
        },
        Key {
            name: "preread",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "ssl_preread",
            doc: "Whether to read the server name (SNI) and the ALPN protocols from a TLS ClientHello before the connection is proxied: $ssl_preread_server_name and the like. TLS is not \
                  terminated.",
        },
        Key {
            name: "preread_buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "preread_buffer_size",
            doc: "The most that `preread` reads. A client whose ClientHello is longer is refused (400).",
        },
        Key {
            name: "buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"16k\""),
            nginx: "proxy_buffer_size",
            doc: "The buffer for each direction of a connection. For UDP, how many bytes of a client's datagrams, eight at most, are kept until a server \
                  has been chosen and has answered. The first datagram is always forwarded, however long; further ones that \
                  exceed this before a server is chosen are lost.",
        },
        Key {
            name: "responses",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Optional,
            nginx: "proxy_responses",
            doc: "UDP: how many datagrams the server sends in answer to each of the client's. The session ends when they have all come; if they do not come within `timeout.idle`, the server has failed (502). 0: no answers are \
                  expected, and the session ends when its datagrams have been sent. If unset, sessions last until they are idle.",
        },
        Key {
            name: "requests",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("0"),
            nginx: "proxy_requests",
            doc: "UDP: after this many datagrams of a client, the next one begins a new session, possibly with another server. The old session ends when its `responses` have come; they are counted only from then on. 0: never.",
        },
        Key {
            name: "half_close",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_half_close",
            doc: "Whether one direction stays open after the other one has ended. Otherwise both are closed once everything received has been written.",
        },
        Key {
            name: "real_ip_from",
            kind: Kind::List(&Kind::Text {
                hint: "a network such as \"10.0.0.0/8\", an address, or \"unix:\"",
            }),
            need: Need::Default("[]"),
            nginx: "set_real_ip_from",
            doc: "Trusted peers: the client address in their PROXY protocol header is used as the client's address.",
        },
        api::STREAM_ZONE,
        settings::RESOLVER,
        Key {
            name: "timeout",
            kind: Kind::Table(&TIMEOUT),
            need: Need::Optional,
            nginx: "",
            doc: "Timeouts.",
        },
        Key {
            name: "retry",
            kind: Kind::Table(&RETRY),
            need: Need::Optional,
            nginx: "",
            doc: "When to try another server.",
        },
        Key {
            name: "limit",
            kind: Kind::Table(&LIMIT),
            need: Need::Optional,
            nginx: "",
            doc: "Limits on rates and connections.",
        },
        Key {
            name: "access",
            kind: Kind::Table(&ACCESS),
            need: Need::Optional,
            nginx: "",
            doc: "Which clients may connect.",
        },
        Key {
            name: "tls",
            kind: Kind::Table(&tls::TABLE),
            need: Need::Optional,
            nginx: "",
            doc: "TLS towards clients, for addresses with `tls`. `acme` is not available here.",
        },
        Key {
            name: "upstream",
            kind: Kind::Table(&UPSTREAM),
            need: Need::Optional,
            nginx: "",
            doc: "How to connect to the server.",
        },
        Key {
            doc: "Writes a line for each connection or session when it ends. By default nothing is logged.",
            ..settings::ACCESS_LOG
        },
        Key {
            doc: "An error log for this stream's connections, instead of the process's.",
            ..settings::ERROR_LOG
        },
    ],
    unbuilt: &[],
};

pub(crate) const TIMEOUT: Table = Table {
    name: "stream.timeout",
    doc: "Timeouts.",
    keys: &[
        Key {
            name: "connect",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "proxy_connect_timeout",
            doc: "For connecting to the server, including the TLS handshake.",
        },
        Key {
            name: "idle",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"10m\""),
            nginx: "proxy_timeout",
            doc: "How long a connection may be idle in both directions before it is closed, or a UDP session ends.",
        },
        Key {
            name: "preread",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"30s\""),
            nginx: "preread_timeout",
            doc: "For reading the ClientHello (`preread`).",
        },
        Key {
            name: "proxy_protocol",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"30s\""),
            nginx: "proxy_protocol_timeout",
            doc: "For reading a client's PROXY protocol header.",
        },
        Key {
            name: "handshake",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "ssl_handshake_timeout",
            doc: "For a TLS handshake with a client.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const RETRY: Table = Table {
    name: "stream.retry",
    doc: "When to try another server of the upstream.",
    keys: &[
        Key {
            name: "on",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_next_upstream",
            doc: "Whether to try another server if connecting to one fails or, over UDP, if it refuses.",
        },
        Key {
            name: "tries",
            kind: Kind::Integer { min: 0, max: 1000 },
            need: Need::Default("0"),
            nginx: "proxy_next_upstream_tries",
            doc: "How many servers to try, including the first one. 0: each of them once.",
        },
        retry::TIMEOUT,
    ],
    unbuilt: &[],
};

pub(crate) const LIMIT: Table = Table {
    name: "stream.limit",
    doc: "Limits on rates and connections.",
    keys: &[
        Key {
            name: "upload_rate",
            kind: limit::AMOUNT,
            need: Need::Default("\"off\""),
            nginx: "proxy_upload_rate",
            doc: "The rate at which a client's data is read, per connection: \"100k\" is bytes per second; \"off\" or 0: no limit. Datagrams are never split: while the rate is exceeded, further datagrams of the client are dropped.",
        },
        Key {
            name: "download_rate",
            kind: limit::AMOUNT,
            need: Need::Default("\"off\""),
            nginx: "proxy_download_rate",
            doc: "The rate at which the server's data is read, per connection. Datagrams wait in the session's socket meanwhile.",
        },
        Key {
            name: "sessions",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("8192"),
            nginx: "",
            doc: "UDP: the most concurrent sessions per worker and address; each uses a socket. Datagrams that would begin more are dropped and reported in the error log.",
        },
        Key {
            name: "connections",
            kind: Kind::List(&Kind::Table(&limit::CONNECTIONS)),
            need: Need::Default("[]"),
            nginx: "limit_conn",
            doc: "The most concurrent connections: [{ zone = \"NAME\", max = 10 }]. Connections above the limit are closed (503).",
        },
        Key {
            name: "connections_dry_run",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "limit_conn_dry_run",
            doc: "Whether connections above the limit are only counted and logged, not closed.",
        },
        Key {
            name: "connections_log_level",
            kind: limit::LOG_LEVELS,
            need: Need::Default("\"error\""),
            nginx: "limit_conn_log_level",
            doc: "The level at which connections above the limit are logged.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const ACCESS: Table = Table {
    name: "stream.access",
    doc: "Access rules.",
    keys: &[Key {
        name: "rules",
        kind: access::RULES,
        need: Need::Default("[]"),
        nginx: "allow, deny",
        doc: "Rules by client address: [\"allow 10.0.0.0/8\", \"allow unix:\", \"deny all\"]. The first matching rule decides; a denied client is disconnected \
              at once (403). A client that matches no rule may connect.",
    }],
    unbuilt: &[],
};

pub(crate) const UPSTREAM: Table = Table {
    name: "stream.upstream",
    doc: "How to connect to the server.",
    keys: &[
        upstream::BIND,
        Key {
            doc: "Whether connections to the server begin with a PROXY protocol header: version 1 (true) or 2.",
            nginx: "proxy_protocol",
            ..upstream::PROXY_PROTOCOL
        },
        upstream::SOCKET_KEEPALIVE,
        Key {
            name: "tls",
            kind: Kind::Table(&upstream_tls::TLS),
            need: Need::Default("{}"),
            nginx: "",
            doc: "TLS towards the server, if `proxy_pass` begins with `tls://`.",
        },
    ],
    unbuilt: &[],
};
