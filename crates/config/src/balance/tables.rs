//! The keys of the tables.

use super::health::HEALTH_CHECK;
use super::sticky::STICKY;
use crate::key::{Key, Kind, Need, Table};

const COUNT: Kind = Kind::Integer { min: 0, max: u32::MAX as u64 };

pub(super) const fn flag(name: &'static str, nginx: &'static str, doc: &'static str) -> Key {
    Key { name, kind: Kind::Bool, need: Need::Default("false"), nginx, doc }
}

pub(super) const SERVER: Table = Table {
    name: "upstream.NAME.server",
    doc: "One server of the group.",
    keys: &[
        Key {
            name: "address",
            kind: Kind::Text { hint: "\"host\", \"host:port\" or \"unix:/path\"" },
            need: Need::Required,
            nginx: "server",
            doc: "\"host\", \"host:port\" or \"unix:/path\". Default port: 80. All addresses of a name are used.",
        },
        Key {
            name: "weight",
            kind: Kind::Integer { min: 1, max: 65_535 },
            need: Need::Default("1"),
            nginx: "server ... weight=",
            doc: "The server's share of the requests, relative to the other servers.",
        },
        Key {
            name: "max_conns",
            kind: COUNT,
            need: Need::Default("0"),
            nginx: "server ... max_conns=",
            doc: "The maximum number of requests in flight, over all workers; 0: unlimited.",
        },
        Key {
            name: "max_fails",
            kind: COUNT,
            need: Need::Default("1"),
            nginx: "server ... max_fails=",
            doc: "The number of failures within `fail_timeout` that makes the server unavailable; 0: failures are not counted. The only \
                  server of a group is never unavailable.",
        },
        Key {
            name: "fail_timeout",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"10s\""),
            nginx: "server ... fail_timeout=",
            doc: "The time within which failures are counted, and for which the server is then unavailable. If all servers fail one after \
                  the other within this time, requests get 502 until it is over for one of them, as with nginx, even if others have \
                  recovered. Where servers are restarted in turn, make it shorter than one round of restarts, or increase `max_fails`.",
        },
        Key {
            name: "slow_start",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "server ... slow_start=",
            doc: "How long the server's share takes to grow from zero to its full value after it has recovered.",
        },
        flag(
            "backup",
            "server ... backup",
            "Gets requests only when none of the non-backup servers is available.",
        ),
        flag("down", "server ... down", "Takes the server out of service."),
        flag(
            "drain",
            "server ... drain",
            "Drains the server: it gets only requests of `sticky` clients that are bound to it.",
        ),
        Key {
            name: "route",
            kind: Kind::Text { hint: "1 to 32 visible ASCII characters" },
            need: Need::Optional,
            nginx: "server ... route=",
            doc: "The name of the server for `sticky`. Default: the MD5 of its address.",
        },
        flag(
            "resolve",
            "server ... resolve",
            "Keeps resolving the name, and updates the server's addresses when DNS changes.",
        ),
        Key {
            name: "service",
            kind: Kind::Text { hint: "the name of a service, such as \"http\"" },
            need: Need::Optional,
            nginx: "server ... service=",
            doc: "The service whose SRV records list the servers, with `resolve`; \"http\" means `_http._tcp` before the name. The records \
                  with the lowest priority value are the servers, the others are backups.",
        },
    ],
    unbuilt: &[],
};

pub(super) const METHOD: Table = Table {
    name: "upstream.NAME.method",
    doc: "A balancing method with parameters: one of `hash`, `random` and `least_time`.",
    keys: &[
        Key {
            name: "hash",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "hash",
            doc: "The key; requests with the same key go to the same server.",
        },
        flag(
            "consistent",
            "hash ... consistent",
            "Consistent hashing (ketama): most keys keep their server when servers are added or removed.",
        ),
        Key {
            name: "random",
            kind: Kind::Choice { built: &["two"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "random two",
            doc: "\"two\": picks two servers at random and uses the better one.",
        },
        Key {
            name: "by",
            kind: Kind::Choice {
                built: &["least_conn", "least_time=header", "least_time=last_byte"],
                unbuilt: &[],
            },
            need: Need::Default("\"least_conn\""),
            nginx: "random two ...",
            doc: "How the two servers are compared.",
        },
        Key {
            name: "least_time",
            kind: Kind::Choice { built: &["header", "last_byte"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "least_time",
            doc: "Chooses the server with the lowest average time to the response head, or to the last byte.",
        },
        flag("inflight", "least_time ... inflight", "Also counts requests in flight."),
    ],
    unbuilt: &[],
};

pub(super) const QUEUE: Table = Table {
    name: "upstream.NAME.queue",
    doc: "A queue for requests that arrive while all servers have reached `max_conns`.",
    keys: &[
        Key {
            name: "size",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Required,
            nginx: "queue",
            doc: "The maximum number of waiting requests; any more get 503.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "queue ... timeout=",
            doc: "The maximum time that a request waits; after that it gets 504 (a connection of a stream: 502).",
        },
    ],
    unbuilt: &[],
};

pub(super) const UPSTREAM: Table = Table {
    name: "upstream.NAME",
    doc: "A group of servers, which `proxy_pass` refers to as NAME.",
    keys: &[
        Key {
            name: "server",
            kind: Kind::List(&Kind::Table(&SERVER)),
            need: Need::Optional,
            nginx: "server",
            doc: "The servers, at least one unless `state` is set.",
        },
        Key {
            name: "state",
            kind: Kind::Text { hint: "a file path" },
            need: Need::Optional,
            nginx: "state",
            doc: "A file that keeps the servers that operators add (docs/admin.md). It is read at the start and written at each change; a \
                  missing file holds no servers. It is TOML, `server = […]` as here, rather than nginx's format. If unset, added servers are \
                  lost when the process ends.",
        },
        Key {
            name: "method",
            kind: Kind::Either(&[
                Kind::Choice {
                    built: &["round_robin", "least_conn", "ip_hash", "random", "peak_ewma"],
                    unbuilt: &[],
                },
                Kind::Table(&METHOD),
            ]),
            need: Need::Default("\"round_robin\""),
            nginx: "least_conn, ip_hash, hash, random, least_time",
            doc: "How a server is chosen for a request.",
        },
        Key {
            name: "queue",
            kind: Kind::Table(&QUEUE),
            need: Need::Optional,
            nginx: "queue",
            doc: "A queue for requests that arrive while all servers have reached `max_conns`. If unset, these requests fail.",
        },
        Key {
            name: "sticky",
            kind: Kind::Table(&STICKY),
            need: Need::Optional,
            nginx: "sticky",
            doc: "Session affinity: clients return to the server that they had before.",
        },
        Key {
            name: "zone",
            kind: Kind::Text { hint: "a name and optionally a size, such as \"backend 64k\"" },
            need: Need::Optional,
            nginx: "zone",
            doc: "Has no effect, and is accepted because nginx's files have it: the state of servers is always shared by all workers, is \
                  kept across reloads, and takes the memory that it needs.",
        },
        Key {
            name: "resolver",
            kind: crate::resolver::KIND,
            need: Need::Optional,
            nginx: "resolver",
            doc: "The resolver for the names of servers with `resolve`. Default: the `resolver` of the file.",
        },
        Key {
            name: "health_check",
            kind: Kind::Table(&HEALTH_CHECK),
            need: Need::Optional,
            nginx: "health_check",
            doc: "Active health checks. If unset, only the outcomes of requests are used.",
        },
        Key {
            name: "keepalive",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("32"),
            nginx: "keepalive",
            doc: "The maximum number of idle connections that each worker keeps; 0: none.",
        },
        Key {
            name: "keepalive_requests",
            kind: Kind::Integer { min: 1, max: u64::MAX },
            need: Need::Default("1000"),
            nginx: "keepalive_requests",
            doc: "The number of requests after which a connection is closed.",
        },
        Key {
            name: "keepalive_time",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"1h\""),
            nginx: "keepalive_time",
            doc: "The maximum age of a connection.",
        },
        Key {
            name: "keepalive_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "keepalive_timeout",
            doc: "The maximum idle time of a connection.",
        },
        Key {
            name: "max_streams",
            kind: Kind::Integer { min: 1, max: 10_000 },
            need: Need::Default("100"),
            nginx: "",
            doc: "The maximum number of requests in flight on one connection with `http_version = \"2\"`, if the server allows as many. Each \
                  may have up to 64k of its response waiting in memory. With `keepalive = 0` each request has a connection of its own.",
        },
    ],
    unbuilt: &["ntlm"],
};
