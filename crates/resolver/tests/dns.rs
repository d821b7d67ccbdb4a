//! Against a DNS server on a real socket.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use propylon_resolver::{Error, Question, Resolver};
use propylon_testkit::dns::{DnsServer, Mood};

fn resolver(server: &DnsServer) -> Resolver {
    Resolver::builder().servers([server.addr()]).build().unwrap()
}

async fn addresses(resolver: &Resolver, name: &str) -> Vec<String> {
    resolver.lookup(name).await.unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn both_kinds_of_addresses() {
    let server = DnsServer::start();
    server.host("a.test", &["10.0.0.2", "::1", "10.0.0.1"], 60);
    assert_eq!(addresses(&resolver(&server), "a.test").await, ["10.0.0.1", "10.0.0.2", "::1"]);
    let v4 = Resolver::builder().servers([server.addr()]).ipv6(false).build().unwrap();
    assert_eq!(addresses(&v4, "a.test").await, ["10.0.0.1", "10.0.0.2"]);
    let v6 = Resolver::builder().servers([server.addr()]).ipv4(false).build().unwrap();
    assert_eq!(addresses(&v6, "a.test").await, ["::1"]);
    assert!(Resolver::builder().ipv4(false).ipv6(false).build().is_err());
}

#[tokio::test]
async fn what_does_not_exist() {
    let server = DnsServer::start();
    server.host("empty.test", &[], 60);
    let resolver = resolver(&server);
    for name in ["none.test", "empty.test"] {
        let error = resolver.lookup(name).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert!(error.is_final());
    }
}

#[tokio::test]
async fn a_server_that_fails() {
    let server = DnsServer::start();
    server.mood(Mood::Fails);
    let error = resolver(&server).lookup("a.test").await.unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error}");
    assert!(!error.is_final());
}

#[tokio::test]
async fn a_server_that_is_silent() {
    let server = DnsServer::start();
    server.mood(Mood::Silent);
    let hasty =
        Resolver::builder().servers([server.addr()]).timeout(Duration::from_millis(50)).build().unwrap();
    let error = hasty.lookup("a.test").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_long_answer_comes_over_tcp() {
    let server = DnsServer::start();
    server.host("a.test", &["10.0.0.1"], 60);
    server.mood(Mood::Truncates);
    assert_eq!(addresses(&resolver(&server), "a.test").await, ["10.0.0.1"]);
}

#[tokio::test]
async fn services_have_priorities_weights_and_ports() {
    let server = DnsServer::start();
    server.service(
        "_http._tcp.a.test",
        &[(10, 5, 81, "b.test"), (0, 1, 80, "c.test"), (0, 2, 82, "gone.test")],
        60,
    );
    server.host("b.test", &["10.0.0.1", "10.0.0.2"], 60);
    server.host("c.test", &["10.0.0.3"], 60);
    let found = resolver(&server).resolve(&Question::service("http", "A.test")).await.unwrap();
    let found: Vec<_> =
        found.iter().map(|e| format!("{} {} {}:{}", e.priority, e.weight, e.ip, e.port.unwrap())).collect();
    assert_eq!(found, ["0 1 10.0.0.3:80", "10 5 10.0.0.1:81", "10 5 10.0.0.2:81"]);
}

#[tokio::test]
async fn a_watch_sees_a_change() {
    let server = DnsServer::start();
    server.host("a.test", &["10.0.0.1"], 0);
    let mut watch = resolver(&server).watch(Question::host("a.test"));
    assert_eq!(watch.changed().await.unwrap().len(), 1);
    server.host("a.test", &["10.0.0.1", "10.0.0.2"], 0);
    assert_eq!(watch.changed().await.unwrap().len(), 2);
}

#[tokio::test]
async fn aliases_are_followed_from_answer_to_answer() {
    let server = DnsServer::start();
    server.alias("a.test", "b.test");
    server.alias("b.test", "c.test");
    server.host("c.test", &["10.0.0.1", "::1"], 60);
    assert_eq!(addresses(&resolver(&server), "a.test").await, ["10.0.0.1", "::1"]);
    server.alias("d.test", "d.test");
    let error = resolver(&server).lookup("d.test").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    server.alias("_http._tcp.e.test", "_http._tcp.f.test");
    server.service("_http._tcp.f.test", &[(0, 1, 80, "c.test")], 60);
    let found = resolver(&server).resolve(&Question::service("http", "e.test")).await.unwrap();
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_fails() {
    let (bad, good) = (DnsServer::start(), DnsServer::start());
    bad.mood(Mood::Fails);
    good.host("a.test", &["10.0.0.1"], 0);
    let resolver = Resolver::builder().servers([bad.addr(), good.addr()]).build().unwrap();
    for _ in 0..3 {
        assert_eq!(addresses(&resolver, "a.test").await, ["10.0.0.1"]);
    }
    assert!(bad.queries() > 0 && good.queries() >= 3);
    // Nobody listens there.
    let gone = DnsServer::start().addr();
    let resolver = Resolver::builder().servers([gone, good.addr(), gone]).build().unwrap();
    assert_eq!(addresses(&resolver, "a.test").await, ["10.0.0.1"]);
}

#[tokio::test]
async fn one_kind_of_addresses_is_enough() {
    let server = DnsServer::start();
    server.host("a.test", &["10.0.0.1", "::1"], 60);
    server.mood(Mood::FailsForAaaa);
    assert_eq!(addresses(&resolver(&server), "a.test").await, ["10.0.0.1"]);
    server.host("b.test", &["::1"], 60);
    let error = resolver(&server).lookup("b.test").await.unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error}");
}

#[tokio::test]
async fn this_machine_needs_no_server() {
    let server = DnsServer::start();
    assert_eq!(addresses(&resolver(&server), "localhost").await, ["127.0.0.1", "::1"]);
    assert_eq!(server.queries(), 0);
}
