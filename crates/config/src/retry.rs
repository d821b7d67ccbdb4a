//! The table `retry`: when a request is tried again with another server.

use std::time::Duration;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;

/// When a request is tried again with another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// After what, in nginx's names; none: never.
    pub on: Vec<&'static str>,
    /// How often a request is tried, the first time included; 0: with each server once.
    pub tries: usize,
    /// How long after the first try the last one may begin.
    pub timeout: Option<Duration>,
    /// How much of the traffic may be repetitions.
    pub budget: Option<RetryBudget>,
}

/// How much of the traffic may be repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// Of a hundred requests.
    pub percent: u32,
    /// A second, in any case.
    pub floor: u32,
}

const CONDITIONS: &[&str] = &[
    "error",
    "timeout",
    "invalid_header",
    "denied",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_403",
    "http_404",
    "http_429",
    "non_idempotent",
    "off",
];

const BUDGET: Table = Table {
    name: "retry.budget",
    doc: "Limits the share of retries among requests, for each location and worker. Retries of requests that provably \
          reached no server are not counted.",
    keys: &[
        Key {
            name: "percent",
            kind: Kind::Integer { min: 0, max: 1000 },
            need: Need::Default("20"),
            nginx: "",
            doc: "The maximum number of retries per hundred requests, over the last ten seconds.",
        },
        Key {
            name: "floor",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("10"),
            nginx: "",
            doc: "Retries per second that are allowed in addition, averaged over ten seconds, so that they may come in a \
                  burst.",
        },
    ],
    unbuilt: &[],
};

/// Also of streams.
pub(crate) const TIMEOUT: Key = Key {
    name: "timeout",
    kind: Kind::Duration { zero: true },
    need: Need::Default("\"0\""),
    nginx: "proxy_next_upstream_timeout",
    doc: "How long after the first try the last one may begin; \"0\": no limit.",
};

pub(crate) const TABLE: Table = Table {
    name: "retry",
    doc: "When a request is retried with another server of the upstream. A request that was sent is retried only if its \
          method is idempotent; a request that reached no server is retried whatever its method.",
    keys: &[
        Key {
            name: "on",
            kind: Kind::List(&Kind::Choice { built: CONDITIONS, unbuilt: &[] }),
            need: Need::Default("[\"error\", \"timeout\"]"),
            nginx: "proxy_next_upstream",
            doc: "The conditions for a retry. \"denied\": the connection was not permitted (EACCES, EPERM), which \"error\" \
                  includes. \"non_idempotent\": also retry POST, LOCK and PATCH requests that were sent. [\"off\"] or []: \
                  never retry.",
        },
        Key {
            name: "tries",
            kind: Kind::Integer { min: 0, max: 1000 },
            need: Need::Default("0"),
            nginx: "proxy_next_upstream_tries",
            doc: "The maximum number of tries, including the first; 0: each server once.",
        },
        TIMEOUT,
        Key {
            name: "budget",
            kind: Kind::Either(&[Kind::Bool, Kind::Table(&BUDGET)]),
            need: Need::Default("true"),
            nginx: "",
            doc: "The retry budget; false: no limit.",
        },
    ],
    unbuilt: &[],
};

impl Retry {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let on = scope.list("on", |_, text, _| CONDITIONS.iter().copied().find(|known| *known == text));
        let mut on = on.unwrap_or_default();
        if on.contains(&"off") {
            on.clear();
        }
        let budget = scope.read("budget", |cx, value| {
            if value.get_ref().as_bool() == Some(false) {
                return None;
            }
            let mut scope = Scope::alone(cx, &BUDGET, value.get_ref().as_table());
            let mut count = |name| scope.integer(name).and_then(|count| u32::try_from(count).ok());
            Some(RetryBudget { percent: count("percent")?, floor: count("floor")? })
        });
        Self {
            on,
            tries: scope.integer("tries").and_then(|tries| usize::try_from(tries).ok()).unwrap_or_default(),
            timeout: Some(scope.duration("timeout")).filter(|timeout| !timeout.is_zero()),
            budget,
        }
    }
}
