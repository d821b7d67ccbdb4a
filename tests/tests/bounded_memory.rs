//! Bodies of any size and clients of any slowness in the memory that the settings add up to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use propylon_tests::{LIMIT, Propylon, address, until};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use socket2::{Domain, Socket, Type};

const GIB: u64 = 1 << 30;

/// An upstream that reads a request with its body, forgets it, and sends as many bytes as the path says. It counts what it has
/// sent as a whole.
struct Upstream {
    address: SocketAddr,
    sent: Arc<AtomicUsize>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind(address()).unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counted = counted.clone();
                let serve = move || serve(stream, &counted);
                thread::Builder::new().stack_size(128 << 10).spawn(serve).unwrap();
            }
        });
        Self { address, sent }
    }
}

fn serve(mut stream: TcpStream, sent: &AtomicUsize) -> Option<()> {
    loop {
        let (head, ahead) = head(&mut stream)?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let size = head.split([' ', '/']).find_map(number)?;
        let length = head.to_lowercase();
        let length = length.split("content-length:").nth(1).and_then(|rest| number(rest.lines().next()?));
        forget(&mut stream, length.unwrap_or(0) - ahead as u64)?;
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes()).ok()?;
        send(&mut stream, size)?;
        sent.fetch_add(1, Relaxed);
    }
}

/// A head, and how many bytes behind it were read with it.
fn head(stream: &mut TcpStream) -> Option<(String, usize)> {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        read.extend_from_slice(&buffer[..n]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end + 4]).into_owned();
            return Some((head, read.len() - end - 4));
        }
    }
}

fn forget(stream: &mut TcpStream, mut left: u64) -> Option<()> {
    let mut buffer = vec![0; 256 << 10];
    while left > 0 {
        left -= stream.read(&mut buffer).ok().filter(|n| *n > 0)? as u64;
    }
    Some(())
}

fn send(stream: &mut TcpStream, mut left: u64) -> Option<()> {
    let piece = vec![b'x'; 64 << 10];
    while left > 0 {
        let n = left.min(piece.len() as u64);
        stream.write_all(&piece[..usize::try_from(n).ok()?]).ok()?;
        left -= n;
    }
    Some(())
}

fn gateway(upstream: SocketAddr) -> (Propylon, SocketAddr) {
    let listen = address();
    let text = format!(
        "[runtime]\nworkers = 1\ntemp_path = \"@DIR@\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"error\"\n\
         [defaults]\nlimit = {{ body_size = \"unlimited\" }}\n\
         [defaults.buffer]\nheader_size = \"4k\"\ncount = 8\nsize = \"16k\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{upstream}\"\n"
    );
    (Propylon::start(&text), listen)
}

/// A line of the process's status, in KiB.
fn memory(gateway: &Propylon, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn two_gib_each_way() {
    let upstream = Upstream::start();
    let (gateway, listen) = gateway(upstream.address);
    let limit = Rlimit { current: Some((memory(&gateway, "VmData") << 10) + (96 << 20)), maximum: None };
    let pid = Pid::from_raw(i32::try_from(gateway.id()).unwrap());
    prlimit(pid, Resource::Data, limit).unwrap();
    let before = memory(&gateway, "VmRSS");

    for (path, up, down) in [("/5", 2 * GIB, 5), ("/2147483648", 0, 2 * GIB)] {
        let mut client = TcpStream::connect(listen).unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {up}\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        send(&mut client, up).unwrap();
        let (head, ahead) = self::head(&mut client).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        forget(&mut client, down - ahead as u64).unwrap();
    }
    let grown = memory(&gateway, "VmHWM") - before;
    assert!(grown < 48 << 10, "{grown} KiB");
}

#[test]
fn a_thousand_slow_clients() {
    const CLIENTS: usize = 1000;
    // Each has two descriptors of the gateway, which inherits the limit, and there are upstream connections.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
    let files = getrlimit(Resource::Nofile);
    assert!(files.current.is_none_or(|files| files > 3 * CLIENTS as u64), "too few files: ulimit -Hn 4096");
    let upstream = Upstream::start();
    let (gateway, listen) = gateway(upstream.address);
    let before = memory(&gateway, "VmRSS");
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        // Small segments and a small window: little gets stuck in the kernel.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        socket.set_tcp_mss(536).unwrap();
        socket.connect(&listen.into()).unwrap();
        let mut client: TcpStream = socket.into();
        client.write_all(b"GET /1048576 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        clients.push(client);
    }
    until("an upstream that has sent all", LIMIT * 3, || {
        (upstream.sent.load(Relaxed) == CLIENTS).then_some(())
    });
    let grown = memory(&gateway, "VmHWM") - before;
    let allowed = CLIENTS as u64 * (4 + 8 * 16) * 12 / 10;
    assert!(grown < allowed, "{grown} of {allowed} KiB");
    // And what they get is all there.
    for client in clients.iter_mut().take(3) {
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let (_, ahead) = self::head(client).unwrap();
        forget(client, (1 << 20) - ahead as u64).unwrap();
    }
}
