//! The way of spans to the collector: what it speaks, what becomes of them when it does not, at the end and over reloads.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod trace_support;

use std::net::SocketAddr;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{
    Collector, LIMIT, Propylon, Refusing, Signal, address, check, lossy, raw_request, until,
};
use trace_support::{batches, get, server, spans};

/// A gateway that traces everything, with the way to its metrics.
struct World {
    gateway: Propylon,
    at: SocketAddr,
    admin: SocketAddr,
}

impl World {
    fn start(exporter: &str) -> Self {
        let (at, admin) = (address(), address());
        Self { gateway: Propylon::start(&config(at, admin, exporter, "")), at, admin }
    }

    fn ask(&self, path: &str) {
        assert_eq!(get(self.at, path, "").status, 204);
    }

    fn metric(&self, name: &str) -> u64 {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.admin);
        let text = raw_request(self.admin, request.as_bytes()).unwrap().text();
        let name = format!("propylon_trace_spans_{name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
    }

    /// Once so many are counted.
    fn counted(&self, name: &str, count: u64) {
        until(&format!("{count} spans {name}"), LIMIT, || (self.metric(name) >= count).then_some(()));
        assert_eq!(self.metric(name), count);
    }

    fn told(&self, text: &str) -> usize {
        self.gateway.error_log().matches(text).count()
    }
}

fn config(at: SocketAddr, admin: SocketAddr, exporter: &str, more: &str) -> String {
    format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[admin]\nlisten = \"{admin}\"\n[trace_exporter]\n{exporter}\n\
         [[server]]\nlisten = [\"{at}\"]\nreturn = [204]\ntrace.on = true\n{more}\n"
    )
}

/// Nothing is sent before it has to be.
fn patient(collector: &Collector) -> String {
    format!("endpoint = \"http://{}\"\ninterval = \"1h\"", collector.address())
}

/// Each span is a batch.
fn prompt(collector: &Collector) -> String {
    format!("endpoint = \"http://{}\"\nbatch_size = 1\nprotocol = \"http/protobuf\"", collector.address())
}

#[test]
fn both_protocols_are_spoken_over_tls_too() {
    let directory = tempfile::tempdir().unwrap();
    let root = Authority::root("Root");
    let trusted = file(directory.path(), "root.pem", &root.certificate);
    for protocol in ["grpc", "http/protobuf"] {
        for secure in [false, true] {
            let place = address();
            let (certificate, key) =
                root.server(&[&place.ip().to_string()]).write(directory.path(), "collector");
            let tls = secure.then_some([certificate.as_path(), key.as_path()]);
            let collector = Collector::start_at(protocol, place, tls);
            let scheme = if secure { "https" } else { "http" };
            let world = World::start(&format!(
                "endpoint = \"{scheme}://{place}\"\nprotocol = \"{protocol}\"\ninterval = \"20ms\"\n\
                 headers = {{ X-Api-Token = \"secret\" }}\ncompression = \"{}\"\n{}",
                if secure { "gzip" } else { "none" },
                if secure {
                    format!("trusted_certificate = \"{}\"", trusted.display())
                } else {
                    String::new()
                }
            ));
            world.ask("/a");
            let all = spans(&collector, 1);
            assert_eq!(server(&all, "/a")["name"], "GET", "a server's own answer has no route");
            let batch = &batches(&collector)[0];
            assert_eq!(batch["headers"]["x-api-token"], "secret");
            if protocol == "http/protobuf" {
                assert_eq!(
                    (&batch["headers"]["path"], &batch["headers"]["content-type"]),
                    (&"/v1/traces".into(), &"application/x-protobuf".into())
                );
            }
            world.counted("exported_total", 1);
            assert_eq!(
                world.metric("failed_total") + world.metric("dropped_total") + world.metric("waiting"),
                0
            );
        }
    }
}

#[test]
fn a_collector_that_nobody_knows_gets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let place = address();
    let (certificate, key) =
        Authority::root("Other").server(&[&place.ip().to_string()]).write(directory.path(), "collector");
    let trusted = file(directory.path(), "root.pem", &Authority::root("Root").certificate);
    let _collector = Collector::start_at("grpc", place, Some([&certificate, &key]));
    let exporter = |trusted: &str| {
        format!("endpoint = \"https://{place}\"\ninterval = \"20ms\"\ntrusted_certificate = \"{trusted}\"")
    };
    let world = World::start(&exporter(&trusted.display().to_string()));
    world.ask("/");
    world.gateway.tells("invalid peer certificate");
    // One that is not there is a fault: everything else works.
    let output = check(&config(address(), address(), &exporter("/nonexistent.pem"), ""));
    assert_eq!(output.status.code(), Some(2), "{}", lossy(&output.stderr));
    assert!(lossy(&output.stderr).contains("[trace_exporter] cannot be used: /nonexistent.pem"));
    World::start(&exporter("/nonexistent.pem")).ask("/");
}

#[test]
fn requests_do_not_notice_that_nobody_is_there() {
    let refusing = Refusing::new();
    let exporter = format!("endpoint = \"http://{}\"\nbatch_size = 1\nqueue = 3", refusing.address());
    let mut world = World::start(&exporter);
    (0..20).for_each(|_| world.ask("/"));
    world.gateway.tells("Connection refused");
    // One is on its way, or was when there was room for another.
    until("drops", LIMIT, || (world.metric("dropped_total") >= 16).then_some(()));
    assert_eq!(world.told("spans cannot be sent"), 1);
    world.gateway.signal(Signal::TERM);
    assert!(world.gateway.ended(LIMIT).success());
    assert_eq!((world.told("spans cannot be sent"), world.told("could not be sent within")), (1, 0));
}

/// What it refuses is lost, and that is told once until it is over.
#[test]
fn a_collector_that_refuses_is_told_of_once() {
    let collector = Collector::start("http/protobuf");
    let world = World::start(&prompt(&collector));
    collector.answers("400");
    (0..8).for_each(|_| world.ask("/"));
    world.counted("failed_total", 8);
    world.gateway.tells("the collector responded with status 400 Bad Request: as the test wants it");
    assert_eq!(world.told("spans cannot be sent"), 1);
    collector.answers("200");
    world.ask("/");
    world.counted("exported_total", 1);
    world.gateway.tells("again; 8 were lost");
    collector.answers("partial 1");
    (0..3).for_each(|_| world.ask("/"));
    world.counted("failed_total", 11);
    world.gateway.tells("rejected 1 spans of a batch: \"not these\"");
    assert_eq!(world.told(" rejected "), 1);
}

#[test]
fn what_it_cannot_take_now_it_gets_again() {
    for (protocol, busy) in
        [("http/protobuf", "503 0"), ("grpc", "UNAVAILABLE"), ("grpc", "RESOURCE_EXHAUSTED 0")]
    {
        let collector = Collector::start(protocol);
        collector.answers(busy);
        let exporter = format!(
            "endpoint = \"http://{}\"\nprotocol = \"{protocol}\"\ninterval = \"20ms\"",
            collector.address()
        );
        let world = World::start(&exporter);
        world.ask("/again");
        collector.lines("batches", 1);
        collector.answers("200");
        world.counted("exported_total", 1);
        assert_eq!(world.metric("failed_total"), 0);
        let all = batches(&collector);
        assert!(all.len() >= 2 && all.iter().all(|batch| batch["spans"] == all[0]["spans"]), "{all:#?}");
        world.gateway.tells("again; 0 were lost");
    }
}

/// A connection that is kept may be gone by the next batch.
#[test]
fn a_collector_may_be_restarted() {
    for protocol in ["grpc", "http/protobuf"] {
        let place = address();
        let first = Collector::start_at(protocol, place, None);
        let world = World::start(&format!(
            "endpoint = \"http://{place}\"\nprotocol = \"{protocol}\"\nbatch_size = 1"
        ));
        world.ask("/");
        world.counted("exported_total", 1);
        drop(first);
        let second = Collector::start_at(protocol, place, None);
        world.ask("/again");
        world.counted("exported_total", 2);
        server(&spans(&second, 1), "/again");
        assert_eq!((world.metric("failed_total"), world.told("spans cannot be sent")), (0, 0));
    }
}

#[test]
fn a_collector_that_hangs_holds_up_nobody() {
    let collector = Collector::start("grpc");
    collector.answers("hang");
    let mut world = World::start(&format!("{}\nbatch_size = 1\nqueue = 4", patient(&collector)));
    (0..30).for_each(|_| world.ask("/"));
    until("drops", LIMIT, || (world.metric("dropped_total") >= 25).then_some(()));
    world.gateway.signal(Signal::TERM);
    assert!(world.gateway.ended(LIMIT).success());
    world.gateway.tells("spans could not be sent within 5s: they are lost");
}

#[test]
fn what_waits_at_the_end_is_sent() {
    for signal in [Signal::TERM, Signal::QUIT] {
        let collector = Collector::start("grpc");
        let mut world = World::start(&patient(&collector));
        (0..3).for_each(|n| world.ask(&format!("/{n}")));
        world.counted("waiting", 3);
        world.gateway.signal(signal);
        assert!(world.gateway.ended(LIMIT).success());
        assert_eq!(spans(&collector, 3).len(), 3);
        assert_eq!(batches(&collector).len(), 1);
    }
}

#[test]
fn a_reload_keeps_what_waits() {
    let (collector, other) = (Collector::start("grpc"), Collector::start("grpc"));
    let mut world = World::start(&patient(&collector));
    world.ask("/before");
    let same = config(world.at, world.admin, &patient(&collector), "trace.attributes = { again = \"yes\" }");
    world.gateway.reload(&same);
    world.ask("/after");
    world.counted("waiting", 2);
    // With another collector, what was for this one still goes there; whoever is in flight by then, too.
    world.gateway.reload(&config(world.at, world.admin, &patient(&other), ""));
    let all = spans(&collector, 2);
    assert_eq!(server(&all, "/before")["attributes"]["again"], serde_json::Value::Null);
    assert_eq!(server(&all, "/after")["attributes"]["again"], "yes");
    assert_eq!(batches(&collector).len(), 1);
    world.ask("/other");
    world.gateway.signal(Signal::TERM);
    assert!(world.gateway.ended(LIMIT).success());
    server(&spans(&other, 1), "/other");
}
