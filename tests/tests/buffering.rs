//! Responses on their way: the upstream is free as soon as it has sent, nothing is late, nothing is cut in silence.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use propylon_tests::{
    Client, End, LIMIT, Listener, Nginx, Origin, Propylon, Stream, address, raw_request, until,
};
use socket2::{Domain, Socket, Type};

/// A gateway with one location; `more` is added to that.
fn gateway(origin: SocketAddr, more: &str) -> (Propylon, SocketAddr) {
    let listen = address();
    let text = format!(
        "[runtime]\nworkers = 1\ntemp_path = \"@DIR@\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nshort = '$status $body_bytes_sent $upstream_response_length'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{origin}\"\n{more}\n"
    );
    (Propylon::start(&text), listen)
}

/// A client that takes little: with small segments and a small window little gets stuck in the kernel.
fn slow_client(to: SocketAddr, request: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn get(size: usize, more: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\nX-Do: size={size} {more}\r\nConnection: close\r\n\r\n")
}

/// How many bytes come until the end, and whether that is a reset.
fn drain(stream: &mut TcpStream) -> (usize, bool) {
    let (mut buffer, mut came) = (vec![0; 1 << 16], 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (came, false),
            Ok(n) => came += n,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (came, true),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_slow_client_leaves_the_upstream_free() {
    let origin = Origin::start();
    let (gateway, listen) = gateway(origin.address(), "");
    let size = 100 << 20;
    let mut client = slow_client(listen, &get(size, ""));
    let mut some = [0; 1024];
    client.read_exact(&mut some).unwrap();
    // All that it sends is taken, although the client has read 1 KiB: the connection serves the next one.
    until("the upstream's connection back in the pool", LIMIT * 2, || {
        gateway.error_log().contains("buffered to a temporary file").then_some(())?;
        let before = origin.connections();
        assert_eq!(raw_request(listen, get(10, "").as_bytes()).unwrap().body.len(), 10);
        (origin.connections() == before).then_some(())
    });
    assert_eq!(gateway.lines("access.log", 1)[0], "200 10 10");
    let resident = gateway.resident();
    assert!(resident < 64 << 10, "{resident} KiB");
    let head = String::from_utf8_lossy(&some).find("\r\n\r\n").unwrap() + 4;
    assert_eq!(drain(&mut client), (size + head - some.len(), false));
    let last = gateway.lines("access.log", 2).pop().unwrap();
    assert!(last.starts_with("200 1"), "{last}");
}

#[test]
fn bytes_arrive_in_order_through_memory_and_file() {
    let upstream = Listener::new();
    let (_gateway, listen) =
        gateway(upstream.address(), "buffer = { count = 4, size = \"4k\", max_temp_file_size = \"300k\" }");
    let expected: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[..1].to_vec())
        .collect();
    for chunked in [false, true] {
        let mut client = slow_client(listen, &get(0, ""));
        let mut peer = upstream.accept();
        peer.head().unwrap();
        let body = expected.clone();
        let sending = std::thread::spawn(move || {
            let framing = if chunked {
                "Transfer-Encoding: chunked".into()
            } else {
                format!("Content-Length: {}", body.len())
            };
            peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes()).unwrap();
            for piece in body.chunks(if chunked { 777 } else { 50_000 }) {
                let mut out = Vec::new();
                if chunked {
                    write!(out, "{:x}\r\n", piece.len()).unwrap();
                }
                out.extend_from_slice(piece);
                if chunked {
                    out.extend_from_slice(b"\r\n");
                }
                peer.send(&out).unwrap();
            }
            if chunked {
                peer.send(b"0\r\n\r\n").unwrap();
            }
        });
        let answer =
            Client::over(Stream::over_tcp(client.try_clone().unwrap()).unwrap()).response(false).unwrap();
        assert_eq!(answer.end, End::Complete);
        assert!(answer.body == expected, "chunked: {chunked}");
        sending.join().unwrap();
        client.flush().unwrap();
    }
}

#[test]
fn without_a_file_or_kept_the_upstream_waits() {
    for more in ["buffer = { max_temp_file_size = \"0\" }", "buffer = { response = false }"] {
        let upstream = Listener::new();
        let (gateway, listen) = gateway(upstream.address(), more);
        let client = slow_client(listen, &get(0, ""));
        let mut peer = upstream.accept();
        peer.head().unwrap();
        let size = 64 << 20;
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes()).unwrap();
        // The kernel's buffers are some megabytes; the gateway adds what it was given.
        peer.set_limit(Duration::from_millis(300)).unwrap();
        let sent = AtomicUsize::new(0);
        let piece = vec![b'x'; 1 << 16];
        while sent.load(Relaxed) < size && peer.send(&piece).is_ok() {
            sent.fetch_add(piece.len(), Relaxed);
        }
        let sent = sent.load(Relaxed);
        assert!(sent < size / 2, "{more}: {sent} of {size} were taken");
        assert!(!gateway.error_log().contains("temporary file"), "{more}");
        client.shutdown(std::net::Shutdown::Both).unwrap();
    }
}

#[test]
fn what_comes_goes_out_at_once() {
    let upstream = Listener::new();
    let (_gateway, listen) = gateway(upstream.address(), "");
    let kinds = [
        "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked",
        "Content-Type: text/plain\r\nTransfer-Encoding: chunked",
        "Content-Type: application/grpc\r\nTransfer-Encoding: chunked",
        "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked",
        "Content-Type: text/plain\r\nConnection: close",
        "Content-Type: text/plain\r\nContent-Length: 1000",
    ];
    for kind in kinds {
        let mut client = Client::connect(listen).unwrap();
        client.send(get(0, "").as_bytes()).unwrap();
        let mut peer = upstream.accept();
        peer.head().unwrap();
        peer.send(format!("HTTP/1.1 200 OK\r\n{kind}\r\n\r\n").as_bytes()).unwrap();
        let head = client.stream().head().unwrap().unwrap();
        assert_eq!(head.field("x-accel-buffering"), None);
        for n in 0..5 {
            let event = format!("data: {n}\n\n");
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            let frame = if kind.contains("chunked") { &chunk } else { &event };
            let expected = if kind.contains("Length") { &event } else { &chunk };
            peer.send(frame.as_bytes()).unwrap();
            // The upstream says no more until this has come.
            let mut got = Vec::new();
            client.stream().exactly(expected.len(), &mut got).unwrap();
            assert_eq!(String::from_utf8_lossy(&got).to_lowercase(), *expected, "{kind}");
        }
    }
}

#[test]
fn the_upstreams_word_decides_unless_it_is_ignored() {
    let origin = Origin::start();
    let kept = |more: &str, field: &str| {
        let (gateway, listen) = gateway(origin.address(), more);
        let mut client =
            slow_client(listen, &get(32 << 20, &format!("\r\nX-Reply: X-Accel-Buffering: {field}")));
        let mut some = [0; 1024];
        client.read_exact(&mut some).unwrap();
        assert!(!String::from_utf8_lossy(&some).to_lowercase().contains("accel"));
        // Two that must be told apart: one is soon in a file, the other never. A second request takes the same way, slower.
        let quick = raw_request(listen, get(2 << 20, "").as_bytes()).unwrap();
        assert_eq!(quick.body.len(), 2 << 20);
        let told = |gateway: &Propylon| gateway.error_log().contains("buffered to a temporary file");
        let spilled = if more.contains("response = false") == (field == "no") {
            told(&gateway)
        } else {
            until("the file, or the lack of it", LIMIT, || {
                let free = origin.connections();
                (told(&gateway) || free > 100).then_some(told(&gateway))
            })
        };
        client.shutdown(std::net::Shutdown::Both).unwrap();
        spilled
    };
    assert!(kept("buffer = { response = false }", "yes"));
    assert!(kept("headers = { ignore = [\"X-Accel-Buffering\"] }", "no"));
    assert!(kept("", "yes"));
    assert!(!kept("buffer = { response = false }", "no"));
}

#[test]
fn heads_of_any_size_up_to_the_limit_as_in_nginx() {
    let origin = Origin::start();
    let (gateway, listen) = gateway(origin.address(), "");
    let nginx_listen = address();
    let _nginx = Nginx::start(&format!(
        "http {{ access_log off; proxy_buffer_size 4k; proxy_buffers 8 4k;\n\
         server {{ listen {nginx_listen}; location / {{ proxy_pass http://{}; }} }} }}\n",
        origin.address()
    ));
    let plain = raw_request(listen, get(0, "").as_bytes()).unwrap();
    assert_eq!(plain.status, 200);
    let base =
        "HTTP/1.1 200 Made To Order\r\nServer: origin\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .len();
    for (size, status) in [(4000, 200), (4095, 200), (4096, 200), (4097, 502), (6000, 502)] {
        let value = "x".repeat(size - base - "X-A: \r\n".len());
        let request = get(0, &format!("last\r\nX-Reply: X-A: {value}"));
        let answer = raw_request(listen, request.as_bytes()).unwrap();
        assert_eq!(raw_request(nginx_listen, request.as_bytes()).unwrap().status, status, "nginx, {size}");
        assert_eq!(answer.status, status, "{size}");
        if status == 200 {
            assert_eq!(answer.head.field("x-a").unwrap().len(), value.len());
        }
    }
    let too_big = "upstream sent too big header while reading response header from upstream";
    until("the log", LIMIT, || gateway.error_log().contains(too_big).then_some(()));
}

#[test]
fn a_cut_is_a_cut_however_much_was_kept() {
    let upstream = Listener::new();
    let (gateway, listen) = gateway(upstream.address(), "");
    let mut cuts = 0;
    for framing in ["Content-Length: 30000000", "Transfer-Encoding: chunked"] {
        for kept in [100, 8_000_000] {
            let mut client = slow_client(listen, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let mut peer = upstream.accept();
            peer.head().unwrap();
            peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes()).unwrap();
            let chunked = framing.contains("chunked");
            let mut out = if chunked { format!("{kept:x}\r\n").into_bytes() } else { Vec::new() };
            out.resize(out.len() + kept, b'x');
            if chunked {
                out.extend_from_slice(b"\r\n");
            }
            peer.send(&out).unwrap(); // it is all taken
            peer.shutdown(std::net::Shutdown::Both);
            drop(peer);
            let (came, reset) = drain(&mut client);
            assert!(came > 0 && (reset || came < 30_000_000), "{came} bytes, reset: {reset}");
            cuts += 1;
            until("the cut in the log", LIMIT, || {
                let log = gateway.error_log();
                let told =
                    log.matches("upstream prematurely closed connection while reading upstream").count();
                (told == cuts).then_some(())
            });
        }
    }
}

#[test]
fn a_client_that_leaves_ends_it_all() {
    let upstream = Listener::new();
    let (gateway, listen) = gateway(upstream.address(), "");
    let before = gateway.descriptors();
    let mut client = slow_client(listen, &get(0, ""));
    let mut peer = upstream.accept();
    peer.head().unwrap();
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n").unwrap();
    peer.send(&vec![b'x'; 8_000_000]).unwrap();
    let mut some = [0; 1024];
    client.read_exact(&mut some).unwrap();
    until("the file", LIMIT, || gateway.error_log().contains("temporary file").then_some(()));
    drop(client);
    let _ = peer.to_end(&mut Vec::new()); // the upstream's connection is closed as well
    until("all of it gone", LIMIT, || (gateway.descriptors() <= before).then_some(()));
}

#[test]
fn a_disk_that_fails_is_no_harm() {
    let origin = Origin::start();
    let listen = address();
    let gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\ntemp_path = \"/nowhere\"\n[error_log]\npath = \"@DIR@/error.log\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n",
        origin.address()
    ));
    let mut client = slow_client(listen, &get(8 << 20, ""));
    until("the failure in the log", LIMIT, || {
        gateway.error_log().contains("cannot use a temporary file").then_some(())
    });
    let (came, reset) = drain(&mut client);
    assert!(came > 8 << 20 && !reset);
}

#[test]
fn responses_without_bodies_and_their_lengths() {
    let origin = Origin::start();
    let (_gateway, listen) = gateway(origin.address(), "");
    let ask = |method: &str, order: &str| {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nX-Do: {order}\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap()
    };
    assert_eq!(ask("HEAD", "size=5000000").head.field("content-length").as_deref(), Some("5000000"));
    for status in [204, 304] {
        let answer = ask("GET", &format!("status={status}"));
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
    let large = ask("GET", "size=3000000");
    assert_eq!(large.head.field("content-length").as_deref(), Some("3000000"));
    assert_eq!((large.body.len(), large.end), (3_000_000, End::Complete));
    let chunked = ask("GET", "size=300000 chunked");
    assert!(chunked.head.lists("transfer-encoding", "chunked"));
    assert_eq!((chunked.body.len(), chunked.end), (300_000, End::Complete));
}

#[test]
fn explained() {
    let mut text = String::new();
    for (path, more) in [
        ("/on/", ""),
        ("/off/", "buffer = { response = false }\n"),
        ("/memory/", "buffer = { max_temp_file_size = \"0\" }\n"),
        ("/ignored/", "headers = { ignore = [\"X-Accel-Buffering\"] }\n"),
    ] {
        writeln!(
            text,
            "[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://127.0.0.1:1\"\n{more}"
        )
        .unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("propylon.toml");
    std::fs::write(&config, format!("[[server]]\nlisten = [\"127.0.0.1:80\"]\n{text}")).unwrap();
    let line = |path: &str| {
        let mut command = std::process::Command::new(propylon_tests::binary());
        let out = command.args(["explain", "--config"]).arg(&config).args(["GET", path]).output().unwrap();
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        out.lines().find(|line| line.starts_with("response ")).unwrap_or(&out).to_owned()
    };
    assert_eq!(
        line("/on/"),
        "response  buffered, at the speed of the upstream: 8 x 16 KiB in memory, then up to 1 GiB in a file; unbuffered if it \
         is text/event-stream, gRPC, an upgrade, or has X-Accel-Buffering: no"
    );
    assert!(
        line("/off/")
            .starts_with("response  unbuffered, at the speed of the client: buffer.response is false;")
    );
    assert!(
        line("/memory/")
            .contains("8 x 16 KiB in memory; then the upstream waits for the client; unbuffered if")
    );
    assert!(line("/ignored/").ends_with("gRPC or an upgrade"));
}

/// All that came before the upstream broke off arrives, and then the connection ends: nothing of it is lost, and it does not look whole.
#[test]
fn what_came_of_a_cut_body_arrives() {
    for framing in ["Content-Length: 4000000", "Transfer-Encoding: chunked"] {
        for more in ["", "buffer = { count = 4, size = \"4k\" }", "buffer = { response = false }"] {
            let upstream = Listener::new();
            let (gateway, listen) = gateway(upstream.address(), more);
            let mut client = slow_client(listen, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let mut peer = upstream.accept();
            peer.head().unwrap();
            let sending = std::thread::spawn(move || {
                let piece = vec![b'x'; 50_000];
                peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes()).unwrap();
                for _ in 0..20 {
                    if framing.starts_with("Transfer") {
                        peer.send(b"c350\r\n").unwrap();
                    }
                    peer.send(&piece).unwrap();
                    if framing.starts_with("Transfer") {
                        peer.send(b"\r\n").unwrap();
                    }
                }
                peer.shutdown(std::net::Shutdown::Both);
            });
            let mut head = [0; 10];
            client.read_exact(&mut head).unwrap();
            sending.join().unwrap();
            // The gateway may have given up on it by now: what it has given to the kernel is the client's all the same.
            let answer = {
                let mut all = head.to_vec();
                client.read_to_end(&mut all).unwrap();
                all
            };
            let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            let data = answer[end..].iter().filter(|byte| **byte == b'x').count();
            assert_eq!(data, 1_000_000, "{framing} {more}");
            assert!(!answer.ends_with(b"0\r\n\r\n"), "{framing} {more}");
            until("the log of it", LIMIT, || {
                gateway.error_log().contains("prematurely closed").then_some(())
            });
        }
    }
}
