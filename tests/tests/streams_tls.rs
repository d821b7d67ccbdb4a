//! TLS of streams: passed on by the name that its client asks for, ended here, or spoken to the server. The servers are OpenSSL's.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod streams_support;

use std::net::SocketAddr;
use std::path::Path;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{OpensslServer, Propylon, Stream, address, exactly, fill, logged, lossy, silent};
use propylon_tls::{Connector, ConnectorBuilder};
use streams_support::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ASK: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Authority::root("Root");
        let _ = file(directory.path(), "root.pem", &root.certificate);
        for name in ["a.test", "b.test"] {
            let _ = root.server(&[name]).write(directory.path(), name);
        }
        let other = Authority::root("Other");
        let _ = file(directory.path(), "other.pem", &other.certificate);
        let _ = other.server(&["x"]).write(directory.path(), "stranger");
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// OpenSSL's server with this certificate, and further arguments.
    fn server(&self, name: &str, more: &[&str]) -> (SocketAddr, OpensslServer) {
        let at = address();
        let (certificate, key) = (self.at(&format!("{name}.pem")), self.at(&format!("{name}.key")));
        let arguments = [&["-cert", &certificate, "-key", &key], more].concat();
        (at, OpensslServer::start(at, &arguments))
    }

    /// `tls` of a stream that shows this certificate.
    fn tls(&self, name: &str) -> String {
        format!(
            "tls.certificates = [{{ certificate = \"{}\", key = \"{}\" }}]",
            self.at(&format!("{name}.pem")),
            self.at(&format!("{name}.key"))
        )
    }

    fn careful(&self) -> ConnectorBuilder {
        Connector::builder().server_name(true).verify(true).trusted_certificate(self.at("root.pem"))
    }
}

/// What is answered over a TLS connection for this name.
fn ask(connector: &Connector, at: SocketAddr, name: &str, say: &[u8]) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
        let mut stream = connector.connect(socket, name).await.map_err(|error| error.to_string())?;
        stream.write_all(say).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(|error| error.to_string())?;
        Ok(lossy(&answer))
    })
}

#[test]
fn tls_is_passed_on_by_the_name_that_its_client_asks_for() {
    let certificates = Certificates::new();
    let (a, _one) = certificates.server("a.test", &[]);
    let (b, _other) = certificates.server("b.test", &[]);
    let tables = format!(
        "[map.to]\nkey = \"$ssl_preread_server_name\"\ndefault = \"{a}\"\nvalues = {{ \"b.test\" = \"b\" }}\n\
         [[upstream.b.server]]\naddress = \"{b}\"\n"
    );
    let world = World::with(&tables, "$to", "preread = true");
    let connector = certificates.careful().build().unwrap();
    for (name, at) in [("a.test", a), ("b.test", b)] {
        // Whose certificate it is has been verified: nobody in between has ended it.
        let page = ask(&connector, world.listen, name, ASK).unwrap();
        assert!(page.contains("New, TLSv1.3"), "{page}");
        let line = world.lines(1).pop().unwrap();
        let (_, last) = line.split_once(" upstream=").unwrap();
        assert!(last.starts_with(&format!("{at} ")), "{line}");
        assert_eq!((logged(&line, "version"), logged(&line, "name")), ("TLSv1.3", name));
        world.gateway.lines("access.log", 1);
        std::fs::write(world.gateway.path("access.log"), "").unwrap();
    }
}

#[test]
fn tls_ends_here_and_variables_tell_of_it() {
    let certificates = Certificates::new();
    let world = World::new("");
    let text = world.listening("tls");
    let text = text.replace("s = '", "s = '$ssl_protocol $ssl_server_name ") + &certificates.tls("a.test");
    world.gateway.put_to_use(&text);
    let listen = world.listen;
    let connector = certificates.careful().build().unwrap();
    let client = std::thread::spawn(move || ask(&connector, listen, "a.test", b"hello"));
    let mut upstream = world.origin.accept();
    exactly(&mut upstream, b"hello");
    upstream.send(b"good day").unwrap();
    drop(upstream);
    assert_eq!(client.join().unwrap().unwrap(), "good day", "with an end that TLS vouches for");
    let line = world.lines(1).remove(0);
    assert!(line.starts_with("TLSv1.3 a.test status=200 "), "{line}");
    assert_eq!((logged(&line, "received"), logged(&line, "sent")), ("5", "8"), "of what is inside: {line}");

    // Who speaks plainly is told nothing.
    let mut plain = Stream::connect(world.listen).unwrap();
    plain.send(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    plain.to_end(&mut heard).unwrap();
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");
    assert_eq!(logged(&world.lines(2)[1], "status"), "500");
    world.gateway.tells("while SSL handshaking");
}

/// What is spoken inside is the server's business: whatever a client offers (ALPN), it is not turned away, and is told nothing.
#[test]
fn a_client_may_offer_any_protocol() {
    let certificates = Certificates::new();
    let world = World::new("");
    let text = world.listening("tls");
    let text = text.replace("s = '", "s = '[$ssl_alpn_protocol] ");
    let fixed = text.clone() + &certificates.tls("a.test");
    // The same of a certificate that is read when its client is there.
    let late = text + &certificates.tls("a.test").replace("a.test", "$ssl_server_name");
    let mut lines = 0;
    for text in [fixed, late] {
        world.gateway.put_to_use(&text);
        for offers in [&["dot"][..], &["postgresql"], &["h2", "http/1.1"]] {
            let connector = certificates.careful().alpn(offers.iter().copied()).build().unwrap();
            let listen = world.listen;
            let client = std::thread::spawn(move || ask(&connector, listen, "a.test", b"hello"));
            let mut upstream = world.origin.accept();
            exactly(&mut upstream, b"hello");
            upstream.send(b"good day").unwrap();
            drop(upstream);
            assert_eq!(client.join().unwrap().unwrap(), "good day", "{offers:?}");
            lines += 1;
            let line = world.lines(lines).pop().unwrap();
            assert!(line.starts_with("[-] status=200 ") || line.starts_with("[] status=200 "), "{line}");
        }
    }
}

/// TLS that somebody has broken into is no end either.
#[test]
fn what_is_no_tls_any_more_is_passed_on_as_a_reset() {
    let certificates = Certificates::new();
    let world = World::new("");
    let text = world.listening("tls");
    world.gateway.put_to_use(&(text + &certificates.tls("a.test")));
    let socket = std::net::TcpStream::connect(world.listen).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut raw = Stream::over_tcp(socket.try_clone().unwrap()).unwrap();
    let connector = certificates.careful().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _stream = runtime.block_on(async {
        let socket = TcpStream::from_std(socket).unwrap();
        let mut stream = connector.connect(socket, "a.test").await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        stream
    });
    let mut upstream = world.origin.accept();
    exactly(&mut upstream, b"hello");
    raw.send(b"this is no record of TLS").unwrap();
    let read = upstream.receive_some(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn clients_show_a_certificate_where_they_have_to() {
    let certificates = Certificates::new();
    let world = World::new("");
    let text = world.listening("tls");
    let text = text.replace("s = '", "s = '$ssl_client_verify ") + &certificates.tls("a.test");
    let authority =
        format!("\ntls.client_certificate = \"{}\"\ntls.verify_client = ", certificates.at("root.pem"));
    let showing = |name: &str| {
        let (certificate, key) =
            (certificates.at(&format!("{name}.pem")), certificates.at(&format!("{name}.key")));
        certificates.careful().identity(certificate, key).build().unwrap()
    };
    let (nobody, good, stranger) =
        (certificates.careful().build().unwrap(), showing("b.test"), showing("stranger"));
    let mut lines = 0;
    for (verify, connector, verdict, served) in [
        ("on", &good, "SUCCESS", true),
        ("on", &nobody, "NONE", false),
        ("on", &stranger, "FAILED:", false),
        ("optional", &nobody, "NONE", true),
        ("optional", &stranger, "FAILED:", false),
        ("optional_no_ca", &stranger, "FAILED:", true),
    ] {
        world.gateway.put_to_use(&format!("{text}{authority}\"{verify}\"\n"));
        let (listen, connector) = (world.listen, connector.clone());
        let client = std::thread::spawn(move || ask(&connector, listen, "a.test", b"hello"));
        if served {
            let mut upstream = world.origin.accept();
            exactly(&mut upstream, b"hello");
            upstream.send(b"good day").unwrap();
            drop(upstream);
        }
        let heard = client.join().unwrap();
        assert_eq!(heard.is_ok_and(|heard| heard == "good day"), served, "{verify}, {verdict}");
        lines += 1;
        let line = world.lines(lines).pop().unwrap();
        let status = if served { "200" } else { "500" };
        assert!(line.starts_with(verdict), "{verify}: {line}");
        assert_eq!(logged(&line, "status"), status, "{verify}: {line}");
        assert!(served || world.origin.try_accept().is_none());
    }
    world.gateway.tells("client sent no required SSL certificate while SSL handshaking, client: 127.0.0.1");
    world.gateway.tells("client SSL certificate verify error: (");
}

/// What was decided before TLS is known when more is known.
#[test]
fn limits_are_kept_over_a_handshake() {
    let certificates = Certificates::new();
    let zone = "[limit_zone.all]\nkey = \"$server_port\"\nsize = \"1m\"\n";
    let world = World::with(zone, "@ORIGIN@", "limit.connections = [{ zone = \"all\", max = 1 }]");
    let text = world.listening("tls");
    let text = text.replace("s = '", "s = '$limit_conn_status ") + &certificates.tls("a.test");
    world.gateway.put_to_use(&text);
    let (listen, connector) = (world.listen, certificates.careful().build().unwrap());
    let client = std::thread::spawn(move || ask(&connector, listen, "a.test", b"hello"));
    let mut upstream = world.origin.accept();
    exactly(&mut upstream, b"hello");
    silent(&mut Stream::connect(world.listen).unwrap());
    drop(upstream);
    client.join().unwrap().unwrap();
    let lines = world.lines(2);
    assert!(lines[0].starts_with("REJECTED status=503 "), "{lines:#?}");
    assert!(lines[1].starts_with("PASSED status=200 "), "{lines:#?}");
}

#[test]
fn a_proxy_is_heard_before_tls() {
    let certificates = Certificates::new();
    let world =
        World::new("real_ip_from = [\"127.0.0.0/8\"]\naccess.rules = [\"allow 192.0.2.7\", \"deny all\"]");
    let text = world
        .listening("tls proxy_protocol")
        .replace("access.rules", &format!("{}\naccess.rules", certificates.tls("a.test")));
    world.gateway.put_to_use(&text);
    let (listen, connector) = (world.listen, certificates.careful().build().unwrap());
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut socket = TcpStream::connect(listen).await.unwrap();
            socket.write_all(b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 25\r\n").await.unwrap();
            let mut stream = connector.connect(socket, "a.test").await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "an end that TLS vouches for");
        });
    });
    let mut upstream = world.origin.accept();
    exactly(&mut upstream, b"hello");
    silent(&mut upstream);
    client.join().unwrap();
    assert_eq!(logged(&world.lines(1)[0], "proxy"), "192.0.2.7");
}

#[test]
fn tls_is_spoken_to_the_server_if_that_is_who_it_should_be() {
    let certificates = Certificates::new();
    let (at, _server) = certificates.server("a.test", &[]);
    let listens = [address(), address(), address(), address()];
    let stream = |listen: SocketAddr, tls: &str| {
        fill(
            "[[stream]]\nlisten = [\"@LISTEN@\"]\nproxy_pass = \"tls://@AT@\"\nupstream.tls = { @TLS@ }\n\
             access_log = { path = \"@DIR@/access.log\", format = \"s\" }\n",
            &[("LISTEN", &listen.to_string()), ("AT", &at.to_string()), ("TLS", tls)],
        )
    };
    let trusts = |authority: &str, name: &str| {
        format!(
            "verify = true, server_name = true, name = \"{name}\", trusted_certificate = \"{}\"",
            certificates.at(authority)
        )
    };
    let text = [
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[log_format]\ns = \"$status $upstream_addr\"\n".to_owned(),
        stream(listens[0], &trusts("root.pem", "a.test")),
        stream(listens[1], ""),
        stream(listens[2], &trusts("root.pem", "b.test")),
        stream(listens[3], &trusts("other.pem", "a.test")),
    ];
    let gateway = Propylon::start(&text.concat());
    for (index, listen) in listens.into_iter().enumerate() {
        let mut client = Stream::connect(listen).unwrap();
        client.send(ASK).unwrap();
        let mut page = Vec::new();
        client.to_end(&mut page).unwrap();
        let page = lossy(&page);
        let status = if index < 2 { 200 } else { 502 };
        assert_eq!(page.contains("TLSv1.3"), index < 2, "{index}: {page}");
        assert_eq!(gateway.lines("access.log", index + 1)[index], format!("{status} {at}"));
    }
    let log = gateway.tells("upstream SSL certificate does not match \"b.test\"");
    assert!(log.contains("upstream SSL certificate verify error"), "{log}");
}

/// A server of TLS that is asked whether it is well is shaken hands with.
#[test]
fn servers_are_well_if_they_can_be_connected_to() {
    let certificates = Certificates::new();
    let (at, _server) = certificates.server("a.test", &[]);
    let (listen, refusing) = (address(), propylon_tests::Refusing::new());
    let plain = propylon_tests::Listener::new();
    let text = fill(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[log_format]\ns = \"$status $upstream_addr\"\n\
         [upstream.group]\nhealth_check = { interval = \"100ms\", timeout = \"2s\", mandatory = true }\n\
         [[upstream.group.server]]\naddress = \"@AT@\"\n[[upstream.group.server]]\naddress = \"@REFUSING@\"\n\
         [[upstream.group.server]]\naddress = \"@PLAIN@\"\n\
         [[stream]]\nlisten = [\"@LISTEN@\"]\nproxy_pass = \"tls://group\"\n\
         access_log = { path = \"@DIR@/access.log\", format = \"s\" }\n",
        &[
            ("AT", &at.to_string()),
            ("REFUSING", &refusing.address().to_string()),
            ("PLAIN", &plain.address().to_string()),
            ("LISTEN", &listen.to_string()),
        ],
    );
    let gateway = Propylon::start(&text);
    gateway.tells(&format!("health check of {} failed", refusing.address()));
    // One that accepts and says nothing is not well either.
    gateway.tells(&format!("health check of {} failed", plain.address()));
    gateway.tells(&format!("upstream server healthy: \"{at}\""));
    for index in 0..4 {
        let mut client = Stream::connect(listen).unwrap();
        client.send(ASK).unwrap();
        let mut page = Vec::new();
        client.to_end(&mut page).unwrap();
        assert!(lossy(&page).contains("TLSv1.3"), "{page:?}");
        assert_eq!(gateway.lines("access.log", index + 1)[index], format!("200 {at}"));
    }
}
