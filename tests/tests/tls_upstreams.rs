//! Upstreams over TLS that are not who they should be, or fail half way: nginx, OpenSSL's server, and peers that break off.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{
    End, LIMIT, Nginx, OpensslServer, Propylon, RawResponse, Signal, addresses, lossy, on_hyper, raw_request,
    until,
};
use propylon_tls::{Acceptor, Connector, Sessions, accept};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Certificates, good and bad.
struct World {
    directory: tempfile::TempDir,
    root: Authority,
}

/// What is wrong with a certificate, and what OpenSSL says to it.
const KINDS: [(&str, &str); 6] = [
    ("expired", "(10:certificate has expired)"),
    ("early", "(9:certificate is not yet valid)"),
    ("stranger", "(21:unable to verify the first certificate)"),
    ("deep", "(22:certificate chain too long)"),
    ("revoked", "(23:certificate revoked)"),
    ("named", "upstream SSL certificate does not match \"a.test\""),
];

impl World {
    fn new() -> Self {
        let (directory, root) = (tempfile::tempdir().unwrap(), Authority::root("Root"));
        let path = directory.path();
        let revoked = root.server(&["a.test"]);
        for (name, identity) in [
            ("good", &root.server(&["a.test"])),
            ("client", &root.server(&["client.test"])),
            ("expired", &root.expired_server(&["a.test"])),
            ("early", &root.early_server(&["a.test"])),
            ("stranger", &Authority::root("Stranger").server(&["a.test"])),
            ("deep", &root.intermediate("Middle").intermediate("Deep").server(&["a.test"])),
            ("named", &root.server(&["b.test"])),
            ("revoked", &revoked),
        ] {
            let _ = identity.write(path, name);
        }
        let _ = file(path, "root.pem", &root.certificate);
        let _ = file(path, "root.crl", &root.revocation_list(&[&revoked]));
        Self { directory, root }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// How a location is to verify its upstream's certificate of this kind.
    fn trusting(&self, kind: &str) -> String {
        let list = match kind {
            "revoked" => format!(", crl = \"{}\"", self.at("root.crl")),
            _ => String::new(),
        };
        let root = self.at("root.pem");
        format!(
            "verify = true, trusted_certificate = \"{root}\", name = \"a.test\", server_name = true{list}"
        )
    }

    fn showing(&self) -> String {
        format!(", certificate = \"{}\", key = \"{}\"", self.at("client.pem"), self.at("client.key"))
    }

    fn acceptor(&self, kind: &str) -> Acceptor {
        let builder =
            Acceptor::builder().identity(self.at(&format!("{kind}.pem")), self.at(&format!("{kind}.key")));
        builder.build(&Sessions::new(10).unwrap()).unwrap()
    }

    fn openssl(&self, listen: SocketAddr, kind: &str, more: &[&str]) -> OpensslServer {
        let [certificate, key] = ["pem", "key"].map(|end| self.at(&format!("{kind}.{end}")));
        let mut arguments = vec!["-cert", &certificate, "-key", &key];
        if kind == "deep" {
            arguments.extend(["-cert_chain", &certificate]);
        }
        arguments.extend(more);
        OpensslServer::start(listen, &arguments)
    }
}

fn gateway(listen: SocketAddr, upstreams: &str, locations: &str) -> Propylon {
    Propylon::start(&format!(
        "[runtime]\nworkers = 1\ncertificate_check = \"50ms\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nshort = '$status [$upstream_addr] [$upstream_status] $request'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
         [defaults.headers]\nproxy_status = \"edge\"\n[defaults.timeout]\nconnect = \"1s\"\n[defaults.retry]\nbudget = false\n\
         {upstreams}\n[[server]]\nlisten = [\"{listen}\"]\n{locations}"
    ))
}

fn location(path: &str, to: &str, tls: &str) -> String {
    format!(
        "[[server.location]]\nmatch = \"/{path}/\"\nproxy_pass = \"https://{to}\"\nupstream.tls = {{ {tls} }}\n"
    )
}

fn send(listen: SocketAddr, method: &str, path: &str, body: usize) -> RawResponse {
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {body}\r\n") };
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{length}Connection: close\r\n\r\n").into_bytes();
    request.extend(std::iter::repeat_n(b'x', body));
    raw_request(listen, &request).unwrap()
}

fn get(listen: SocketAddr, path: &str) -> RawResponse {
    send(listen, "GET", path, 0)
}

/// What `openssl s_server` says of the connection, and what nginx says.
#[test]
fn every_reason_is_in_the_log_and_in_proxy_status() {
    let world = World::new();
    let [listen, good] = addresses();
    let mut locations = location("openssl/good", &good.to_string(), &world.trusting("good"));
    let (mut peers, mut servers) = (vec![world.openssl(good, "good", &[])], String::new());
    for (kind, _) in KINDS {
        let [openssl, nginx] = addresses();
        peers.push(world.openssl(openssl, kind, &[]));
        let at = world.at(kind);
        writeln!(
            servers,
            "server {{ listen {nginx} ssl; ssl_certificate {at}.pem; ssl_certificate_key {at}.key; }}"
        )
        .unwrap();
        for (program, to) in [("openssl", openssl), ("nginx", nginx)] {
            locations += &location(&format!("{program}/{kind}"), &to.to_string(), &world.trusting(kind));
        }
    }
    let _nginx = Nginx::start(&format!("http {{ access_log off; {servers} }}"));
    let gateway = gateway(listen, "", &locations);
    let answer = get(listen, "/openssl/good/");
    assert!(answer.status == 200 && answer.text().contains("Cipher is TLS_"), "{}", answer.text());
    for (kind, reason) in KINDS {
        for program in ["openssl", "nginx"] {
            let path = format!("/{program}/{kind}/");
            let answer = get(listen, &path);
            assert_eq!(answer.status, 502, "{path}");
            let field = answer.head.field("proxy-status").unwrap();
            let quoted = reason.replace('"', "\\\"");
            assert!(
                field.starts_with("\"edge\"; error=tls_certificate_error; next-hop=")
                    && field.contains(&quoted),
                "{path}: {field}"
            );
            let line = until(reason, LIMIT, || {
                let log = gateway.error_log();
                log.lines().find(|line| line.contains(&format!("GET {path} "))).map(str::to_owned)
            });
            assert!(line.contains("[error]") && line.contains(reason), "{path}: {line}");
        }
    }
}

#[test]
fn openssl_sees_sessions_reused_and_our_certificate() {
    let world = World::new();
    let [listen, plain, asking] = addresses();
    let _plain = world.openssl(plain, "good", &[]);
    let root = world.at("root.pem");
    let _asking = world.openssl(asking, "good", &["-Verify", "3", "-CAfile", &root, "-verify_return_error"]);
    let trusting = world.trusting("good");
    let [v2, v3] = ["TLSv1.2", "TLSv1.3"].map(|protocol| format!("{trusting}, protocols = [\"{protocol}\"]"));
    let (plain, asking) = (plain.to_string(), asking.to_string());
    let gateway = gateway(
        listen,
        "",
        &[
            location("v2", &plain, &v2),
            location("v3", &plain, &v3),
            location("forgetful", &plain, &format!("{trusting}, session_reuse = false")),
            location("shown", &asking, &format!("{trusting}{}", world.showing())),
            location("unshown", &asking, &trusting),
        ]
        .concat(),
    );
    for (path, protocol) in [("/v2/", "TLSv1.2"), ("/v3/", "TLSv1.3")] {
        let [first, second] = [0, 1].map(|_| get(listen, path).text());
        assert!(first.contains(&format!("New, {protocol}")), "{path}: {first}");
        assert!(second.contains(&format!("Reused, {protocol}")), "{path}: {second}");
    }
    for _ in 0..2 {
        assert!(get(listen, "/forgetful/").text().contains("New, TLSv1.3"));
    }
    let shown = get(listen, "/shown/");
    assert!(shown.status == 200 && shown.text().contains("Client certificate"), "{}", shown.text());
    assert_eq!(get(listen, "/unshown/").status, 502);
    until("the peer's alert", LIMIT, || {
        gateway.error_log().to_lowercase().contains("certificaterequired").then_some(())
    });
}

/// Our own certificate changes on disk: upstreams see the new one, without a reload.
#[test]
fn our_certificate_changes_by_itself() {
    let world = World::new();
    let [listen, asking] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {asking} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key;
         ssl_verify_client on; ssl_client_certificate {1}; return 200 $ssl_client_serial; }} }}",
        world.at("good"),
        world.at("root.pem")
    ));
    let upstream = format!("[upstream.u]\nkeepalive = 0\nserver = [{{ address = \"{asking}\" }}]");
    let gateway = gateway(
        listen,
        &upstream,
        &location("mine", "u", &format!("{}{}", world.trusting("good"), world.showing())),
    );
    let first = get(listen, "/mine/").text();
    let _ = world.root.server(&["client.test"]).write(world.path(), "client");
    let second = until("the new certificate", LIMIT, || {
        let answer = get(listen, "/mine/");
        assert_eq!(answer.status, 200, "no request fails for it");
        Some(answer.text()).filter(|serial| *serial != first)
    });
    let _ = file(world.path(), "client.key", "no key");
    gateway.signal(Signal::HUP);
    until("the warning", LIMIT, || gateway.error_log().contains("client.key").then_some(()));
    assert_eq!(get(listen, "/mine/").text(), second, "the good one stays");
}

/// What is revoked changes on disk: it counts for the next connection, without a reload.
#[test]
fn a_revocation_list_changes_by_itself() {
    let world = World::new();
    let [listen, peer] = addresses();
    let _ = file(world.path(), "living.crl", &world.root.revocation_list(&[]));
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {peer} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key; return 200 good; }} }}",
        world.at("revoked")
    ));
    let upstream = format!("[upstream.u]\nkeepalive = 0\nserver = [{{ address = \"{peer}\" }}]");
    let tls = format!("{}, crl = \"{}\"", world.trusting("good"), world.at("living.crl"));
    let gateway = gateway(listen, &upstream, &location("listed", "u", &tls));
    assert_eq!(get(listen, "/listed/").text(), "good", "it is not in the list");
    std::fs::copy(world.at("root.crl"), world.at("living.crl")).unwrap();
    until("the new list", LIMIT, || (get(listen, "/listed/").status == 502).then_some(()));
    until("the reason", LIMIT, || gateway.error_log().contains("(23:certificate revoked)").then_some(()));
}

/// As whom we connect may depend on the request.
#[test]
fn our_certificate_may_be_a_template() {
    let world = World::new();
    let [listen, asking] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {asking} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key;
         ssl_verify_client optional; ssl_client_certificate {1}; return 200 \"$ssl_client_verify $ssl_client_serial\"; }} }}",
        world.at("good"),
        world.at("root.pem")
    ));
    let at = world.path().display();
    let tls = format!(
        "{}, certificate = \"{at}/$arg_who.pem\", key = \"{at}/$arg_who.key\"",
        world.trusting("good")
    );
    let upstream = format!("[upstream.u]\nserver = [{{ address = \"{asking}\" }}]");
    let gateway = gateway(listen, &upstream, &location("who", "u", &tls));
    let ask = |who: &str| get(listen, &format!("/who/?who={who}")).text();
    let (client, named) = (ask("client"), ask("named"));
    assert!(
        client.starts_with("SUCCESS ") && named.starts_with("SUCCESS ") && client != named,
        "{client} {named}"
    );
    assert_eq!((ask("client"), ask("named")), (client, named), "each its own, also from the pool");
    assert!(get(listen, "/who/?who=nobody").status >= 500);
    until("the reason", LIMIT, || gateway.error_log().contains("nobody.pem").then_some(()));
}

/// A reload that changes one location's TLS leaves the others' as they are: their certificates are still looked at.
#[test]
fn our_certificate_changes_by_itself_after_a_reload_too() {
    let world = World::new();
    let [listen, asking] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; server {{ listen {asking} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key;
         ssl_verify_client optional; ssl_client_certificate {1}; return 200 $ssl_client_serial; }} }}",
        world.at("good"),
        world.at("root.pem")
    ));
    let upstream = format!("[upstream.u]\nkeepalive = 0\nserver = [{{ address = \"{asking}\" }}]");
    let mine = location("mine", "u", &format!("{}{}", world.trusting("good"), world.showing()));
    let gateway =
        gateway(listen, &upstream, &[location("other", "u", &world.trusting("good")), mine].concat());
    let first = get(listen, "/mine/").text();
    let text = gateway
        .read("propylon.toml")
        .replace("server_name = true }", "server_name = true, verify_depth = 2 }");
    let added = |line: &&str| line.starts_with("pid_file") || line.starts_with("http1"); // by the harness, again
    gateway.rewrite(&text.lines().filter(|line| !added(line)).collect::<Vec<_>>().join("\n"));
    gateway.signal(Signal::HUP);
    until("the reload", LIMIT, || gateway.error_log().contains(": reloaded ").then_some(()));
    let _ = world.root.server(&["client.test"]).write(world.path(), "client");
    until("the new certificate", LIMIT, || (get(listen, "/mine/").text() != first).then_some(()));
}

/// TLS before a plain peer: what the peer sends is secured, and its end is told, or not.
struct Front {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    fn new(acceptor: Acceptor, to: SocketAddr, tells_the_end: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let serve = async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(Self::relay(socket, acceptor.clone(), to, tells_the_end));
                }
            };
            runtime.block_on(async {
                tokio::select! { () = serve => {}, _ = stopped => {} }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    async fn relay(socket: TcpStream, acceptor: Acceptor, to: SocketAddr, tells_the_end: bool) -> Option<()> {
        let (mut client, _) = accept(socket, |_| Some(acceptor)).await.ok()?;
        let mut peer = TcpStream::connect(to).await.ok()?;
        if tells_the_end {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut peer).await;
            return Some(());
        }
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_peer, mut to_peer) = peer.split();
        tokio::select! {
            _ = tokio::io::copy(&mut from_peer, &mut to_client) => {},
            _ = tokio::io::copy(&mut from_client, &mut to_peer) => {},
        }
        to_client.flush().await.ok()
        // Dropped: the socket ends, and TLS has not.
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A body that ends with its connection is whole only if TLS says so: else anybody on the way could cut it. nginx takes any end.
#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_if_tls_ended() {
    let world = World::new();
    let [listen] = addresses();
    let peer = RawPeer::tcp(|_| Plan::new().read_request().write("HTTP/1.1 200 OK\r\n\r\nall of it").close());
    let sized = RawPeer::tcp(|_| {
        Plan::new().read_request().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of it").close()
    });
    let told = Front::new(world.acceptor("good"), peer.addr(), true);
    let cut = Front::new(world.acceptor("good"), peer.addr(), false);
    let known = Front::new(world.acceptor("good"), sized.addr(), false);
    let trusting = world.trusting("good");
    let gateway = gateway(
        listen,
        "",
        &[("told", &told), ("cut", &cut), ("known", &known)]
            .map(|(name, front)| location(name, &front.address.to_string(), &trusting))
            .concat(),
    );
    for (path, end) in [("/told/", End::Complete), ("/cut/", End::Cut), ("/known/", End::Complete)] {
        let answer = get(listen, path);
        assert_eq!((answer.status, answer.text().as_str(), answer.end), (200, "all of it", end), "{path}");
    }
    until("the reason", LIMIT, || {
        let log = gateway.error_log();
        log.lines()
            .any(|line| line.contains("GET /cut/") && line.contains("while reading upstream"))
            .then_some(())
    });
}

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

/// All that a client over TLS gets, and whether TLS said that this was the end.
fn over_tls(listen: SocketAddr, request: &str) -> (String, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connector = Connector::builder().build().unwrap();
        let socket = TcpStream::connect(listen).await.unwrap();
        let mut stream = connector.connect(socket, "a.test").await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).await.is_ok();
        (lossy(&answer), ended)
    })
}

/// A client over TLS can tell as well, even if the end of the connection is all that it can go by (HTTP/1.0).
#[test]
fn what_is_cut_does_not_end_the_clients_tls() {
    let world = World::new();
    let [listen] = addresses();
    let peer = |answer: &'static str| RawPeer::tcp(move |_| Plan::new().read_request().write(answer).close());
    let length = peer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let chunked = peer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    let whole = peer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n");
    let close = peer("HTTP/1.1 200 OK\r\n\r\nhalf");
    let tls = [&length, &chunked, &whole, &close]
        .map(|peer| Front::new(world.acceptor("good"), peer.addr(), false));
    let told = Front::new(world.acceptor("good"), close.addr(), true);
    let (plain, trusting) = ("proxy_pass = \"http://", world.trusting("good"));
    let mut locations = [("length", &length), ("chunked", &chunked), ("whole", &whole), ("close", &close)]
        .map(|(name, peer)| format!("[[server.location]]\nmatch = \"/{name}/\"\n{plain}{}\"\n", peer.addr()))
        .concat();
    for (name, front) in ["tls-length", "tls-chunked", "tls-whole", "tls-close"].into_iter().zip(&tls) {
        locations.push_str(&location(name, &front.address.to_string(), &trusting));
    }
    locations.push_str(&location("tls-told", &told.address.to_string(), &trusting));
    let gateway = Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[defaults.retry]\nbudget = false\n\
         [[server]]\nlisten = [\"{listen} tls\"]\n\
         tls.certificates = [{{ certificate = \"{}\", key = \"{}\" }}]\n{locations}",
        world.at("good.pem"),
        world.at("good.key"),
    ));
    for (path, is_cut) in [
        ("/length/", true),
        ("/chunked/", true),
        ("/whole/", false),
        ("/close/", false),
        ("/tls-length/", true),
        ("/tls-chunked/", true),
        ("/tls-whole/", false),
        ("/tls-close/", true),
        ("/tls-told/", false),
    ] {
        // hyper ends a cut response to HTTP/1.0 as a whole one.
        let versions = if on_hyper() { &["1.1"][..] } else { &["1.1", "1.0"] };
        for version in versions {
            let request = format!("GET {path} HTTP/{version}\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            let (answer, ended) = over_tls(listen, &request);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default(); // a reset may overtake what was sent
            assert!(!ended || head.contains(" 200 ") && body.contains("half"), "{path} {version}: {answer}");
            let is_whole = if head.contains("Content-Length: 9") {
                body.len() == 9
            } else if head.contains("Transfer-Encoding: chunked") {
                body.ends_with("\r\n0\r\n\r\n")
            } else {
                ended
            };
            assert_eq!(is_whole, !is_cut, "{path} {version}, ended: {ended}: {answer}");
        }
        if is_cut {
            until("the reason", LIMIT, || {
                let log = gateway.error_log();
                let told = |line: &&str| {
                    line.contains(&format!("GET {path} ")) && line.contains("while reading upstream")
                };
                (log.lines().filter(told).count() == versions.len()).then_some(())
            });
        }
    }
}
