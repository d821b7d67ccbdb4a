//! The beginning of a client's connection where the PROXY protocol is spoken.

use std::io;

use propylon_exchange::{Connection, ProxyProtocol};
use propylon_proxy_protocol::{Error, Header, parse};
use tokio::time::{Instant, timeout_at};

use crate::client::Stream;

/// How much is looked at in one go: the usual header is shorter.
const GLANCE: usize = 256;

/// How much of what is no header goes into the log.
const SHOWN: usize = 107;

/// Reads the header, of which the connection has what it tells from then on. Not a byte behind it is read. Without one
/// the connection does not go on.
pub(crate) async fn begin(
    stream: &Stream,
    connection: &mut Connection,
    deadline: Instant,
) -> Result<(), Unheard> {
    let mut received = Vec::new();
    let failure = match timeout_at(deadline, read(stream, &mut received)).await {
        Ok(Ok(told)) => {
            connection.proxy_protocol = told.map(Box::new);
            return Ok(());
        }
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Late,
    };
    let unheard = if matches!(failure, Failure::Late) { Unheard::Late } else { Unheard::Broken };
    match failure {
        Failure::Header(error) => {
            // What is binary says nothing to whoever reads it.
            let line = received
                .split(|byte| matches!(byte, b'\r' | b'\n'))
                .next()
                .filter(|_| error == Error::Broken);
            let shown =
                line.map(|line| format!(": \"{}\"", line.get(..SHOWN).unwrap_or(line).escape_ascii()));
            let shown = shown.unwrap_or_default();
            tracing::error!(target: "propylon_gateway", client = %connection.peer, "{error}{shown} while reading PROXY protocol");
        }
        Failure::Late => {
            tracing::info!(target: "propylon_gateway", client = %connection.peer, "client timed out (110: Connection timed out) while reading PROXY protocol");
        }
        Failure::Client(what) => {
            tracing::info!(target: "propylon_gateway", client = %connection.peer, "{what} while reading PROXY protocol");
        }
    }
    Err(unheard)
}

/// What has become of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// It is none, or its sender has gone.
    Broken,
    /// It did not come in time.
    Late,
}

/// Why there is no header.
enum Failure {
    Header(Error),
    Late,
    Client(Box<str>),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Client(format!("recv() failed ({error})").into())
    }
}

/// What the header tells, if anything. `received`: what has come, also when there is none.
async fn read(stream: &Stream, received: &mut Vec<u8>) -> Result<Option<ProxyProtocol>, Failure> {
    loop {
        let before = received.len();
        received.resize(before + GLANCE, 0);
        let here = stream.peek(received.get_mut(before..).unwrap_or_default()).await;
        received.truncate(before + here.as_ref().map_or(0, |here| *here));
        if here? == 0 {
            return Err(Failure::Client("client closed connection".into()));
        }
        match parse(received).map_err(Failure::Header)? {
            // All that has come is of the header: once it is taken, the next look waits for more.
            None => stream.take(received.get_mut(before..).unwrap_or_default())?,
            Some((header, length)) => {
                let told = told(header);
                return Ok(stream
                    .take(received.get_mut(before..length).unwrap_or_default())
                    .map(|()| told)?);
            }
        }
    }
}

fn told(header: Header<'_>) -> Option<ProxyProtocol> {
    let (client, server) = header.ends?;
    Some(ProxyProtocol { client, server, tlvs: header.tlvs.as_bytes().into() })
}
