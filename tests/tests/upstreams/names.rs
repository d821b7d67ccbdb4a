//! Peers that have a name.

use propylon_testkit::dns::{DnsServer, Mood};
use propylon_testkit::peer::RawPeer;
use propylon_tests::{LIMIT, Propylon, address, raw_request, until};

use crate::support::{get, numbered, one, says};

#[test]
fn names_are_followed_under_load() {
    let (listen, dns) = (address(), DnsServer::start());
    let (first, second) = (numbered(1), numbered(2));
    let serve =
        |peer: &RawPeer| dns.service("_web._tcp.app.test", &[(0, 1, peer.addr().port(), "host.test")], 0);
    dns.host("host.test", &["127.0.0.1"], 0);
    serve(&first);
    let gateway = one(
        listen,
        "",
        "{ address = \"app.test\", resolve = true, service = \"web\" }",
        &format!("[resolver]\nservers = [\"{}\"]", dns.addr()),
    );
    assert_eq!(get(listen), (200, "1".into()));
    serve(&second);
    until("the new answer", LIMIT, || {
        let (status, text) = get(listen);
        assert_eq!(status, 200, "no request fails for it");
        (text == "2").then_some(())
    });
    dns.mood(Mood::Fails);
    drop(first);
    let asked = dns.queries();
    until("queries that failed", LIMIT, || (dns.queries() > asked + 4).then_some(()));
    assert_eq!(get(listen), (200, "2".into()), "the last good answer stands");
    says(&gateway, "the addresses of app.test are now 127.0.0.1");
}

#[test]
fn a_name_that_is_unknown_at_first_does_not_stop_the_start() {
    let (listen, dns) = (address(), DnsServer::start());
    let peer = numbered(1);
    let _gateway = one(
        listen,
        "",
        &format!("{{ address = \"late.test:{}\", resolve = true }}", peer.addr().port()),
        &format!("[resolver]\nservers = [\"{}\"]", dns.addr()),
    );
    assert_eq!(get(listen).0, 502);
    dns.host("late.test", &["127.0.0.1"], 60);
    until("the name", LIMIT, || (get(listen).0 == 200).then_some(()));
}

#[test]
fn a_name_in_a_template_is_asked_of_the_resolver() {
    let (listen, dns, peer) = (address(), DnsServer::start(), numbered(7));
    dns.host("seven.test", &["127.0.0.1"], 60);
    let _gateway = Propylon::start(&format!(
        "[resolver]\nservers = [\"{}\"]\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\n\
         proxy_pass = \"http://$arg_h:{}\"\n",
        dns.addr(),
        peer.addr().port()
    ));
    let ask = |name: &str| {
        let request = format!("GET /?h={name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap().status
    };
    assert_eq!([ask("seven.test"), ask("eight.test"), ask("127.0.0.1")], [200, 502, 200]);
}

#[test]
fn a_host_that_is_written_elsewhere_is_an_upstream_for_templates() {
    let (listen, peer) = (address(), numbered(7));
    let port = peer.addr().port();
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nresolver = false\n\
         proxy_pass = \"http://$arg_h\"\n[[server.location]]\nmatch = \"/written\"\n\
         proxy_pass = \"http://localhost:{port}\"\n",
    ));
    let ask = |host: &str| {
        let request = format!("GET /?h={host} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap().status
    };
    assert_eq!(ask(&format!("localhost:{port}")), 200);
    assert_eq!(ask(&format!("LocalHost:{port}")), 200);
    assert_eq!([ask("localhost"), ask("localhost:1")], [502, 502], "nobody is to be asked for another one");
}

#[test]
fn peers_that_a_template_names_are_tried_anew_when_all_have_failed() {
    let (listen, dns) = (address(), DnsServer::start());
    dns.host("two.test", &["127.0.0.1", "127.0.0.2"], 60);
    let _gateway = Propylon::start(&format!(
        "[resolver]\nservers = [\"{}\"]\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\n\
         headers.add_always = {{ X-Tried = \"$upstream_addr\" }}\nproxy_pass = \"http://$arg_h:1\"\n",
        dns.addr(),
    ));
    for _ in 0..3 {
        let request = b"GET /?h=two.test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let tried = raw_request(listen, request).unwrap().head.field("x-tried").unwrap();
        assert!(tried.contains("127.0.0.1:1") && tried.contains("127.0.0.2:1"), "{tried}");
    }
}

/// Why a name leads nowhere stands in the error log once.
#[test]
fn a_resolver_that_is_not_there_is_told() {
    let (listen, nobody) = (address(), address());
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\n[resolver]\nservers = [\"{nobody}\"]\n[[server]]\nlisten = [\"{listen}\"]\n\
         [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://$arg_h:80\"\n"
    ));
    let answer =
        raw_request(listen, b"GET /?h=a.test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer.status, 502);
    let log = gateway.tells("a.test could not be resolved (2: Server failure): ");
    assert_eq!(log.matches("Connection refused").count(), 1, "{log}");
    assert!(log.contains(", client: 127.0.0.1, server: "), "{log}");
}
