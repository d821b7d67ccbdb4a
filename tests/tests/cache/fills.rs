//! What comes from the upstream, and who waits for it.

use std::thread;

use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, End, LIMIT, RawResponse, until};

use crate::support::{FRESH, Gateway, STALE, both_zones, request};

/// A body that is cut is never kept, and its client sees that it was cut.
#[test]
fn half_a_body_is_not_kept() {
    both_zones(|gateway, _| {
        let answer = gateway.ask("GET /a", &format!("{FRESH}|X-Do: cut size=1000|X-Reply: X-Number: 1"));
        assert_eq!((answer.status, answer.end), (200, End::Cut));
        gateway.is("GET /a", &format!("{FRESH}|X-Reply: X-Number: 2"), 200, "MISS", "2");
        let answer = gateway.ask("GET /b", &format!("{FRESH}|X-Do: chunked cut size=1000"));
        assert_eq!((answer.status, answer.end), (200, End::Cut));
        gateway.is(
            "GET /b",
            &format!("{FRESH}|X-Do: chunked size=1000|X-Reply: X-Number: 2"),
            200,
            "MISS",
            "2",
        );
        assert_eq!(gateway.is("GET /b", "", 200, "HIT", "2").body.len(), 1000);
    });
}

/// One request asks the upstream, the others wait for what it gets.
#[test]
fn one_asks_for_all() {
    for zone in ["memory", "disk"] {
        let gate = Gate::new();
        let held = gate.clone();
        let peer = RawPeer::tcp(move |_| {
            Plan::new().read_request().wait(&held).write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
        });
        let gateway = Gateway::start(zone, peer.addr());
        thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| gateway.ask("GET /lock/a", ""))).collect();
            until("a request at the peer", LIMIT, || (peer.requests().len() == 1).then_some(()));
            gate.open();
            let answers: Vec<RawResponse> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
            assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == b"good"));
        });
        assert_eq!(peer.requests().len(), 1, "{zone}");
    }
}

/// What may be used while it is fetched anew is answered at once, and fetched beside.
#[test]
fn an_update_beside_requests() {
    both_zones(|gateway, origin| {
        gateway.is("GET /update/a", &format!("{STALE}|X-Reply: X-Number: 1"), 200, "MISS", "1");
        gateway.is("GET /update/a", &format!("{FRESH}|X-Reply: X-Number: 2"), 200, "STALE", "1");
        until("the update", LIMIT, || (origin.heads() == 2).then_some(()));
        until("the new one", LIMIT, || {
            let answer = gateway.ask("GET /update/a", &format!("{FRESH}|X-Reply: X-Number: 2"));
            let field = |name: &str| answer.head.field(name).unwrap_or_default();
            ((field("x-number"), field("x-status")) == ("2".into(), "HIT".into())).then_some(())
        });
    });
}

/// What a client began to ask for is kept although it has left.
#[test]
fn a_client_that_leaves_does_not_end_a_fill() {
    let gate = Gate::new();
    let held = gate.clone();
    let peer = RawPeer::tcp(move |_| {
        Plan::new()
            .read_request()
            .write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            .wait(&held)
            .write("half")
    });
    let gateway = Gateway::start("memory", peer.addr());
    let mut client = Client::connect(gateway.at).unwrap();
    client.send(&request("GET /valid/a", "")).unwrap();
    let head = client.stream().head().unwrap().unwrap();
    assert!(head.start_line().starts_with(b"HTTP/1.1 200"));
    client.leave();
    gate.open();
    until("the whole", LIMIT, || {
        let answer = gateway.ask("GET /valid/a", "Cache-Control: only-if-cached");
        (answer.status == 200 && answer.body == b"halfhalf").then_some(())
    });
    assert_eq!(peer.requests().len(), 1);
}
