//! Which peers get requests, and from whom.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{LIMIT, Propylon, Refusing, address, raw_request, until};

use crate::support::{GOOD, get, numbered, one, says};

#[test]
fn a_peer_that_fails_is_left_alone_and_all_failed_is_502() {
    let (listen, refusing, other) = (address(), Refusing::new(), Refusing::new());
    let good = numbered(1);
    let gateway = one(
        listen,
        "retry.on = [\"off\"]",
        &format!("{{ address = \"{}\" }}, {{ address = \"{}\" }}", refusing.address(), good.addr()),
        "[runtime]\nworkers = 1",
    );
    let statuses: Vec<_> = (0..6).map(|_| get(listen).0).collect();
    assert_eq!(statuses, [502, 200, 200, 200, 200, 200], "one failure is enough");
    says(&gateway, "temporarily disabled");
    drop(gateway);
    let gateway = one(
        listen,
        "",
        &format!("{{ address = \"{}\" }}, {{ address = \"{}\" }}", refusing.address(), other.address()),
        "[runtime]\nworkers = 1",
    );
    assert_eq!([get(listen).0, get(listen).0], [502, 502]);
    says(&gateway, "no live upstreams");
}

#[test]
fn peers_that_say_they_are_unwell_get_no_requests() {
    let (listen, well) = (address(), Arc::new(AtomicBool::new(true)));
    let answer = |well: &AtomicBool, name: &str, request: &[u8]| {
        let asked = request.starts_with(b"GET /health HTTP/1.0\r\n"); // as the location speaks
        let text = if asked && !well.load(SeqCst) { "maintenance" } else { name };
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
    };
    let state = Arc::clone(&well);
    let moody = RawPeer::tcp(move |_| {
        let state = Arc::clone(&state);
        Plan::new().answer(move |request| answer(&state, "moody", request)).forever()
    });
    let steady = numbered(1);
    let gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [upstream.u]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n\
         [upstream.u.health_check]\ninterval = \"20ms\"\nuri = \"/health\"\nfails = 2\nmatch = {{ headers = [\"X-State !~ ^un(?=well)\"], body = \"!maint(?=enance)\" }}\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n\
         upstream.http_version = \"1.0\"\n",
        moody.addr(),
        steady.addr()
    ));
    let served = || [get(listen).1, get(listen).1].concat();
    assert!(served().contains("moody"));
    well.store(false, SeqCst);
    says(&gateway, "unhealthy");
    assert!((0..5).all(|_| served() == "11"), "its answers are good, but it says that it is unwell");
    well.store(true, SeqCst);
    until("it is well again", LIMIT, || served().contains("moody").then_some(()));
    says(&gateway, "the body does not match");
}

#[test]
fn connections_come_from_where_they_should_and_say_who_the_client_is() {
    let (listen, origin) = (address(), address());
    let nginx = format!(
        "http {{ access_log off; server {{ listen {origin} proxy_protocol; return 200 \"$remote_addr $proxy_protocol_addr $connection_requests\"; }} }}"
    );
    let _nginx = propylon_tests::Nginx::start(&nginx);
    let plain = RawPeer::tcp(|_| Plan::new().answer(|_| GOOD).forever());
    let location = |path: &str, to: SocketAddr, upstream: &str| {
        format!(
            "[[server.location]]\nmatch = \"/{path}/\"\nproxy_pass = \"http://{to}\"\nupstream = {{ {upstream} }}\n"
        )
    };
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[[server]]\nlisten = [\"{listen}\"]\nheaders = {{ real_ip_from = [\"127.0.0.0/8\"] }}\n{}{}{}{}{}",
        location("v1", origin, "proxy_protocol = true, bind = \"127.0.0.77\""),
        location("v2", origin, "proxy_protocol = 2, bind = \"$arg_from\""),
        location("odd", origin, "proxy_protocol = 1, bind = \"$arg_none nonsense\""),
        location("greeted", plain.addr(), "proxy_protocol = 1"),
        location("bound", plain.addr(), "bind = \"$arg_from\""),
    ));
    let ask = |path: &str, client: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Real-IP: {client}\r\nConnection: close\r\n\r\n");
        let answer = raw_request(listen, request.as_bytes()).unwrap();
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert_eq!(ask("/v1/", "192.0.2.1"), "127.0.0.77 192.0.2.1 1");
    assert_eq!(ask("/v2/?from=127.0.0.78", "192.0.2.2"), "127.0.0.78 192.0.2.2 1");
    assert_eq!(ask("/v1/", "192.0.2.3"), "127.0.0.77 192.0.2.3 1", "no connection is another client's");
    assert_eq!(ask("/odd/", "192.0.2.4"), "127.0.0.1 192.0.2.4 1");
    ask("/greeted/", "2001:db8::1");
    assert!(plain.requests()[0].starts_with(b"PROXY TCP6 2001:db8::1 ::ffff:127."));
    let connections = plain.accepted();
    for from in ["127.0.0.5", "127.0.0.6", "127.0.0.5"] {
        assert_eq!(ask(&format!("/bound/?from={from}"), "192.0.2.1"), "good");
    }
    assert_eq!(plain.accepted() - connections, 2, "one for each address");
}

#[test]
fn our_own_trouble_is_no_peers_fault() {
    let (listen, peer) = (address(), numbered(1));
    let other = numbered(1);
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[upstream.u]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n\
         health_check = {{ interval = \"20ms\" }}\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n\
         [[server.location]]\nmatch = \"/bound/\"\nproxy_pass = \"http://u\"\nupstream.bind = \"192.0.2.9\"\n",
        peer.addr(),
        other.addr()
    ));
    for _ in 0..3 {
        let answer =
            raw_request(listen, b"GET /bound/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(answer.status, 500);
        assert_eq!(get(listen), (200, "1".into()), "others are served all the same");
    }
}
