//! The PROXY protocol from clients: haproxy, curl and raw sockets; nginx beside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io::ErrorKind;
use std::net::SocketAddr;

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{
    Client, Haproxy, LIMIT, Pair, Propylon, Signal, Stream, address, addresses, curl, raw_request, until,
};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What a server tells of a request.
const TELLS: &str = "$server_protocol $scheme $remote_addr $realip_remote_addr \
    [$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port]";

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

const FOUR: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0x13, 0x88, 0, 80];

const REQUEST: &[u8] = b"GET /path HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// What the server says to a connection that begins so; nothing if it is closed.
fn says(to: SocketAddr, beginning: &[u8]) -> Option<String> {
    let mut client = Client::connect(to).unwrap();
    match client.ask(&[beginning, REQUEST].concat()) {
        Ok(answer) => Some(answer.text()),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => None,
        Err(error) => panic!("{error}"),
    }
}

fn gateway(listen: &str, rest: &str) -> Propylon {
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [[server]]\nlisten = [{listen}]\nname = [\"a.test\"]\nheaders.real_ip_from = [\"127.0.0.0/8\", \"unix:\"]\n\
         headers.real_ip_header = \"proxy_protocol\"\n{rest}\n"
    ))
}

fn tells(text: &str) -> String {
    format!("[[server.location]]\nmatch = \"/\"\nreturn = [200, \"{text}\"]\n")
}

#[test]
fn headers_are_read_as_by_nginx() {
    let pair = Pair::start(
        "http { access_log off;
            server { listen @LISTEN@ proxy_protocol; real_ip_header proxy_protocol;
                set_real_ip_from 127.0.0.0/8;
                location / { return 200 '@TELLS@'; }
                location /proxied { set_real_ip_from 10.0.0.0/8; return 200 '@TELLS@'; } } }",
        &[("TELLS", TELLS)],
    );
    let mut six = [0; 36];
    (six[0], six[1], six[15], six[31], six[33], six[35]) = (0x20, 1, 1, 2, 3, 4);
    let answers = |beginning: &[u8]| {
        pair.at.map(|at| says(at, beginning).map(|text| text.replace(&at.ip().to_string(), "IP")))
    };
    for header in [
        &b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n"[..],
        b"PROXY TCP6 2001:db8::1 2001:db8::2 5000 80\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 0 65535\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN whatever follows\r\n",
        &binary(0x21, 0x11, &FOUR),
        &binary(0x21, 0x21, &six),
        &binary(0x21, 0x11, &[&FOUR[..], &[0xee, 0, 1, b'x']].concat()),
        &binary(0x20, 0x11, &FOUR),
        &binary(0x20, 0, &[]),
        &binary(0x21, 0x12, &FOUR),
        &binary(0x21, 0x31, &[b'/'; 216]),
        &binary(0x21, 0x41, &FOUR),
    ] {
        let [ours, theirs] = answers(header);
        assert!(ours.is_some(), "no answer to {}", header.escape_ascii());
        assert_eq!(ours, theirs, "{}", header.escape_ascii());
    }
    for broken in [
        &b""[..],
        b"PROXY \r\n",
        b"PROXY TCP5 192.0.2.1 198.51.100.1 5000 80\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 5000\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80000\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\n",
        b"PROXY TCP4 192.0.2.x 198.51.100.1 5000 80\r\n",
        &binary(0x11, 0x11, &FOUR),
        &binary(0x21, 0x11, &FOUR[..11]),
    ] {
        assert_eq!(answers(broken), [None, None], "{}", broken.escape_ascii());
    }
    logs(&pair.gateway, "broken header: \"GET /path HTTP/1.1\" while reading PROXY protocol, client: 127.");
    logs(&pair.gateway, "unknown PROXY protocol version: 1 while");
}

#[test]
fn only_who_is_trusted_says_who_the_client_is() {
    let pair = Pair::start(
        "http { access_log off; real_ip_header proxy_protocol;
            server { listen @LISTEN@ proxy_protocol;
                location / { return 200 '$remote_addr $proxy_protocol_addr'; }
                location /path { set_real_ip_from 10.0.0.0/8; return 200 '$remote_addr $proxy_protocol_addr'; } }
            server { server_name trusts; listen @LISTEN@; set_real_ip_from 127.0.0.0/8;
                location / { return 200 '$remote_addr $remote_port'; } } }",
        &[],
    );
    for at in pair.at {
        let answer = says(at, b"PROXY TCP4 10.0.0.1 198.51.100.1 5000 80\r\n").unwrap();
        assert!(answer.starts_with("127.") && answer.ends_with(" 10.0.0.1"), "{answer}");
        let request = b"PROXY TCP4 10.0.0.1 198.51.100.1 5000 80\r\nGET / HTTP/1.1\r\nHost: trusts\r\n\r\n";
        assert_eq!(raw_request(at, request).unwrap().text(), "10.0.0.1 5000");
    }
}

/// Nothing is taken for a part of the request, nor of the header, wherever the client pauses.
#[test]
fn headers_come_in_pieces() {
    let listen = address();
    let gateway =
        gateway(&format!("\"{listen} proxy_protocol\""), &tells("$proxy_protocol_addr $request_uri"));
    let long = binary(0x21, 0x11, &[&FOUR[..], &[0xee, 3, 0xe8], &[b'x'; 1000]].concat());
    for header in [&b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n"[..], &binary(0x21, 0x11, &FOUR), &long] {
        let whole = [header, REQUEST].concat();
        for step in [1, 7, 256, header.len()] {
            let mut client = Client::connect(listen).unwrap();
            whole.chunks(step).for_each(|piece| client.send(piece).unwrap());
            assert_eq!(
                client.response(false).unwrap().text(),
                "192.0.2.1 /path",
                "{step} of {}",
                header.len()
            );
        }
    }
    let closed = "client closed connection while reading PROXY protocol";
    for (count, beginning) in [(1, &b"PROXY TCP4 192.0."[..]), (2, b"")] {
        let mut stream = Stream::connect(listen).unwrap();
        stream.send(beginning).unwrap();
        stream.shutdown(std::net::Shutdown::Write);
        assert!(stream.head().unwrap().is_none());
        until(closed, LIMIT, || (gateway.error_log().matches(closed).count() == count).then_some(()));
    }
}

#[test]
fn a_header_has_its_time_and_its_size() {
    let listen = address();
    let gateway = gateway(
        &format!("\"{listen} proxy_protocol\""),
        &format!("timeout.client_header = \"50ms\"\n{}", tells("ok")),
    );
    for beginning in [&b""[..], b"PROXY TCP4 192", &SIGNATURE[..5], &binary(0x21, 0x11, &[0; 4000])[..900]] {
        let mut stream = Stream::connect(listen).unwrap();
        stream.send(beginning).unwrap();
        assert!(stream.head().unwrap().is_none(), "closed without a word");
    }
    let late = "client timed out (110: Connection timed out) while reading PROXY";
    until("the log lines", LIMIT, || (gateway.error_log().matches(late).count() == 4).then_some(()));
    assert_eq!(says(listen, &binary(0x20, 0, &[0; 4081])), None);
    logs(&gateway, "header is too large while");
    assert_eq!(says(listen, &binary(0x20, 0, &[0; 4080])).as_deref(), Some("ok"));
}

/// The error log, which another thread writes, comes to have this in it.
fn logs(gateway: &Propylon, text: &str) {
    until(text, LIMIT, || gateway.error_log().contains(text).then_some(()));
}

/// A directory with a certificate for `a.test`, and the line that names it.
fn certificate() -> (tempfile::TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let root = Authority::root("Root");
    let authority = file(directory.path(), "root.pem", &root.certificate).display().to_string();
    let _ = root.server(&["a.test"]).write(directory.path(), "a.test");
    let at = directory.path().display();
    let line =
        format!("tls.certificates = [{{ certificate = \"{at}/a.test.pem\", key = \"{at}/a.test.key\" }}]\n");
    (directory, authority, line)
}

#[test]
fn below_tls_and_below_http_2() {
    let (_directory, authority, tls) = certificate();
    let [clear, secure] = addresses();
    let _gateway = gateway(
        &format!("\"{clear} http2 proxy_protocol\", \"{secure} tls http2 proxy_protocol\""),
        &format!("{tls}{}", tells("$server_protocol $scheme $remote_addr $proxy_protocol_server_port")),
    );
    let ask = |more: &[&str], scheme: &str, to: SocketAddr| {
        let resolve = format!("a.test:{}:{}", to.port(), to.ip());
        let url = format!("{scheme}://a.test:{}/", to.port());
        curl(&[more, &["--haproxy-protocol", "--resolve", &resolve, "--cacert", &authority, &url]].concat())
    };
    let told =
        |protocol: &str, scheme: &str, to: SocketAddr| format!("{protocol} {scheme} 127.0.0.1 {}", to.port());
    assert_eq!(ask(&["--http1.1"], "http", clear), told("HTTP/1.1", "http", clear));
    assert_eq!(ask(&["--http2-prior-knowledge"], "http", clear), told("HTTP/2.0", "http", clear));
    assert_eq!(ask(&["--http1.1"], "https", secure), told("HTTP/1.1", "https", secure));
    assert_eq!(ask(&["--http2"], "https", secure), told("HTTP/2.0", "https", secure));
    // Who speaks plain HTTP behind the header is told so, as anybody else.
    let mut client = Client::connect(secure).unwrap();
    let plain = client.ask(&[b"PROXY UNKNOWN\r\n", REQUEST].concat()).unwrap();
    assert_eq!(plain.status, 400);
}

#[test]
fn from_haproxy_over_tcp_tls_and_unix_sockets() {
    let (directory, authority, tls) = certificate();
    let at = directory.path().display().to_string();
    // haproxy wants both in one file.
    let both = ["a.test.pem", "a.test.key"]
        .map(|name| std::fs::read_to_string(directory.path().join(name)).unwrap());
    std::fs::write(directory.path().join("both.pem"), both.concat()).unwrap();
    let [clear, secure] = addresses();
    let socket = format!("{at}/socket");
    let _gateway = gateway(
        &format!(
            "\"{clear} proxy_protocol\", \"unix:{socket} proxy_protocol\", \"{secure} tls http2 proxy_protocol\""
        ),
        &format!(
            "{tls}{}",
            tells(
                "$server_protocol $scheme $remote_addr $proxy_protocol_server_addr:$proxy_protocol_server_port \
                 authority=$proxy_protocol_tlv_authority alpn=$proxy_protocol_tlv_alpn \
                 version=$proxy_protocol_tlv_ssl_version cn=$proxy_protocol_tlv_ssl_cn id=$proxy_protocol_tlv_unique_id \
                 none=$proxy_protocol_tlv_netns"
            )
        ),
    );
    let fronts: [SocketAddr; 5] = addresses();
    let [one, two, ended, through, unix] = fronts;
    let _haproxy = Haproxy::start(
        &format!(
            "listen one\n mode tcp\n bind {one}\n server s {clear} send-proxy\n\
             listen two\n mode tcp\n bind {two}\n server s {clear} send-proxy-v2 proxy-v2-options crc32c\n\
             listen ended\n mode tcp\n bind {ended} ssl crt {at}/both.pem alpn http/1.1\n unique-id-format name-%[dst_port]\n \
             server s {clear} send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,authority,unique-id,crc32c\n\
             listen through\n mode tcp\n bind {through}\n server s {secure} send-proxy-v2\n\
             listen unix\n mode tcp\n bind {unix}\n server s unix@{socket} send-proxy\n"
        ),
        &fronts,
    );
    let ask = |scheme: &str, to: SocketAddr| {
        let resolve = format!("a.test:{}:{}", to.port(), to.ip());
        let url = format!("{scheme}://a.test:{}/", to.port());
        curl(&["--http2", "--interface", "127.0.0.33", "--resolve", &resolve, "--cacert", &authority, &url])
    };
    let told = |protocol: &str, scheme: &str, to: SocketAddr, tlvs: &str| {
        format!("{protocol} {scheme} 127.0.0.33 {to} {tlvs}")
    };
    let nothing = "authority= alpn= version= cn= id= none=";
    assert_eq!(ask("http", one), told("HTTP/1.1", "http", one, nothing));
    assert_eq!(ask("http", two), told("HTTP/1.1", "http", two, nothing));
    assert_eq!(ask("http", unix), told("HTTP/1.1", "http", unix, nothing));
    assert_eq!(ask("https", through), told("HTTP/2.0", "https", through, nothing));
    let tlvs = format!("authority=a.test alpn=http/1.1 version=TLSv1.3 cn= id=name-{} none=", ended.port());
    assert_eq!(ask("https", ended), told("HTTP/1.1", "http", ended, &tlvs));
}

#[test]
fn a_reload_changes_how_new_connections_begin() {
    let listen = address();
    let text = |option: &str| {
        format!(
            "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[[server]]\nlisten = [\"{listen}{option}\"]\n{}",
            tells("$proxy_protocol_addr")
        )
    };
    let header = b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n";
    let gateway = Propylon::start(&text(" proxy_protocol"));
    let mut kept = Client::connect(listen).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(kept.ask(&[&header[..], request].concat()).unwrap().text(), "192.0.2.1");
    gateway.reload(&text(""));
    assert_eq!(kept.ask(request).unwrap().text(), "192.0.2.1", "it is the same connection");
    assert_eq!(says(listen, b"").as_deref(), Some(""));
    gateway.reload(&text(" proxy_protocol"));
    assert_eq!(says(listen, b""), None);
}

/// Who was accepted before the drain began may have asked, though nobody has heard it yet.
#[test]
fn a_drain_answers_whoever_has_been_accepted() {
    let listen = address();
    let mut gateway = gateway(&format!("\"{listen} proxy_protocol\""), &tells("$remote_addr"));
    let mut silent = Client::connect(listen).unwrap();
    let header = b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\n";
    assert!(says(listen, header).is_some(), "so that the one before has been accepted");
    gateway.signal(Signal::QUIT);
    until("nobody accepts", LIMIT, || std::net::TcpStream::connect(listen).err());
    assert_eq!(silent.ask(&[&header[..], REQUEST].concat()).unwrap().text(), "192.0.2.1");
    assert_eq!(gateway.ended(LIMIT).code(), Some(0));
}
