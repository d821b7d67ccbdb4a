//! TLS on both sides, with OpenSSL (nginx's) and rustls as the other end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::path::Path;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{
    Client, LIMIT, Nginx, Propylon, Signal, address, addresses, check, lossy, raw_request, until,
};
use propylon_tls::{Connector, ConnectorBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct World {
    directory: tempfile::TempDir,
    root: Authority,
}

impl World {
    fn new() -> Self {
        let world = Self { directory: tempfile::tempdir().unwrap(), root: Authority::root("Root") };
        let _ = file(world.path(), "root.pem", &world.root.certificate);
        for name in ["a.test", "b.test"] {
            let _ = world.root.server(&[name]).write(world.path(), name);
        }
        world
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    fn careful(&self) -> ConnectorBuilder {
        Connector::builder().verify(true).trusted_certificate(self.path().join("root.pem")).server_name(true)
    }

    /// Two servers on one address, each with the certificate of its name.
    fn servers(&self, listen: SocketAddr, origin: SocketAddr) -> String {
        let server = |name: &str| {
            format!(
                "[[server]]\nlisten = [\"{listen} tls\"]\nname = [\"{name}\"]\n\
                 tls.certificates = [{{ certificate = \"{0}.pem\", key = \"{0}.key\" }}]\n\
                 [[server.location]]\nmatch = \"/\"\n\
                 return = [200, \"{name} $scheme $https $ssl_protocol $ssl_server_name $ssl_session_reused\"]\n\
                 [[server.location]]\nmatch = \"/pass/\"\nproxy_pass = \"http://{origin}\"\nlimit.body_size = \"unlimited\"\n",
                self.at(name)
            )
        };
        format!(
            "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[defaults.access_log]\npath = \"@DIR@/access.log\"\n{}{}",
            server("a.test"),
            server("b.test")
        )
    }
}

/// One request over a TLS connection of its own: the whole answer.
fn ask(connector: &Connector, at: SocketAddr, name: &str, request: &[u8]) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
        let mut stream = connector.connect(socket, name).await.map_err(|error| error.to_string())?;
        stream.write_all(request).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(|error| error.to_string())?;
        Ok(lossy(&answer))
    })
}

fn get(connector: &Connector, at: SocketAddr, name: &str) -> Result<String, String> {
    let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    ask(connector, at, name, request.as_bytes())
}

#[test]
fn the_name_chooses_the_certificate() {
    let (world, listen) = (World::new(), address());
    let _gateway = Propylon::start(&world.servers(listen, address()));
    for (protocol, connector) in ["TLSv1.2", "TLSv1.3"]
        .map(|protocol| (protocol, world.careful().protocols([protocol]).build().unwrap()))
    {
        for name in ["a.test", "b.test"] {
            let first = get(&connector, listen, name).unwrap();
            assert!(first.ends_with(&format!("{name} https on {protocol} {name} .")), "{first}");
            let second = get(&connector, listen, name).unwrap();
            assert!(second.ends_with(&format!("{name} https on {protocol} {name} r")), "resumed: {second}");
        }
        let other = get(&connector, listen, "c.test").unwrap_err();
        assert!(other.contains("does not match \"c.test\""), "the default server's certificate: {other}");
    }
}

/// As in nginx: it is the default server's, and whoever wants to see clients' certificates has not seen any.
#[test]
fn a_server_without_a_certificate_has_the_default_servers() {
    let (world, listen) = (World::new(), address());
    let server = |name: &str, tls: &str| {
        format!(
            "[[server]]\nlisten = [\"{listen} tls\"]\nname = [\"{name}\"]\n{tls}\n\
             [[server.location]]\nmatch = \"/\"\nreturn = [200, \"{name} on $ssl_server_name\"]\n"
        )
    };
    let own = format!(
        "tls.certificates = [{{ certificate = \"{0}.pem\", key = \"{0}.key\" }}]",
        world.at("a.test")
    );
    let careful =
        format!("tls.verify_client = \"on\"\ntls.client_certificate = \"{}\"", world.at("root.pem"));
    let _gateway =
        Propylon::start(&(server("a.test", &own) + &server("b.test", "") + &server("c.test", &careful)));
    let answer =
        |name: &str| get(&Connector::builder().server_name(true).build().unwrap(), listen, name).unwrap();
    assert!(answer("b.test").ends_with("b.test on b.test"));
    let refused = answer("c.test");
    assert!(
        refused.starts_with("HTTP/1.1 400 ") && refused.contains("No required SSL certificate"),
        "{refused}"
    );
    let error = get(&world.careful().build().unwrap(), listen, "b.test").unwrap_err();
    assert!(error.contains("does not match \"b.test\""), "the default server's certificate: {error}");
}

#[test]
fn plain_http_where_tls_is_spoken_is_told_so() {
    let (world, listen) = (World::new(), address());
    let gateway = Propylon::start(&world.servers(listen, address()));
    let answer = raw_request(listen, b"GET /secret HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("The plain HTTP request was sent to HTTPS port"), "{}", answer.text());
    // To HEAD nobody says more than that.
    let mut client = Client::connect(listen).unwrap();
    let head = client.ask(b"HEAD /secret HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(head.head.field("content-length"), answer.head.field("content-length"));
    assert!(head.status == 400 && client.closed());
    until("its log line", LIMIT, || {
        gateway.read("access.log").contains("GET /secret HTTP/1.1\" 400").then_some(())
    });
    // As any error, it may have a page: the usual way from http to https at one port.
    let page = "error_page.pages = [{ codes = [497], uri = \"https://$host:8443$request_uri\" }]\n";
    let text = world.servers(listen, address()).replacen(
        "[[server.location]]",
        &format!("{page}[[server.location]]"),
        1,
    );
    gateway.put_to_use(&text);
    for request in ["GET /a?b=c", "POST /a?b=c"] {
        let request = format!("{request} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        let answer = raw_request(listen, request.as_bytes()).unwrap();
        assert_eq!(
            (answer.status, answer.head.field("location").as_deref()),
            (302, Some("https://a.test:8443/a?b=c"))
        );
        assert_eq!(answer.head.field("connection").as_deref(), Some("close"));
    }
    let garbage = raw_request(listen, b"\x16\x03\x01garbage");
    assert!(garbage.is_err() || garbage.unwrap().status == 0, "no answer to what is no TLS either");
    assert!(get(&world.careful().build().unwrap(), listen, "a.test").is_ok(), "and others are served");
}

#[test]
fn large_bodies_both_ways() {
    let world = World::new();
    let [listen, origin] = addresses();
    let _nginx = Nginx::start(&format!(
        "http {{ client_max_body_size 0; server {{ listen {origin}; location / {{ proxy_pass http://{origin}/echo; }}
           location /echo {{ return 200 \"$content_length $http_content_length\"; }}
           location /big {{ root @DIR@; }} }} }}"
    ));
    let _gateway = Propylon::start(&world.servers(listen, origin));
    let connector = world.careful().build().unwrap();
    let mut request = format!(
        "PUT /pass/ HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        3 << 20
    )
    .into_bytes();
    request.resize(request.len() + (3 << 20), b'x');
    let answer = ask(&connector, listen, "a.test", &request).unwrap();
    assert!(answer.ends_with(&format!("{0} {0}", 3 << 20)), "{answer}");
}

#[test]
fn openssl_is_a_client() {
    let world = World::new();
    let [listen, between] = addresses();
    let _gateway = Propylon::start(&world.servers(listen, address()));
    let nginx = Nginx::start(&format!(
        "http {{ server {{ listen {between}; location / {{ proxy_pass https://{listen}; proxy_set_header Host $arg_n;
           proxy_ssl_name $arg_n; proxy_ssl_server_name on; proxy_ssl_verify on; proxy_ssl_trusted_certificate {}; }} }} }}",
        world.at("root.pem")
    ));
    for name in ["a.test", "b.test"] {
        let request = format!("GET /?n={name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw_request(between, request.as_bytes()).unwrap();
        assert!(
            answer.text().contains(&format!("{name} https on TLSv1.2 {name}")),
            "{}\n{}",
            answer.text(),
            nginx.read("error.log")
        );
    }
}

/// nginx as the upstream, over TLS, with several certificates on ports of their own; and a gateway in front of it.
struct Upstream {
    world: World,
    listen: SocketAddr,
    gateway: Propylon,
    _nginx: Nginx,
}

impl Upstream {
    fn start() -> Self {
        let world = World::new();
        let [good, expired, stranger, deep, asking, listen] = addresses();
        let middle = world.root.intermediate("Middle");
        let path = world.path();
        let revoked = world.root.server(&["a.test"]);
        let _ = world.root.expired_server(&["a.test"]).write(path, "expired");
        let _ = Authority::root("Stranger").server(&["a.test"]).write(path, "stranger");
        let _ = middle.intermediate("Deep").server(&["a.test"]).write(path, "deep");
        let _ = world.root.server(&["client.test"]).write(path, "client");
        let _ = file(path, "root.crl", &world.root.revocation_list(&[&revoked]));
        let _ = revoked.write(path, "revoked");
        let server = |listen: SocketAddr, name: &str, more: &str| {
            format!(
                "server {{ listen {listen} ssl; ssl_certificate {0}.pem; ssl_certificate_key {0}.key; {more}
                 return 200 \"$ssl_server_name $ssl_session_reused $connection_requests $ssl_client_verify $request_method\"; }}\n",
                world.at(name)
            )
        };
        let [again] = addresses();
        let nginx = Nginx::start(&format!(
            "http {{ access_log off; client_max_body_size 0; {}{}{}{}{}{} }}",
            server(good, "a.test", ""),
            server(expired, "expired", ""),
            server(stranger, "stranger", ""),
            server(deep, "deep", ""),
            server(
                asking,
                "a.test",
                &format!("ssl_verify_client on; ssl_client_certificate {};", world.at("root.pem"))
            ),
            server(again, "revoked", ""),
        ));
        let root = world.at("root.pem");
        let location = |name: &str, to: &str, tls: &str| {
            format!(
                "[[server.location]]\nmatch = \"/{name}/\"\nproxy_pass = \"{to}\"\nupstream.tls = {{ {tls} }}\n"
            )
        };
        let trusting =
            format!("verify = true, trusted_certificate = \"{root}\", name = \"a.test\", server_name = true");
        let with = |more: &str| format!("{trusting}{more}");
        let mut text = format!(
            "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
             [upstream.kept]\nserver = [{{ address = \"{good}\" }}]\n\
             [upstream.half]\nserver = [{{ address = \"{expired}\" }}, {{ address = \"{good}\" }}]\n\
             [upstream.checked]\nserver = [{{ address = \"{good}\" }}]\n\
             health_check = {{ interval = \"20ms\", mandatory = true }}\n\
             [upstream.fresh]\nkeepalive = 0\nserver = [{{ address = \"{good}\" }}]\n\
             [[server]]\nlisten = [\"{listen}\"]\n"
        );
        for part in [
            location("good", &format!("https://{good}"), &trusting),
            location("expired", &format!("https://{expired}"), &trusting),
            location("stranger", &format!("https://{stranger}"), &trusting),
            location("deep", &format!("https://{deep}"), &trusting),
            location("deeper", &format!("https://{deep}"), &with(", verify_depth = 2")),
            location(
                "revoked",
                &format!("https://{again}"),
                &with(&format!(", crl = \"{}\"", world.at("root.crl"))),
            ),
            location("name", &format!("https://{good}"), &trusting.replace("a.test", "b.test")),
            location("careless", &format!("https://{stranger}"), ""),
            location("unasked", &format!("https://{asking}"), &trusting),
            location(
                "asked",
                &format!("https://{asking}"),
                &with(&format!(
                    ", certificate = \"{}\", key = \"{}\"",
                    world.at("client.pem"),
                    world.at("client.key")
                )),
            ),
            location("half", "https://half", &trusting),
            location("checked", "https://checked", &trusting),
            location("kept", "https://kept", &trusting),
            location("fresh", "https://fresh", &trusting),
            location("forgetful", "https://fresh", &with(", session_reuse = false")),
            location("template", "https://$arg_h", "name = \"$arg_n\", server_name = true"),
        ] {
            text.push_str(&part);
        }
        let gateway = Propylon::start(&text);
        Self { world, listen, gateway, _nginx: nginx }
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.send("GET", path)
    }

    fn send(&self, method: &str, path: &str) -> (u16, String) {
        let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{length}Connection: close\r\n\r\n");
        let answer = raw_request(self.listen, request.as_bytes()).unwrap();
        (answer.status, lossy(&answer.body))
    }
}

#[test]
fn an_upstream_is_verified() {
    let upstream = Upstream::start();
    let ok = |text: &str| (200, text.to_owned());
    assert_eq!(upstream.get("/good/"), ok("a.test . 1 NONE GET"));
    assert_eq!(upstream.get("/deeper/"), ok("a.test . 1 NONE GET"));
    assert_eq!(upstream.get("/careless/"), ok(" . 1 NONE GET"), "nginx's default: anybody, and no name told");
    for (path, reason) in [
        ("/expired/", "(10:certificate has expired)"),
        ("/stranger/", "(21:unable to verify the first certificate)"),
        ("/deep/", "(22:certificate chain too long)"),
        ("/revoked/", "(23:certificate revoked)"),
        ("/name/", "does not match \"b.test\""),
    ] {
        assert_eq!(upstream.get(path).0, 502, "{path}");
        until(reason, LIMIT, || upstream.gateway.error_log().contains(reason).then_some(()));
    }
}

#[test]
fn a_peer_that_fails_the_handshake_is_left_for_the_next() {
    let upstream = Upstream::start();
    for method in ["GET", "POST", "POST", "GET"] {
        let (status, text) = upstream.send(method, "/half/");
        assert!(status == 200 && text.ends_with(method), "nothing was sent to the first: {status} {text}");
    }
    until("its mark", LIMIT, || upstream.gateway.error_log().contains("temporarily disabled").then_some(()));
}

#[test]
fn health_checks_verify_as_requests_do() {
    let upstream = Upstream::start();
    until("a check that passes", LIMIT, || (upstream.get("/checked/").0 == 200).then_some(()));
}

#[test]
fn an_upstream_may_ask_who_we_are() {
    let upstream = Upstream::start();
    assert_eq!(upstream.get("/asked/"), (200, "a.test . 1 SUCCESS GET".into()));
    let (status, text) = upstream.get("/unasked/");
    assert!(status == 400 && text.contains("No required SSL certificate was sent"), "{status} {text}");
}

#[test]
fn connections_and_sessions_to_an_upstream_are_used_again() {
    let upstream = Upstream::start();
    for (n, method) in [(1, "GET"), (2, "POST"), (3, "POST"), (4, "GET")] {
        let (status, text) = upstream.send(method, "/kept/");
        assert_eq!((status, text), (200, format!("a.test . {n} NONE {method}")), "one connection for all");
    }
    assert_eq!(
        upstream.get("/fresh/").1,
        "a.test r 1 NONE GET",
        "a connection of its own, with the session of the first"
    );
    for _ in 0..2 {
        assert_eq!(upstream.get("/forgetful/").1, "a.test . 1 NONE GET");
    }
    for name in ["x.test", "y.test", "x.test"] {
        let (status, text) = upstream.get(&format!("/template/?h=kept&n={name}"));
        assert!(
            status == 200 && text.starts_with(&format!("{name} ")),
            "no connection is shared across names: {text}"
        );
    }
    drop(upstream.world);
}

#[test]
fn certificates_change_with_a_reload_and_stay_when_they_are_no_good() {
    let (world, listen) = (World::new(), address());
    let text = world.servers(listen, address());
    let gateway = Propylon::start(&text);
    let careful = || world.careful().session_reuse(false).build().unwrap();
    assert!(get(&careful(), listen, "a.test").is_ok());
    let _ = world.root.server(&["a.test", "new.test"]).write(world.path(), "a.test");
    gateway.signal(Signal::HUP);
    until("the new certificate", LIMIT, || get(&careful(), listen, "new.test").ok());
    let _ = file(world.path(), "a.test.key", "no key");
    gateway.signal(Signal::HUP);
    until("the warning", LIMIT, || gateway.error_log().contains("cannot load certificate").then_some(()));
    assert!(get(&careful(), listen, "new.test").is_ok(), "the good one stays");
}

/// As without TLS: a client that stays connected holds no configuration, only its requests do.
#[test]
fn the_old_configuration_does_not_wait_for_idle_clients() {
    let (world, listen) = (World::new(), address());
    let gateway = Propylon::start(&world.servers(listen, address()));
    let connector = world.careful().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _connected = runtime.block_on(async {
        let socket = TcpStream::connect(listen).await.unwrap();
        let mut stream = connector.connect(socket, "a.test").await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        while !lossy(&answer).contains("a.test https on") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{}", lossy(&answer));
        }
        stream
    });
    gateway.rewrite(&world.servers(listen, address()));
    gateway.signal(Signal::HUP);
    until("the end of the old one", LIMIT, || {
        gateway.error_log().contains("exited with code 0").then_some(())
    });
}

#[test]
fn what_check_says_of_certificates() {
    let world = World::new();
    let text = world.servers(address(), address()).replace("@DIR@", &world.path().display().to_string());
    assert_eq!(check(&text).status.code(), Some(0), "{}", lossy(&check(&text).stderr));
    let missing = check(&text.replace("a.test.pem", "missing.pem"));
    assert_eq!(missing.status.code(), Some(2));
    assert!(lossy(&missing.stderr).contains("missing.pem") || lossy(&missing.stdout).contains("missing.pem"));
    let wrong = check(&text.replace("tls.certificates", "tls.ciphers = \"RC4-SHA\"\ntls.certificates"));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(lossy(&wrong.stderr).contains("RC4-SHA"), "{}", lossy(&wrong.stderr));
}

#[test]
fn certificates_that_are_not_valid_today_are_faults_and_are_shown_all_the_same() {
    let (world, listen) = (World::new(), address());
    let _ = world.root.expired_server(&["a.test"]).write(world.path(), "a.test");
    let _ = world.root.early_server(&["b.test"]).write(world.path(), "b.test");
    let text = world.servers(listen, address());
    let checked = check(&text.replace("@DIR@", &world.path().display().to_string()));
    let said = format!("{}{}", lossy(&checked.stdout), lossy(&checked.stderr));
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(said.contains("a.test.pem has expired: it was valid until Jan  1 00:00:00 2001 GMT"), "{said}");
    assert!(
        said.contains("b.test.pem is not valid yet: it is valid from Jan  1 00:00:00 2098 GMT"),
        "{said}"
    );
    let ours = check(&format!(
        "[[server]]\nlisten = [\"{}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"https://{}\"\n\
         upstream.tls = {{ certificate = \"{2}.pem\", key = \"{2}.key\" }}\n",
        address(),
        address(),
        world.at("a.test")
    ));
    assert_eq!(ours.status.code(), Some(2), "{}{}", lossy(&ours.stdout), lossy(&ours.stderr));

    let gateway = Propylon::start(&text);
    let anybody = Connector::builder().verify(false).server_name(true).build().unwrap();
    assert!(get(&anybody, listen, "a.test").unwrap().contains("a.test https on"));
    let refused = get(&world.careful().build().unwrap(), listen, "a.test").unwrap_err();
    assert!(refused.contains("certificate has expired"), "{refused}");
    gateway.tells("it is used anyway");
}
