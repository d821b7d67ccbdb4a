//! A DNS server that says what the test wants, over UDP and TCP on a port of its own.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    #[default]
    Answers,
    /// It says nothing.
    Silent,
    /// It says that it has failed (SERVFAIL).
    Fails,
    /// The same for IPv6 addresses alone.
    FailsForAaaa,
    /// Over UDP it says that the answer is too long for UDP.
    Truncates,
}

/// A DNS server; dropping it stops it.
///
/// ```
/// use propylon_testkit::dns::DnsServer;
///
/// let server = DnsServer::start();
/// server.host("a.test", &["10.0.0.1"], 60);
/// assert!(server.addr().ip().is_loopback());
/// ```
#[derive(Debug)]
pub struct DnsServer {
    shared: Arc<Shared>,
    addr: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    zone: Mutex<Zone>,
    queries: AtomicUsize,
}

#[derive(Debug, Default)]
struct Zone {
    hosts: HashMap<String, (Vec<IpAddr>, u32)>,
    services: HashMap<String, (Vec<Service>, u32)>,
    aliases: HashMap<String, String>,
    mood: Mood,
    stopped: bool,
}

/// Priority, weight, port and target.
pub type Service = (u16, u16, u16, &'static str);

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;

impl DnsServer {
    /// Starts it on a port of 127.0.0.1; it knows no names.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start() -> Self {
        // A port that is free for UDP may not be for TCP: try another one then.
        let (udp, tcp) = (0..100)
            .find_map(|_| {
                let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("a port that is free for UDP and TCP");
        let addr = udp.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (for_udp, for_tcp) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            thread::spawn(move || for_udp.serve_udp(&udp)),
            thread::spawn(move || for_tcp.serve_tcp(&tcp)),
        ];
        Self { shared, addr, threads }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The addresses of a host; none: the name exists and has no address.
    ///
    /// # Panics
    /// If one is no IP address.
    pub fn host(&self, name: &str, addresses: &[&str], ttl: u32) {
        let addresses = addresses.iter().map(|ip| ip.parse().expect("an IP address")).collect();
        self.shared.zone().hosts.insert(name.into(), (addresses, ttl));
    }

    /// The hosts of a service.
    pub fn service(&self, name: &str, services: &[Service], ttl: u32) {
        self.shared.zone().services.insert(name.into(), (services.to_vec(), ttl));
    }

    /// A name that stands for another one, of which nothing is said in the same answer.
    pub fn alias(&self, name: &str, target: &str) {
        self.shared.zone().aliases.insert(name.into(), target.into());
    }

    /// There is no such name (any more).
    pub fn forget(&self, name: &str) {
        let mut zone = self.shared.zone();
        zone.hosts.remove(name);
        zone.services.remove(name);
    }

    /// How it behaves from now on.
    pub fn mood(&self, mood: Mood) {
        self.shared.zone().mood = mood;
    }

    /// How many queries have come.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.shared.queries.load(SeqCst)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.shared.zone().stopped = true;
        // Each thread sees it at the next thing that comes. Errors: it has ended already.
        let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[0], self.addr));
        let _ = TcpStream::connect(self.addr);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn zone(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().expect("no test panics while it holds the zone")
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if self.zone().stopped {
                return;
            }
            if let Some(answer) = buffer.get(..length).and_then(|query| self.answer(query, true)) {
                let _ = socket.send_to(&answer, from); // who asked may have gone
            }
        }
    }

    fn serve_tcp(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.zone().stopped {
                return;
            }
            // It ends when the peer closes, which may be after the server's own end.
            let shared = Arc::clone(self);
            thread::spawn(move || stream.and_then(|stream| shared.talk(stream)));
        }
    }

    fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query)?;
            let Some(answer) = self.answer(&query, false) else { return Ok(()) };
            let length = u16::try_from(answer.len()).expect("a short answer").to_be_bytes();
            stream.write_all(&[&length[..], &answer].concat())?;
        }
    }

    fn answer(&self, query: &[u8], udp: bool) -> Option<Vec<u8>> {
        let (name, end) = name(query, 12)?;
        let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
        self.queries.fetch_add(1, SeqCst);
        let zone = self.zone();
        let records = zone.records(&name.to_ascii_lowercase(), kind);
        let (code, truncated, records) = match (zone.mood, records) {
            (Mood::Silent, _) => return None,
            (Mood::Fails, _) => (2, 0, Vec::new()),
            (Mood::FailsForAaaa, _) if kind == AAAA => (2, 0, Vec::new()),
            (Mood::Truncates, _) if udp => (0, 2, Vec::new()),
            (_, None) => (3, 0, Vec::new()),
            (_, Some(records)) => (0, 0, records),
        };
        let count = u16::try_from(records.len()).expect("a few records").to_be_bytes();
        let mut answer = query.get(..2)?.to_vec();
        // A response, authoritative, recursion there; one question, `count` answers.
        answer.extend([0x85 | truncated, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0]);
        answer.extend(query.get(12..end + 4)?);
        answer.extend(records.concat());
        Some(answer)
    }
}

impl Zone {
    fn records(&self, name: &str, kind: u16) -> Option<Vec<Vec<u8>>> {
        if let Some(target) = self.aliases.get(name) {
            return Some(vec![record(CNAME, 60, &written(target))]);
        }
        let (hosts, services) = (self.hosts.get(name), self.services.get(name));
        if hosts.is_none() && services.is_none() {
            return None;
        }
        let mut records = Vec::new();
        for (ip, ttl) in hosts.into_iter().flat_map(|(ips, ttl)| ips.iter().map(move |ip| (ip, *ttl))) {
            match ip {
                IpAddr::V4(ip) if kind == A => records.push(record(A, ttl, &ip.octets())),
                IpAddr::V6(ip) if kind == AAAA => records.push(record(AAAA, ttl, &ip.octets())),
                _ => {}
            }
        }
        if let Some((services, ttl)) = services.filter(|_| kind == SRV) {
            for (priority, weight, port, target) in services {
                let mut data = [priority.to_be_bytes(), weight.to_be_bytes(), port.to_be_bytes()].concat();
                data.extend(written(target));
                records.push(record(SRV, *ttl, &data));
            }
        }
        Some(records)
    }
}

/// A name as messages have it.
fn written(name: &str) -> Vec<u8> {
    let mut data = Vec::new();
    for label in name.split('.') {
        data.push(u8::try_from(label.len()).expect("a short label"));
        data.extend(label.as_bytes());
    }
    data.push(0);
    data
}

/// A record of the name that was asked for.
fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = vec![0xc0, 12]; // the name stands at offset 12
    record.extend(kind.to_be_bytes());
    record.extend([0, 1]);
    record.extend(ttl.to_be_bytes());
    record.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
    record.extend(data);
    record
}

/// The name at `at`, and where what follows begins.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).into_owned());
        at += length;
    }
}
