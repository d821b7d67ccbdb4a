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
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

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
        let fields = head.to_lowercase();
        if fields.contains("transfer-encoding: chunked") {
            forget_chunks(&mut stream)?;
        }
        let length = fields.split("content-length:").nth(1).and_then(|rest| number(rest.lines().next()?));
        forget(&mut stream, length.map_or(0, |length| length - ahead as u64))?;
        if fields.contains("/chunked ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
            send_chunks(&mut stream, size)?;
        } else {
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes()).ok()?;
            send(&mut stream, size)?;
        }
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

fn send_chunks(stream: &mut TcpStream, mut left: u64) -> Option<()> {
    while left > 0 {
        let n = left.min(256 << 10);
        stream.write_all(format!("{n:x}\r\n").as_bytes()).ok()?;
        send(stream, n)?;
        stream.write_all(b"\r\n").ok()?;
        left -= n;
    }
    stream.write_all(LAST_CHUNK).ok()
}

/// Reads up to the last chunk; says how many bytes that were.
fn forget_chunks(stream: &mut TcpStream) -> Option<u64> {
    let (mut buffer, mut came) = (vec![0; 256 << 10], 0);
    let mut end = Vec::new();
    while end != LAST_CHUNK {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        came += n as u64;
        end.extend_from_slice(&buffer[n.saturating_sub(LAST_CHUNK.len())..n]);
        end.drain(..end.len().saturating_sub(LAST_CHUNK.len()));
    }
    Some(came)
}

fn gateway(upstream: SocketAddr, more: &str) -> (Propylon, SocketAddr) {
    let listen = address();
    let text = format!(
        "[runtime]\nworkers = 1\ntemp_path = \"@DIR@\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"error\"\n\
         [defaults]\nlimit = {{ body_size = \"unlimited\" }}\n\
         [defaults.buffer]\nheader_size = \"4k\"\ncount = 8\nsize = \"16k\"\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{upstream}\"\n{more}\n"
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
    each_way("", false);
}

#[test]
fn two_gib_each_way_at_once_and_in_chunks() {
    each_way("buffer = { request = false, response = false }", true);
}

fn each_way(more: &str, chunked: bool) {
    let upstream = Upstream::start();
    let (gateway, listen) = gateway(upstream.address, more);
    let limit = Rlimit { current: Some((memory(&gateway, "VmData") << 10) + (96 << 20)), maximum: None };
    let pid = Pid::from_raw(i32::try_from(gateway.id()).unwrap());
    prlimit(pid, Resource::Data, limit).unwrap();
    let before = memory(&gateway, "VmRSS");

    for (up, down) in [(2 * GIB, 5), (0, 2 * GIB)] {
        let mut client = TcpStream::connect(listen).unwrap();
        let path = if chunked && down > 5 { format!("/{down}/chunked") } else { format!("/{down}") };
        let framing =
            if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {up}") };
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\nConnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        if chunked { send_chunks(&mut client, up) } else { send(&mut client, up) }.unwrap();
        let (head, ahead) = self::head(&mut client).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        if path.ends_with("chunked") {
            assert!(forget_chunks(&mut client).unwrap() + ahead as u64 > down);
        } else {
            forget(&mut client, down - ahead as u64).unwrap();
        }
    }
    let grown = memory(&gateway, "VmHWM") - before;
    assert!(grown < 48 << 10, "{grown} KiB");
}

/// What a client may take: the settings of [`gateway`], and 20 % more.
const CLIENT_KIB: u64 = (4 + 8 * 16) * 12 / 10;

/// A client that takes nothing until it reads: with small segments and a small window little gets stuck in the kernel.
fn slow_client(to: SocketAddr, size: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut client: TcpStream = socket.into();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(format!("GET /{size} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    client
}

#[test]
fn a_slow_client_after_others() {
    const SIZE: usize = 100 << 20;
    let upstream = Upstream::start();
    let (gateway, listen) = gateway(upstream.address, "");
    let mut grown = Vec::new();
    for turn in 1..=6 {
        std::fs::write(format!("/proc/{}/clear_refs", gateway.id()), "5").unwrap(); // the peak is what it is now
        let before = memory(&gateway, "VmHWM");
        let mut client = slow_client(listen, SIZE);
        until("an upstream that has sent all", LIMIT, || (upstream.sent.load(Relaxed) == turn).then_some(()));
        grown.push(memory(&gateway, "VmHWM").saturating_sub(before));
        let (_, ahead) = head(&mut client).unwrap();
        forget(&mut client, (SIZE - ahead) as u64).unwrap();
    }
    // The first ones bring threads for temporary files, and memory that is kept for the next.
    assert!(grown[0] < 16 * CLIENT_KIB, "{grown:?} KiB");
    assert!(grown[3..].iter().all(|grown| *grown < CLIENT_KIB), "{grown:?} KiB");
}

#[test]
fn a_thousand_slow_clients() {
    const CLIENTS: usize = 1000;
    const SIZE: usize = 4 << 20;
    // Each has two descriptors of the gateway, which inherits the limit, and there are upstream connections.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
    let files = getrlimit(Resource::Nofile);
    assert!(files.current.is_none_or(|files| files > 3 * CLIENTS as u64), "too few files: ulimit -Hn 4096");
    let upstream = Upstream::start();
    let (gateway, listen) = gateway(upstream.address, "");
    let before = memory(&gateway, "VmRSS");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| slow_client(listen, SIZE)).collect();
    until("an upstream that has sent all", LIMIT * 3, || {
        (upstream.sent.load(Relaxed) == CLIENTS).then_some(())
    });
    let grown = memory(&gateway, "VmHWM") - before;
    let allowed = CLIENTS as u64 * CLIENT_KIB;
    assert!(grown < allowed, "{grown} of {allowed} KiB");
    // And what they get is all there.
    for client in clients.iter_mut().take(3) {
        let (_, ahead) = head(client).unwrap();
        forget(client, (SIZE - ahead) as u64).unwrap();
    }
}
