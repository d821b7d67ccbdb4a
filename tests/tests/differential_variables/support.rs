//! Both proxies, and what stands behind them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use propylon_tests::{Client, LIMIT, Origin, Process, Refusing, fixture, until};
use regex::Regex;

use crate::exchanges::{Exchange, Leaves};
use crate::variables::{EQUAL, SHAPED};

/// What stands behind both proxies.
pub(crate) struct Peers {
    backend: Origin,
    second: Origin,
    unix: std::path::PathBuf,
    refusing: [Refusing; 2],
    _unix: Origin,
    _dir: tempfile::TempDir,
}

impl Peers {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let unix = dir.path().join("origin.sock");
        Self {
            backend: Origin::start(),
            second: Origin::echo(),
            _unix: Origin::unix(&unix),
            unix,
            refusing: [Refusing::new(), Refusing::new()],
            _dir: dir,
        }
    }

    pub(crate) fn fixture(&self, name: &str, listen: SocketAddr) -> String {
        let names = EQUAL.iter().copied().chain(SHAPED.iter().map(|(name, _)| *name)).chain(["bytes_sent"]);
        let format: Vec<_> = names.map(|name| format!("{name}=${name}")).collect();
        let text = |address: SocketAddr| address.to_string();
        fixture(
            name,
            &[
                ("FORMAT", &format.join("\t")),
                ("LISTEN", &text(listen)),
                ("ORIGIN", &text(self.backend.address())),
                ("SECOND", &text(self.second.address())),
                ("REFUSING", &text(self.refusing[0].address())),
                ("REFUSING2", &text(self.refusing[1].address())),
                ("UNIX", &self.unix.to_string_lossy()),
            ],
        )
    }
}

/// One of the two proxies, and how many lines of its log have been read.
pub(crate) struct Side<'a> {
    pub(crate) name: &'static str,
    process: &'a Process,
    address: SocketAddr,
    read: usize,
}

impl<'a> Side<'a> {
    pub(crate) fn new(name: &'static str, process: &'a Process, address: SocketAddr) -> Self {
        Self { name, process, address, read: 0 }
    }

    /// Runs an exchange and gives the values of each line that it left in the log, made comparable.
    pub(crate) fn run(&mut self, peers: &Peers, exchange: &Exchange) -> Vec<BTreeMap<String, String>> {
        peers.backend.take();
        let heads = self.talk(peers, exchange);
        let lines = self.next_lines(exchange.requests.len());
        self.read += lines.len();
        lines.iter().zip(heads).map(|(line, head)| self.values(line, head)).collect()
    }

    /// As many lines as there should be, or more when there are more.
    fn next_lines(&self, count: usize) -> Vec<String> {
        until(&format!("{count} lines in the log of {}", self.name), LIMIT, || {
            let lines = self.process.lines_now("access.log").split_off(self.read);
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Gives the length of each response head.
    fn talk(&self, peers: &Peers, exchange: &Exchange) -> Vec<u64> {
        let mut client = Client::connect(self.address).unwrap();
        let mut heads = Vec::new();
        for request in exchange.requests {
            let before = peers.backend.heads();
            client.send(request).unwrap();
            let mut head = 0;
            match exchange.leaves {
                Leaves::Answered | Leaves::Closed => {
                    if let Ok(answer) = client.response(request.starts_with(b"HEAD ")) {
                        head = answer.head.0.len();
                    }
                }
                Leaves::Waiting => {
                    until("the request at the origin", LIMIT, || {
                        (peers.backend.heads() > before).then_some(())
                    });
                }
                Leaves::HalfWay => {
                    head = client.stream().head().unwrap().expect("a head").0.len();
                    client.stream().exactly(500, &mut Vec::new()).expect("half of the body");
                }
                Leaves::AtOnce => {}
            }
            heads.push(head as u64);
        }
        if exchange.leaves == Leaves::Closed {
            assert!(client.closed(), "{}: {}: the connection stays open", self.name, exchange.name);
        }
        client.leave();
        heads
    }

    fn values(&self, line: &str, head: u64) -> BTreeMap<String, String> {
        let own = self.address.ip().to_string();
        let mut values: BTreeMap<String, String> = line
            .split('\t')
            .map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{}: {line}", self.name)))
            .map(|(name, value)| (name.to_owned(), value.replace(&own, "<own address>")))
            .collect();
        // Heads differ (Server, Date, order), bodies do not.
        let sent: u64 = values["bytes_sent"].parse().unwrap();
        values.insert("bytes_sent".into(), format!("head + {}", sent.wrapping_sub(head).cast_signed()));
        for (name, shape) in SHAPED {
            let raw = values[*name].clone();
            let shape = Regex::new(&format!(r"(^|, | : ){shape}")).unwrap();
            values.insert((*name).to_owned(), shape.replace_all(&raw, "$1<value>").into_owned());
            values.insert(format!("raw {name}"), raw);
        }
        values
    }
}
