//! Whether a client that has just come speaks HTTP/2.

use std::time::Duration;

use tokio::time::Instant;

use super::ALPN;
use crate::client::{Client, Engine, Stream};

/// What a client of HTTP/2 says first (RFC 9113 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long one is left alone that has said no more than a part of it.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether HTTP/2 is spoken: TLS has agreed on it, or it is what the client says first (prior knowledge, RFC 9113 3.3).
pub(crate) async fn is_spoken(stream: &Stream, client: &Client, engine: &Engine) -> bool {
    let deadline = Instant::now() + engine.timeouts.header;
    match stream {
        // As in nginx, it is by ALPN alone that one may speak it over TLS.
        Stream::Tls(_) => {
            let tls = client.connection.tls.as_ref();
            tls.and_then(|tls| tls.alpn.as_deref()).is_some_and(|alpn| alpn == ALPN.as_bytes())
        }
        Stream::Tcp(_) | Stream::Unix(_) => {
            tokio::time::timeout_at(deadline, begins_with_preface(stream)).await.unwrap_or(false)
        }
    }
}

/// What is looked at stays to be read.
async fn begins_with_preface(stream: &Stream) -> bool {
    loop {
        let mut first = [0; PREFACE.len()];
        let Ok(known) = stream.peek(&mut first).await else { return false };
        match first.get(..known) {
            Some(first) if !first.is_empty() && PREFACE.starts_with(first) => {}
            _ => return false,
        }
        if known == PREFACE.len() {
            return true;
        }
        // A part of it, which is there, and so nobody would be told of more.
        tokio::time::sleep(PAUSE).await;
    }
}
