//! Peers that fail where others do not: wherever they stand, whatever they say, and what is remembered of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_testkit::dns::DnsServer;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{BlackHole, LIMIT, Propylon, Refusing, address, raw_request, until};

fn answering(text: &'static str) -> RawPeer {
    RawPeer::tcp(move |_| {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        Plan::new().answer(move |_| answer.clone()).forever()
    })
}

fn saying(status: u16) -> RawPeer {
    RawPeer::tcp(move |_| {
        Plan::new().answer(move |_| format!("HTTP/1.1 {status} X\r\nContent-Length: 3\r\n\r\nbad")).forever()
    })
}

fn ask(listen: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = raw_request(listen, request.as_bytes()).unwrap();
    (answer.status, answer.text())
}

/// The servers of an upstream.
fn servers(at: &[SocketAddr], more: &str) -> String {
    let servers: Vec<String> = at.iter().map(|at| format!("{{ address = \"{at}\"{more} }}")).collect();
    servers.join(", ")
}

const HEAD: &str = "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
    [log_format]\nshort = '[$upstream_addr] [$upstream_status] [$upstream_connect_time] [$upstream_header_time] [$upstream_response_time]'\n\
    [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
    [defaults.timeout]\nread = \"300ms\"\nconnect = \"300ms\"\n\
    [defaults.retry]\nbudget = false\non = [\"error\", \"timeout\", \"invalid_header\"]\n";

/// Three peers, the bad one in each place: nobody sees it, and it is asked as often as it may be.
#[test]
fn a_bad_peer_in_every_place() {
    let (listen, refusing, hole) = (address(), Refusing::new(), BlackHole::new());
    let good = [answering("good"), answering("good")];
    let bad: Vec<(&str, RawPeer)> = vec![
        ("reset", RawPeer::tcp(|_| Plan::new().read_request().reset())),
        ("closed", RawPeer::tcp(|_| Plan::new().close())),
        ("garbage", RawPeer::tcp(|_| Plan::new().read_request().write("SSH-2.0-x\r\n").close())),
        ("silent", RawPeer::tcp(|_| Plan::new().read_request().hang())),
    ];
    let mut text = String::from(HEAD);
    let mut locations = String::new();
    let unheard = [("refused", refusing.address()), ("unanswered", hole.address())];
    let all: Vec<_> = bad.iter().map(|(name, peer)| (*name, peer.addr())).chain(unheard).collect();
    for &(name, at) in &all {
        for place in 0..3 {
            let mut at_all = vec![good[0].addr(), good[1].addr()];
            at_all.insert(place, at);
            text.push_str(&format!(
                "[upstream.{name}{place}]\nserver = [{}]\n",
                servers(&at_all, ", fail_timeout = \"1h\"")
            ));
            locations.push_str(&format!(
                "[[server.location]]\nmatch = \"/{name}{place}/\"\nproxy_pass = \"http://{name}{place}\"\n"
            ));
        }
    }
    let gateway = Propylon::start(&format!("{text}[[server]]\nlisten = [\"{listen}\"]\n{locations}"));
    let mut requests = 0;
    for (name, at) in all {
        let peer = bad.iter().find(|(known, _)| *known == name).map(|(_, peer)| peer);
        for place in 0..3 {
            let before = peer.map_or(0, RawPeer::accepted);
            for n in 0..6 {
                let (status, text) = ask(listen, &format!("/{name}{place}/"));
                assert_eq!(status, 200, "{name} at {place}, request {n}: {text}");
            }
            requests += 6;
            let lines = gateway.lines("access.log", requests);
            let tries = lines[requests - 6..].iter().flat_map(|line| line.split(['[', ']', ',', ' ']));
            let tried = tries.filter(|word| *word == at.to_string()).count();
            assert_eq!(tried, 1, "{name} at {place}: one failure is enough: {lines:?}");
            let asked = peer.map_or(before + 1, RawPeer::accepted) - before;
            assert_eq!(asked, 1, "{name} at {place}: the log tells the truth");
        }
    }
}

#[test]
fn statuses_that_are_listed_go_to_another_peer_and_others_do_not() {
    let (listen, good) = (address(), answering("good"));
    let statuses = [500, 502, 503, 504, 403, 404, 429];
    let bad = statuses.map(saying);
    let mut text = String::from(HEAD);
    let mut locations = String::new();
    for (status, peer) in statuses.iter().zip(&bad) {
        let pair = servers(&[peer.addr(), good.addr()], "");
        text.push_str(&format!(
            "[upstream.u{status}]\nserver = [{pair}]\n[upstream.v{status}]\nserver = [{pair}]\n"
        ));
        locations.push_str(&format!(
            "[[server.location]]\nmatch = \"/listed/{status}\"\nproxy_pass = \"http://u{status}\"\nretry.on = [\"http_{status}\"]\n\
             [[server.location]]\nmatch = \"/other/{status}\"\nproxy_pass = \"http://v{status}\"\n"
        ));
    }
    let _gateway = Propylon::start(&format!("{text}[[server]]\nlisten = [\"{listen}\"]\n{locations}"));
    for (status, peer) in statuses.iter().zip(&bad) {
        let answers: Vec<u16> = (0..4).map(|_| ask(listen, &format!("/listed/{status}")).0).collect();
        assert_eq!(answers, [200; 4], "{status}");
        // nginx: 403 and 404 are a reason to go on, but not to leave a peer alone.
        let asked = if matches!(status, 403 | 404) { 2..=4 } else { 1..=1 };
        assert!(asked.contains(&peer.requests().len()), "{status}: {}", peer.requests().len());
        let answers: Vec<u16> = (0..4).map(|_| ask(listen, &format!("/other/{status}")).0).collect();
        assert_eq!(answers, [*status, 200, *status, 200], "{status} is passed on, and marks nobody");
    }
}

#[test]
fn every_try_has_its_times() {
    let (listen, refusing, good) = (address(), Refusing::new(), answering("good"));
    let silent = RawPeer::tcp(|_| Plan::new().read_request().hang());
    let gateway = Propylon::start(&format!(
        "{HEAD}[upstream.u]\nserver = [{}]\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n",
        servers(&[refusing.address(), silent.addr(), good.addr()], "")
    ));
    assert_eq!(ask(listen, "/").0, 200);
    let line = until("the line", LIMIT, || gateway.read("access.log").lines().next().map(str::to_owned));
    let columns: Vec<Vec<&str>> =
        line.trim_matches(['[', ']']).split("] [").map(|column| column.split(", ").collect()).collect();
    let [addresses, statuses, connect, header, response] = columns.as_slice() else { panic!("{line}") };
    let at = [refusing.address(), silent.addr(), good.addr()].map(|at| at.to_string());
    assert_eq!(addresses.as_slice(), at, "{line}");
    assert_eq!(statuses.as_slice(), ["502", "504", "200"], "{line}");
    let seconds = |text: &str| text.parse::<f64>().ok();
    let known = |column: &[&str]| column.iter().map(|text| seconds(text).is_some()).collect::<Vec<_>>();
    assert_eq!(known(connect), [false, true, true], "who refused has no connection: {line}");
    assert_eq!(known(header), [false, false, true], "{line}");
    assert_eq!(known(response), [true, true, true], "{line}");
    assert!(seconds(response[1]).unwrap() >= 0.3, "the limit of the wait: {line}");
}

#[test]
fn marks_live_over_a_reload() {
    let (listen, bad, good) =
        (address(), RawPeer::tcp(|_| Plan::new().read_request().close()), answering("good"));
    let text = |more: &str| {
        format!(
            "{HEAD}[upstream.u]\n{more}\nserver = [{}]\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n",
            servers(&[bad.addr(), good.addr()], ", fail_timeout = \"1h\"")
        )
    };
    let gateway = Propylon::start(&text(""));
    let four = || (0..4).for_each(|_| assert_eq!(ask(listen, "/").0, 200));
    four();
    assert_eq!(bad.accepted(), 1);
    for more in ["", "keepalive = 7", "method = \"least_conn\""] {
        gateway.reload(&text(more));
        four();
        assert_eq!(bad.accepted(), 1, "with {more:?} it is still left alone");
    }
}

#[test]
fn marks_live_over_a_change_of_dns() {
    let (listen, dns) = (address(), DnsServer::start());
    let bad = RawPeer::tcp(|_| Plan::new().read_request().close());
    let (good, other) = (answering("good"), answering("other"));
    let serve = |peers: &[&RawPeer]| {
        let records: Vec<_> = peers.iter().map(|peer| (0, 1, peer.addr().port(), "host.test")).collect();
        dns.service("_web._tcp.app.test", &records, 0);
    };
    dns.host("host.test", &["127.0.0.1"], 0);
    serve(&[&bad, &good]);
    let _gateway = Propylon::start(&format!(
        "[resolver]\nservers = [\"{}\"]\n{HEAD}[upstream.u]\n\
         server = [{{ address = \"app.test\", resolve = true, service = \"web\", fail_timeout = \"1h\" }}]\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n",
        dns.addr()
    ));
    let six =
        || (0..6).map(|_| ask(listen, "/")).inspect(|(status, text)| assert_eq!(*status, 200, "{text}"));
    assert_eq!(six().count(), 6);
    assert_eq!(bad.accepted(), 1);
    serve(&[&bad, &other]);
    until("the new one", LIMIT, || six().any(|(_, text)| text.ends_with("other")).then_some(()));
    assert_eq!(six().filter(|(_, text)| text.ends_with("other")).count(), 6, "the old one is gone");
    assert_eq!(bad.accepted(), 1, "who has not changed is left alone as before");
}
