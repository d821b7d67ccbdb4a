//! The times: how close they are, and in what order.

use std::collections::BTreeMap;

use propylon_tests::{LIMIT, Nginx, Propylon, addresses, until};

use crate::exchanges::answered;
use crate::support::{Peers, Side};

/// The times themselves: an exchange that takes 60 ms to the head and 60 ms more, measured by both at once. A busy
/// machine delays single exchanges by more than 5 ms, so the closest of many counts.
#[test]
fn times_are_within_five_milliseconds_of_nginxs() {
    let peers = Peers::new();
    let [nginx_at, propylon_at] = addresses();
    let nginx = Nginx::start(&peers.fixture("variables.nginx.conf", nginx_at));
    let propylon = Propylon::start(&peers.fixture("variables.toml", propylon_at));
    let mut sides = [Side::new("nginx", &nginx, nginx_at), Side::new("propylon", &propylon, propylon_at)];
    let exchange =
        answered("timed", &[b"GET /t HTTP/1.1\r\nHost: vars.test\r\nX-Do: wait=60 pause=60\r\n\r\n"]);
    for name in ["request_time", "upstream_connect_time", "upstream_header_time", "upstream_response_time"] {
        let mut best = u64::MAX;
        until(&format!("{name} within 5 ms"), LIMIT * 2, || {
            let [a, b] =
                sides.each_mut().map(|side| millis(&side.run(&peers, &exchange)[0][&format!("raw {name}")]));
            best = best.min(a.abs_diff(b));
            (best <= 5).then_some(())
        });
        eprintln!("{name}: within {best} ms of nginx");
    }
}

fn millis(text: &str) -> u64 {
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("not a time: {text}"))
}

/// The order that times of a single try must have.
pub(crate) fn disorder(values: &BTreeMap<String, String>) -> Option<String> {
    let time = |name: &str| {
        let text = &values[&format!("raw {name}")];
        text.contains('.').then(|| text.replace('.', "").parse::<u64>().ok()).flatten()
    };
    let names = ["upstream_connect_time", "upstream_header_time", "upstream_response_time", "request_time"];
    let times: Vec<_> = names.iter().filter_map(|name| time(name).map(|time| (name, time))).collect();
    // Each is rounded on its own and read at a moment of its own, which on a busy machine may be some way apart.
    let wrong = times.windows(2).find(|pair| pair[0].1 > pair[1].1 + 50)?;
    Some(format!("${} is {} ms and ${} only {} ms", wrong[0].0, wrong[0].1, wrong[1].0, wrong[1].1))
}
