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
            doc: "\"host\", \"host:port\" or \"unix:/path\"; the port is 80 unless written. All addresses of a name are used.",
        },
        Key {
            name: "weight",
            kind: Kind::Integer { min: 1, max: 65_535 },
            need: Need::Default("1"),
            nginx: "server ... weight=",
            doc: "Its share of the requests.",
        },
        Key {
            name: "max_conns",
            kind: COUNT,
            need: Need::Default("0"),
            nginx: "server ... max_conns=",
            doc: "Requests at the same time, those of all workers together; 0: any number.",
        },
        Key {
            name: "max_fails",
            kind: COUNT,
            need: Need::Default("1"),
            nginx: "server ... max_fails=",
            doc: "Failures within `fail_timeout` that make it unavailable; 0: none do. The only server of a group is never \
                  unavailable.",
        },
        Key {
            name: "fail_timeout",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"10s\""),
            nginx: "server ... fail_timeout=",
            doc: "Within what time failures count, and how long it is unavailable then. Where all servers fail one after the other \
                  within this time, requests get 502 until it is over for one of them, as with nginx, although others may be \
                  well again: where servers are restarted in turn, choose it shorter than a round, or a greater `max_fails`.",
        },
        Key {
            name: "slow_start",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "server ... slow_start=",
            doc: "How long its share takes to grow from nothing after it has come back.",
        },
        flag("backup", "server ... backup", "Whether it serves only when none of the others can."),
        flag("down", "server ... down", "Whether it is out of service."),
        flag(
            "drain",
            "server ... drain",
            "Whether it gets no new requests: those of `sticky` clients that had it only.",
        ),
        Key {
            name: "route",
            kind: Kind::Text { hint: "1 to 32 letters, digits and signs" },
            need: Need::Optional,
            nginx: "server ... route=",
            doc: "What `sticky` calls it; without it, the MD5 of its address.",
        },
        flag(
            "resolve",
            "server ... resolve",
            "Whether its name is followed: its addresses change when DNS does.",
        ),
        Key {
            name: "service",
            kind: Kind::Text { hint: "the name of a service, such as \"http\"" },
            need: Need::Optional,
            nginx: "server ... service=",
            doc: "The service whose SRV records name the servers, with `resolve`; \"http\" is `_http._tcp` before the name. The \
                  lowest priority serves, the others are backups.",
        },
    ],
    unbuilt: &[],
};

pub(super) const METHOD: Table = Table {
    name: "upstream.NAME.method",
    doc: "A way to choose with parameters: one of `hash`, `random` and `least_time`.",
    keys: &[
        Key {
            name: "hash",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "hash",
            doc: "The key that binds a request to a server.",
        },
        flag(
            "consistent",
            "hash ... consistent",
            "Whether most keys keep their server when servers come and go (ketama).",
        ),
        Key {
            name: "random",
            kind: Kind::Choice { built: &["two"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "random two",
            doc: "The better of two by chance.",
        },
        Key {
            name: "by",
            kind: Kind::Choice {
                built: &["least_conn", "least_time=header", "least_time=last_byte"],
                unbuilt: &[],
            },
            need: Need::Default("\"least_conn\""),
            nginx: "random two ...",
            doc: "Which of the two is the better one.",
        },
        Key {
            name: "least_time",
            kind: Kind::Choice { built: &["header", "last_byte"], unbuilt: &[] },
            need: Need::Optional,
            nginx: "least_time",
            doc: "The server with the lowest average time to the response head, or to its last byte.",
        },
        flag("inflight", "least_time ... inflight", "Whether requests under way count as well."),
    ],
    unbuilt: &[],
};

pub(super) const QUEUE: Table = Table {
    name: "upstream.NAME.queue",
    doc: "Where requests wait while all servers have as many as they may.",
    keys: &[
        Key {
            name: "size",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Required,
            nginx: "queue",
            doc: "How many may wait; one more gets 503.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "queue ... timeout=",
            doc: "For how long; then 504.",
        },
    ],
    unbuilt: &[],
};

pub(super) const UPSTREAM: Table = Table {
    name: "upstream.NAME",
    doc: "A group of servers, called NAME in `proxy_pass`.",
    keys: &[
        Key {
            name: "server",
            kind: Kind::List(&Kind::Table(&SERVER)),
            need: Need::Optional,
            nginx: "server",
            doc: "The servers, at least one, unless there is a `state`.",
        },
        Key {
            name: "state",
            kind: Kind::Text { hint: "the path of a file" },
            need: Need::Optional,
            nginx: "state",
            doc: "The file that keeps the servers which operators add (docs/admin.md): read at the start, written at each change; one that is not there holds \
                  none. It is no file of nginx's, but TOML: `server = […]` as here. Without it they are gone when the process ends.",
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
            doc: "How a server is chosen.",
        },
        Key {
            name: "queue",
            kind: Kind::Table(&QUEUE),
            need: Need::Optional,
            nginx: "queue",
            doc: "Where requests wait while all servers have as many as they may (`max_conns`); without it they fail.",
        },
        Key {
            name: "sticky",
            kind: Kind::Table(&STICKY),
            need: Need::Optional,
            nginx: "sticky",
            doc: "How clients come back to the server that they had.",
        },
        Key {
            name: "zone",
            kind: Kind::Text { hint: "a name, with a size or without, such as \"backend 64k\"" },
            need: Need::Optional,
            nginx: "zone",
            doc: "Nothing has to be said: what is known of servers is shared by all workers and kept over reloads in any case, and \
                  takes what memory it needs. The key is there for what nginx's files say.",
        },
        Key {
            name: "resolver",
            kind: crate::resolver::KIND,
            need: Need::Optional,
            nginx: "resolver",
            doc: "Who is asked for the names of its servers that are followed; without it, as `resolver` of the file says.",
        },
        Key {
            name: "health_check",
            kind: Kind::Table(&HEALTH_CHECK),
            need: Need::Optional,
            nginx: "health_check",
            doc: "How servers are asked whether they are well; without it, only requests tell.",
        },
        Key {
            name: "keepalive",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("32"),
            nginx: "keepalive",
            doc: "Idle connections that each worker keeps; 0: none.",
        },
        Key {
            name: "keepalive_requests",
            kind: Kind::Integer { min: 1, max: u64::MAX },
            need: Need::Default("1000"),
            nginx: "keepalive_requests",
            doc: "Requests on one connection before it is closed.",
        },
        Key {
            name: "keepalive_time",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"1h\""),
            nginx: "keepalive_time",
            doc: "How old a connection may grow.",
        },
        Key {
            name: "keepalive_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "keepalive_timeout",
            doc: "How long a connection may be idle.",
        },
        Key {
            name: "max_streams",
            kind: Kind::Integer { min: 1, max: 10_000 },
            need: Need::Default("100"),
            nginx: "",
            doc: "Requests that are under way on one connection at once, with `http_version = \"2\"`, if the server takes as many; \
                  each may have 64k of its response wait in memory. With `keepalive = 0` each has a connection of its own.",
        },
    ],
    unbuilt: &["ntlm"],
};
