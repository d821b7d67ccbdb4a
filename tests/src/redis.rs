//! A Redis server of the test's own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::{LIMIT, Process, address, lossy, until};

/// A running `redis-server`, which keeps what it has on disk over a [restart](Self::restart) if it is told to.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    data: TempDir,
    address: SocketAddr,
    arguments: Vec<String>,
}

/// What it has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A text, a status, a number or an error.
    Text(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several.
    List(Vec<Self>),
}

impl Redis {
    /// Starts it with these further arguments, on a port and on a unix socket, and waits until it listens. `@DIR@` is its
    /// directory.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_at(address(), arguments)
    }

    /// The same, on this address.
    pub fn start_at(address: SocketAddr, arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let dir = data.path().to_string_lossy().into_owned();
        let arguments = arguments.iter().map(|argument| argument.replace("@DIR@", &dir)).collect();
        let mut redis = Self { process: None, data, address, arguments };
        redis.begin();
        redis
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its unix socket.
    pub fn socket(&self) -> PathBuf {
        self.data.path().join("redis.sock")
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Ends it, if it runs, and starts it again where it was.
    pub fn restart(&mut self) {
        self.kill();
        self.begin();
    }

    /// Asks it something.
    pub fn ask<W: AsRef<[u8]>>(&self, words: &[W]) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let mut text = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            text.extend(format!("${}\r\n", word.as_ref().len()).as_bytes());
            text.extend(word.as_ref());
            text.extend(b"\r\n");
        }
        stream.write_all(&text).expect("it listens");
        read(&mut BufReader::new(stream))
    }

    /// The keys that match.
    pub fn keys(&self, pattern: &str) -> Vec<String> {
        let Answer::List(keys) = self.ask(&["KEYS", pattern]) else { panic!("no list of keys") };
        let mut keys: Vec<_> = keys.iter().map(Answer::text).collect();
        keys.sort();
        keys
    }

    fn begin(&mut self) {
        let mut command = Command::new("redis-server");
        command.arg("--port").arg(self.address.port().to_string());
        command.arg("--bind").arg(self.address.ip().to_string()).arg("--dir").arg(self.data.path());
        command.arg("--unixsocket").arg(self.socket()).args(["--save", "", "--protected-mode", "no"]);
        command.args(&self.arguments);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let found = Command::new("redis-server").arg("--version").output();
        assert!(
            found.is_ok(),
            "these tests need redis-server, which is not here; install it:\n    apt-get install -y redis-server"
        );
        self.process = Some(Process::start(command, dir, "stdout"));
        // While it reads what it has kept it says so.
        until("redis-server", LIMIT, || {
            let mut stream = TcpStream::connect(self.address).ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let said = read(&mut BufReader::new(stream)).text();
            (said == "PONG" || said.starts_with("NOAUTH")).then_some(())
        });
    }
}

impl Answer {
    /// As text.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => lossy(text),
            Self::Nil => String::new(),
            Self::List(all) => all.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }
}

fn read(from: &mut BufReader<TcpStream>) -> Answer {
    let mut line = String::new();
    from.read_line(&mut line).expect("an answer");
    let line = line.trim_end();
    let Some((kind, rest)) = line.split_at_checked(1) else { return Answer::Nil };
    match (kind, rest.parse::<i64>()) {
        ("$" | "*", Ok(-1)) => Answer::Nil,
        ("$", Ok(length)) => {
            let mut text = vec![0; usize::try_from(length).unwrap() + 2];
            from.read_exact(&mut text).expect("an answer");
            text.truncate(text.len() - 2);
            Answer::Text(text)
        }
        ("*", Ok(count)) => Answer::List((0..count).map(|_| read(from)).collect()),
        _ => Answer::Text(rest.into()),
    }
}
