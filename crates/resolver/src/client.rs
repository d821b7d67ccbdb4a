//! Asking DNS servers: over UDP, again when nothing comes, and over TCP what is too long for UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::wire::{Answer, Asked, Reply};

/// How long one server is waited for before the next is asked as well; twice that when all have been asked, and so on.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a datagram is read: more is not sent to who did not say that it may be.
const DATAGRAM: usize = 4096;

/// DNS servers, asked in turn.
#[derive(Debug)]
pub(crate) struct Client {
    servers: Box<[SocketAddr]>,
    next: AtomicUsize,
}

impl Client {
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        Self { servers: servers.into(), next: AtomicUsize::new(0) }
    }

    /// Asks one server after the other until one has an answer. A late answer is as good as one in time.
    ///
    /// It goes on for as long as it is awaited, unless every server has said that it can't answer.
    pub(crate) async fn ask<T>(
        &self,
        name: &Name,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, String> {
        let first = self.next.fetch_add(1, Relaxed);
        let mut tries = FuturesUnordered::new();
        let (mut begun, mut failed) = (0, 0);
        loop {
            let server = self.servers.get(first.wrapping_add(begun) % self.servers.len().max(1));
            let Some(&server) = server else { return Err("no DNS server is configured".into()) };
            tries.push(exchange(server, Asked::new(name, kind)?, &read));
            begun += 1;
            let rounds = u32::try_from(begun / self.servers.len()).unwrap_or(u32::MAX).min(5);
            let wait = tokio::time::sleep(PATIENCE * 2_u32.pow(rounds.saturating_sub(1)));
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    biased;
                    Some(answer) = tries.next() => match answer {
                        Ok(answer) => return Ok(answer),
                        Err(error) => {
                            failed += 1;
                            if begun < self.servers.len() {
                                break; // the next one may know
                            }
                            if failed == begun {
                                return Err(error);
                            }
                        }
                    },
                    () = &mut wait => break,
                }
            }
        }
    }
}

/// One question to one server.
async fn exchange<T>(
    server: SocketAddr,
    asked: Asked,
    read: &impl Fn(&RData) -> Option<T>,
) -> Result<Answer<T>, String> {
    let told = |error: io::Error| format!("{server}: {error}");
    let from: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A socket of its own: the port is as hard to guess as the number.
    let socket = UdpSocket::bind(from).await.map_err(told)?;
    socket.connect(server).await.map_err(told)?;
    socket.send(&asked.bytes).await.map_err(told)?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(told)?;
        match asked.read(buffer.get(..length).unwrap_or_default(), read) {
            Reply::Other => {}
            Reply::Answer(answer) => return Ok(answer),
            Reply::Failed(error) => return Err(format!("{server}: {error}")),
            Reply::Truncated => break,
        }
    }
    drop(socket);
    let bytes = over_tcp(server, &asked.bytes).await.map_err(told)?;
    match asked.read(&bytes, read) {
        Reply::Answer(answer) => Ok(answer),
        Reply::Failed(error) => Err(format!("{server}: {error}")),
        Reply::Other | Reply::Truncated => Err(format!("{server}: no answer over TCP")),
    }
}

/// A message each way, each behind its length (RFC 1035 4.2.2).
async fn over_tcp(server: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
