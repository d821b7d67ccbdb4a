//! What becomes of a request when TLS fails.

use std::fmt::Write;
use std::net::SocketAddr;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{addresses, lossy};

use crate::support::{Front, World, gateway, location, send};

/// What is wrong before a request can be sent.
const FAULTS: [&str; 10] =
    ["expired", "early", "stranger", "deep", "revoked", "named", "plain", "closing", "resetting", "silent"];

/// Every TLS failure × where the peer stands in the list × method: nothing was sent, so another peer gets the request whatever
/// its method; and nobody gets it twice.
#[test]
fn every_failure_in_every_position_with_every_method() {
    let world = World::new();
    let [listen] = addresses();
    let good = RawPeer::tcp(|_| {
        Plan::new().answer(|_| "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").forever()
    });
    let well = Front::new(world.acceptor("good"), good.addr(), true);
    let plain =
        RawPeer::tcp(|_| Plan::new().write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").hang());
    let closing = RawPeer::tcp(|_| Plan::new().close());
    let resetting = RawPeer::tcp(|_| Plan::new().reset());
    let silent = RawPeer::tcp(|_| Plan::new().hang());
    let (mut upstreams, mut locations, mut fronts) = (String::new(), String::new(), Vec::new());
    let at = FAULTS.map(|fault| match fault {
        "plain" => plain.addr(),
        "closing" => closing.addr(),
        "resetting" => resetting.addr(),
        "silent" => silent.addr(),
        kind => {
            fronts.push(Front::new(world.acceptor(kind), good.addr(), true));
            fronts.last().unwrap().address
        }
    });
    for (fault, bad) in FAULTS.into_iter().zip(at) {
        let list = |peers: &[SocketAddr]| {
            let (last, first) = peers.split_last().unwrap();
            let mut text = String::new();
            for peer in first {
                write!(text, "{{ address = \"{peer}\", max_fails = 0 }}, ").unwrap();
            }
            format!("{text}{{ address = \"{last}\", max_fails = 0, backup = {} }}", !first.is_empty())
        };
        for (position, peers) in [
            ("first", vec![bad, well.address]),
            ("both", vec![bad, bad, well.address]),
            ("last", vec![well.address, bad]),
            ("all", vec![bad, bad]),
            ("only", vec![bad]),
        ] {
            writeln!(upstreams, "[upstream.{fault}-{position}]\nserver = [{}]", list(&peers)).unwrap();
            let name = format!("{fault}-{position}");
            locations += &location(&format!("{fault}/{position}"), &name, &world.trusting(fault));
            // It bounds the good peer's handshake too.
            let limit = if fault == "silent" { "300ms" } else { "10s" };
            writeln!(locations, "timeout.connect = \"{limit}\"").unwrap();
        }
    }
    let gateway = gateway(listen, &upstreams, &locations);
    let mut count = 0;
    for (fault, bad) in FAULTS.into_iter().zip(at) {
        for (method, body) in [("GET", 0), ("PUT", 100_000), ("POST", 10), ("POST", 100_000), ("DELETE", 0)] {
            let status = if fault == "silent" { 504 } else { 502 };
            for (position, tries) in [("first", 1), ("both", 2), ("last", 0), ("all", 2), ("only", 1)] {
                let path = format!("/{fault}/{position}/{method}/{body}");
                let before = good.requests().len();
                let answer = send(listen, method, &path, body);
                let sent = good.requests().len() - before;
                let expected = if matches!(position, "all" | "only") { (status, 0) } else { (200, 1) };
                assert_eq!((answer.status, sent), expected, "{path}: {}", answer.text());
                count += 1;
                let (mut hosts, mut statuses) =
                    (vec![bad.to_string(); tries], vec![status.to_string(); tries]);
                if sent == 1 {
                    hosts.push(well.address.to_string());
                    statuses.push("200".into());
                }
                let line = gateway.lines("access.log", count).pop().unwrap();
                let expected = format!(
                    "{} [{}] [{}] {method} {path} HTTP/1.1",
                    answer.status,
                    hosts.join(", "),
                    statuses.join(", ")
                );
                assert_eq!(line, expected);
            }
        }
    }
    assert!(good.requests().iter().all(|request| !lossy(request).contains("/only/")));
    drop(fronts);
}
