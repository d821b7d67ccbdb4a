//! Asking the API, and reading what it says.
#![allow(dead_code, reason = "each of them uses a part of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{RawResponse, raw_request};
use serde_json::Value;

/// What the API has answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    answer: RawResponse,
}

impl From<RawResponse> for Asked {
    fn from(answer: RawResponse) -> Self {
        Self { status: answer.status, answer }
    }
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.answer.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.answer.text()))
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.answer.head.field(name)
    }
}

/// Asks the API for something.
pub(crate) fn ask(admin: SocketAddr, method: &str, path: &str, body: &str) -> Asked {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    raw_request(admin, request.as_bytes()).unwrap().into()
}

/// What the API has at a path.
pub(crate) fn get(admin: SocketAddr, path: &str) -> Value {
    let asked = ask(admin, "GET", path, "");
    assert_eq!(asked.status, 200, "{path}: {asked:?}");
    assert_eq!(asked.field("content-type").as_deref(), Some("application/json"));
    asked.json()
}

/// Sends the gateway a request on a connection of its own: status and body.
pub(crate) fn send(listen: SocketAddr, host: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let answer = raw_request(listen, request.as_bytes()).unwrap();
    (answer.status, answer.text())
}

/// A peer that answers everything with this text, but says 500 where a path has `ill` in it.
pub(crate) fn peer(text: &'static str) -> RawPeer {
    RawPeer::tcp(move |_| {
        let answer = move |request: &bytes::Bytes| {
            let status = if request.starts_with(b"GET /ill") { 500 } else { 200 };
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len())
        };
        Plan::new().answer(answer).forever()
    })
}

/// Whether two values have the same keys all the way down. Of lists the first items are compared; null may be anything.
pub(crate) fn same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(one), Value::Object(other)) => {
            one.keys().collect::<BTreeSet<_>>() == other.keys().collect::<BTreeSet<_>>()
                && one.iter().all(|(key, value)| same_shape(value, &other[key]))
        }
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => same_shape(one, other),
            (one, other) => one.is_none() == other.is_none(),
        },
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// What `/metrics` says, checked as Prometheus reads it.
pub(crate) struct Metrics {
    samples: BTreeMap<String, f64>,
    families: BTreeMap<String, String>,
}

impl Metrics {
    pub(crate) fn of(admin: SocketAddr) -> Self {
        let asked = ask(admin, "GET", "/metrics", "");
        assert_eq!(asked.field("content-type").as_deref(), Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::read(&asked.answer.text())
    }

    fn read(text: &str) -> Self {
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
        let mut family = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                assert!(help.len() > family.len() + 5, "{line}");
                continue;
            }
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, family, "its help comes first");
                assert!(
                    families.insert(family.clone(), kind.to_owned()).is_none(),
                    "{family} is there twice"
                );
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let parts: &[&str] = match families[&family].as_str() {
                "histogram" => &["_bucket", "_sum", "_count"],
                "summary" => &["_sum", "_count"],
                _ => &[""],
            };
            assert!(parts.iter().any(|part| name == format!("{family}{part}")), "{line} is not of {family}");
            let value: f64 = value.parse().unwrap();
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
        }
        let metrics = Self { samples, families };
        metrics.check_histograms();
        metrics
    }

    /// Each part counts those before it as well, and the last one is all.
    fn check_histograms(&self) {
        for (name, _) in self.families.iter().filter(|(_, kind)| *kind == "histogram") {
            let counts =
                self.samples.iter().filter(|(series, _)| series.starts_with(&format!("{name}_count")));
            for (series, count) in counts {
                let labels =
                    series.strip_prefix(&format!("{name}_count{{")).unwrap().strip_suffix('}').unwrap();
                let prefix = format!("{name}_bucket{{{labels},le=\"");
                let bound = |series: &str| {
                    let text = series.strip_prefix(&prefix).unwrap().strip_suffix("\"}").unwrap();
                    if text == "+Inf" { f64::INFINITY } else { text.parse().unwrap() }
                };
                let parts = self.samples.iter().filter(|(series, _)| series.starts_with(&prefix));
                let mut parts: Vec<(f64, f64)> =
                    parts.map(|(series, value)| (bound(series), *value)).collect();
                parts.sort_by(|one, other| one.0.total_cmp(&other.0));
                assert!(parts.len() > 5 && parts.is_sorted_by(|one, other| one.1 <= other.1), "{parts:?}");
                assert_eq!(parts.last().unwrap(), &(f64::INFINITY, *count));
            }
        }
    }

    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.samples))
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = &String> {
        self.families.keys()
    }
}
