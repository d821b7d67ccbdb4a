//! The keys of the tables.

use crate::key::{Key, Kind, Need, Table};

const COUNT: Kind = Kind::Integer { min: 0, max: u32::MAX as u64 };

const fn flag(name: &'static str, nginx: &'static str, doc: &'static str) -> Key {
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
            doc: "Within what time failures count, and how long it is unavailable then.",
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
        flag("drain", "server ... drain", "Whether it gets no new requests."),
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
    unbuilt: &["route"],
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
            need: Need::Required,
            nginx: "server",
            doc: "The servers, at least one.",
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
    ],
    unbuilt: &["zone", "sticky", "state", "ntlm", "resolver"],
};

pub(super) const HEALTH_CHECK: Table = Table {
    name: "upstream.NAME.health_check",
    doc: "Servers are asked whether they are well, by a GET over the transport of the first location that passes requests to the \
          group (TLS if it says `https`). One that is not gets no requests.",
    keys: &[
        Key {
            name: "interval",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5s\""),
            nginx: "health_check interval=",
            doc: "The time between two rounds.",
        },
        Key {
            name: "jitter",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "health_check jitter=",
            doc: "Each question is late by a random time up to this.",
        },
        Key {
            name: "fails",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1"),
            nginx: "health_check fails=",
            doc: "How many failures one after the other make a server unhealthy.",
        },
        Key {
            name: "passes",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1"),
            nginx: "health_check passes=",
            doc: "How many good answers one after the other make it healthy again.",
        },
        Key {
            name: "uri",
            kind: Kind::Text { hint: "a path such as \"/health\"" },
            need: Need::Default("\"/\""),
            nginx: "health_check uri=",
            doc: "What is asked for.",
        },
        Key {
            name: "port",
            kind: Kind::Integer { min: 1, max: 65_535 },
            need: Need::Optional,
            nginx: "health_check port=",
            doc: "The port that is asked, if it is not the server's own.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5s\""),
            nginx: "",
            doc: "How long an answer may take, from connecting to the end of its body.",
        },
        flag(
            "mandatory",
            "health_check mandatory",
            "Whether a server that has not been asked yet counts as unhealthy.",
        ),
        Key {
            name: "match",
            kind: Kind::Table(&MATCH),
            need: Need::Default("{}"),
            nginx: "health_check match=",
            doc: "What a good answer is.",
        },
    ],
    unbuilt: &["persistent", "keepalive_time", "type", "grpc_service"],
};

pub(super) const MATCH: Table = Table {
    name: "upstream.NAME.health_check.match",
    doc: "What a good answer is: all that is written must hold.",
    keys: &[
        Key {
            name: "status",
            kind: Kind::List(&Kind::Text { hint: "a status or a range, such as \"200\" or \"200-399\"" }),
            need: Need::Default("[\"200-399\"]"),
            nginx: "match { status }",
            doc: "Statuses and ranges, one of which it has.",
        },
        Key {
            name: "body",
            kind: Kind::Text { hint: "a regular expression" },
            need: Need::Optional,
            nginx: "match { body }",
            doc: "A regular expression that is found in the first 256 KiB of its body; with `!` before it, that is not.",
        },
    ],
    unbuilt: &["headers", "require"],
};
