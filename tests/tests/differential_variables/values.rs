//! Every value of every exchange.

use std::collections::BTreeSet;

use propylon_tests::{Nginx, Propylon, addresses, on_hyper};

use crate::differences::{DELIBERATE, Deliberate, HYPER};
use crate::exchanges::EXCHANGES;
use crate::support::{Peers, Side};
use crate::times::disorder;

#[test]
fn every_variable_has_nginxs_value() {
    let peers = Peers::new();
    let [nginx_at, propylon_at] = addresses();
    let nginx = Nginx::start(&peers.fixture("variables.nginx.conf", nginx_at));
    let propylon = Propylon::start(&peers.fixture("variables.toml", propylon_at));
    compare(
        &peers,
        &mut Side::new("nginx", &nginx, nginx_at),
        &mut Side::new("propylon", &propylon, propylon_at),
        &DELIBERATE.iter().chain(HYPER.iter().filter(|_| on_hyper())).collect::<Vec<_>>(),
    );
}

/// The test of the test: what is equal compares equal.
#[test]
fn nginx_has_its_own_values() {
    let peers = Peers::new();
    let [left, right] = addresses();
    let a = Nginx::start(&peers.fixture("variables.nginx.conf", left));
    let b = Nginx::start(&peers.fixture("variables.nginx.conf", right));
    compare(&peers, &mut Side::new("nginx", &a, left), &mut Side::new("nginx again", &b, right), &[]);
}

/// Runs every exchange on both sides and fails with every value that differs.
fn compare(peers: &Peers, left: &mut Side<'_>, right: &mut Side<'_>, deliberate: &[&Deliberate]) {
    let mut differences = Vec::new();
    let mut used = BTreeSet::new();
    for exchange in EXCHANGES {
        let (a, b) = (left.run(peers, exchange), right.run(peers, exchange));
        if a.len() != b.len() {
            differences.push(format!("{}: {} lines in the log, and {}", exchange.name, a.len(), b.len()));
        }
        for (a, b) in a.iter().zip(&b) {
            for (name, value) in a.iter().filter(|(name, _)| !name.starts_with("raw ")) {
                let other = &b[name];
                let entry = deliberate.iter().position(|entry| entry.covers(exchange.name, name));
                if value == other {
                    continue;
                } else if let Some(entry) = entry {
                    used.insert((entry, exchange.name, name.clone()));
                } else {
                    differences.push(format!(
                        "{}: ${name}\n        {:12}{value}\n        {:12}{other}",
                        exchange.name, left.name, right.name
                    ));
                }
            }
            for (side, values) in [(&left.name, a), (&right.name, b)] {
                differences.extend(disorder(values).map(|what| format!("{}: {side}: {what}", exchange.name)));
            }
        }
    }
    for (number, entry) in deliberate.iter().enumerate() {
        for exchange in entry.exchanges {
            let unused =
                entry.variables.iter().all(|name| !used.contains(&(number, exchange, (*name).to_owned())));
            let unused = unused && !on_hyper();
            differences.extend(unused.then(|| format!("{exchange}: differs no more: {}", entry.reason)));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
