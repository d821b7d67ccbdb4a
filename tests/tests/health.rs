//! Health checks against real peers: how they are asked, and what follows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{LIMIT, Nginx, Propylon, Signal, address, raw_request, until};

fn get(listen: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = raw_request(listen, request.as_bytes()).unwrap();
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

/// A peer that answers requests for `/health` with a status that can be changed.
fn moody(
    name: &'static str,
    status: &Arc<AtomicU16>,
) -> impl Fn(&[u8]) -> String + Send + Sync + Clone + 'static {
    let status = Arc::clone(status);
    move |request: &[u8]| {
        let asked = request.starts_with(b"GET /health ");
        let status = if asked { status.load(SeqCst) } else { 200 };
        format!("HTTP/1.1 {status} X\r\nX-Role: {name}\r\nContent-Length: {}\r\n\r\n{name}", name.len())
    }
}

fn serve(answer: impl Fn(&[u8]) -> String + Send + Sync + Clone + 'static) -> RawPeer {
    RawPeer::tcp(move |_| {
        let answer = answer.clone();
        Plan::new().answer(move |request| answer(request)).forever()
    })
}

/// Asks until the peer with this name answers no more, or does again.
fn until_served(listen: SocketAddr, name: &str, wanted: bool) {
    until(name, LIMIT, || ((0..4).any(|_| get(listen, "/").1 == name) == wanted).then_some(()));
}

/// nginx's own form: the check in the location, what is good in a block of its own.
#[test]
fn a_location_of_an_nginx_conf_checks_its_upstream() {
    let (listen, status) = (address(), Arc::new(AtomicU16::new(200)));
    let (a, b) = (serve(moody("a", &status)), serve(moody("b", &Arc::new(AtomicU16::new(200)))));
    let _propylon = Propylon::start_nginx(&format!(
        "events {{}}\nhttp {{ access_log off;
            match good {{ status 200-299; header X-Role ~ ^[ab]$; body !~ maintenance; }}
            server {{ listen {listen}; location / {{ proxy_pass http://app; health_check interval=20ms uri=/health match=good; }} }}
            upstream app {{ zone app 64k; server {}; server {}; }} }}\n",
        a.addr(),
        b.addr()
    ));
    until_served(listen, "a", true);
    status.store(304, SeqCst); // good for the default, but not for the block
    until_served(listen, "a", false);
    status.store(204, SeqCst);
    until_served(listen, "a", true);
}

#[test]
fn conditions_other_ports_unix_sockets_and_marks_over_a_reload() {
    let (listen, status) = (address(), Arc::new(AtomicU16::new(200)));
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("peer.sock");
    let (asked, well) = (serve(moody("asked", &status)), serve(moody("a", &Arc::new(AtomicU16::new(503)))));
    let answer = moody("unix", &status);
    let unix = RawPeer::unix(&socket, move |_| {
        let answer = answer.clone();
        Plan::new().answer(move |request| answer(request)).forever()
    });
    let conf = |more: &str| {
        format!(
            "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
             [upstream.ports]\nserver = [{{ address = \"{}\" }}]\n\
             health_check = {{ interval = \"20ms\", uri = \"/health\", port = {}, fails = 2 }}\n\
             [upstream.unix]\nserver = [{{ address = \"unix:{}\" }}]\n{more}\n\
             health_check = {{ interval = \"20ms\", uri = \"/health\", match = {{ status = [\"200\", \"!204\"], headers = [\"X-Role = unix\", \"! X-None\"] }} }}\n\
             [[server]]\nlisten = [\"{listen}\"]\n\
             [[server.location]]\nmatch = \"/ports\"\nproxy_pass = \"http://ports\"\n\
             [[server.location]]\nmatch = \"/unix\"\nproxy_pass = \"http://unix\"\n",
            well.addr(),
            asked.addr().port(),
            socket.display()
        )
    };
    let gateway = Propylon::start(&conf(""));
    let both = || (get(listen, "/ports").0, get(listen, "/unix").0);
    until("probes", LIMIT, || (asked.accepted() > 3 && unix.accepted() > 3).then_some(()));
    assert_eq!(both(), (200, 200), "the other port is asked, not the server's own");
    status.store(500, SeqCst);
    until("both are found unwell", LIMIT, || (both() == (502, 502)).then_some(()));
    // What was found stays so over a reload, also where the upstream changes.
    gateway.rewrite(&conf("keepalive = 7"));
    gateway.signal(Signal::HUP);
    until("the new configuration", LIMIT, || {
        assert_eq!(both(), (502, 502), "nobody is taken for well until a probe says so");
        gateway.error_log().contains("exited with code 0").then_some(())
    });
    assert_eq!(both(), (502, 502));
    status.store(200, SeqCst);
    until("both are well again", LIMIT, || (both() == (200, 200)).then_some(()));
}

/// No location names the group, but one may: it is asked the way that one would go.
#[test]
fn a_group_that_only_variables_name_is_asked_over_tls_and_from_the_same_address() {
    let (listen, origin) = (address(), address());
    let directory = tempfile::tempdir().unwrap();
    let _ = Authority::root("Root").server(&["a.test"]).write(directory.path(), "a");
    let at = directory.path().join("a").display().to_string();
    let log = directory.path().join("seen.log").display().to_string();
    let _ = file(directory.path(), "seen.log", "");
    let _nginx = Nginx::start(&format!(
        "http {{ log_format seen '$https $remote_addr $uri'; access_log {log} seen;
         server {{ listen {origin} ssl; ssl_certificate {at}.pem; ssl_certificate_key {at}.key; return 200 secure; }} }}"
    ));
    let _gateway = Propylon::start(&format!(
        "[upstream.hidden]\nserver = [{{ address = \"{origin}\" }}]\n\
         health_check = {{ interval = \"20ms\", uri = \"/health\", mandatory = true }}\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"https://$arg_to\"\n\
         upstream.bind = \"127.0.0.55\"\n"
    ));
    until("a probe that passes", LIMIT, || {
        (get(listen, "/?to=hidden") == (200, "secure".into())).then_some(())
    });
    let seen = std::fs::read_to_string(&log).unwrap();
    assert!(seen.contains("on 127.0.0.55 /health\n"), "{seen}");
}
