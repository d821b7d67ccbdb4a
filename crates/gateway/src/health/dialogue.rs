//! What a server of a stream is told, and what it must say: the checks of peers that know no HTTP.

use std::time::Duration;

use bytes::Bytes;
use propylon_config::{self as config, Span};
use propylon_pattern::Pattern;
use propylon_upstream::{Datagrams, Upgraded};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{AGENT, compile};
use crate::error::BuildError;

/// How much of an answer is looked at.
const MOST: usize = 16 * 1024;

/// What is said to a server, and what makes a good answer.
pub(super) struct Dialogue {
    send: Bytes,
    expect: Option<Expected>,
}

enum Expected {
    Begins(Bytes),
    Matches(Pattern),
}

/// What is known of an answer by what has come of it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// More of it may make it good.
    Open,
    Bad,
}

impl Expected {
    fn judge(&self, answer: &[u8]) -> Verdict {
        match self {
            Self::Begins(text) if answer.starts_with(text) => Verdict::Good,
            Self::Begins(text) if text.starts_with(answer) => Verdict::Open,
            Self::Begins(_) => Verdict::Bad,
            Self::Matches(pattern) if pattern.is_match(answer) => Verdict::Good,
            Self::Matches(_) if answer.len() < MOST => Verdict::Open,
            Self::Matches(_) => Verdict::Bad,
        }
    }
}

impl Dialogue {
    pub(super) fn new(check: &config::HealthCheck, at: Span) -> Result<Self, BuildError> {
        let expect = match &check.expect {
            None => None,
            Some(config::ExpectedAnswer::Begins(text)) => {
                Some(Expected::Begins(Bytes::copy_from_slice(text)))
            }
            Some(config::ExpectedAnswer::Matches(pattern)) => Some(Expected::Matches(compile(pattern, at)?)),
        };
        Ok(Self { send: Bytes::copy_from_slice(&check.send), expect })
    }

    /// With a server of TCP that has been connected to.
    pub(super) async fn over_stream(&self, mut server: Upgraded) -> Result<(), String> {
        server.write_all(&self.send).await.map_err(|error| error.to_string())?;
        server.flush().await.map_err(|error| error.to_string())?;
        let Some(expect) = &self.expect else { return Ok(()) };
        let mut answer = Vec::with_capacity(1024);
        loop {
            let room = (MOST - answer.len()) as u64;
            let read = (&mut server).take(room).read_buf(&mut answer).await;
            let read = read.map_err(|error| error.to_string())?;
            match expect.judge(&answer) {
                Verdict::Good => return Ok(()),
                Verdict::Open if read > 0 => {}
                Verdict::Open | Verdict::Bad => return Err("the answer does not match".into()),
            }
        }
    }

    /// With a server of UDP. One of which no answer is expected is well unless it refuses the datagram within this time.
    pub(super) async fn over_datagrams(&self, server: Datagrams, timeout: Duration) -> Result<(), String> {
        let datagram = if self.send.is_empty() { AGENT.as_bytes() } else { &self.send };
        server.try_send(datagram).map_err(|error| error.to_string())?;
        let mut answer = vec![0; MOST];
        let received = tokio::time::timeout(timeout, server.receive(&mut answer)).await;
        match (&self.expect, received) {
            (_, Ok(Err(error))) => Err(error.to_string()),
            (None, _) => Ok(()),
            (Some(_), Err(_)) => Err("no answer in time".into()),
            (Some(expect), Ok(Ok((length, _)))) => {
                match expect.judge(answer.get(..length).unwrap_or_default()) {
                    Verdict::Good => Ok(()),
                    Verdict::Open | Verdict::Bad => Err("the answer does not match".into()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_once_it_begins_so_and_bad_as_soon_as_it_cannot() {
        let expect = Expected::Begins(Bytes::from_static(b"+PONG"));
        let judged =
            ["", "+P", "+PONG", "+PONG\r\n", "+PX", "-"].map(|answer| expect.judge(answer.as_bytes()));
        use Verdict::{Bad, Good, Open};
        assert_eq!(judged, [Open, Open, Good, Good, Bad, Bad]);
    }

    #[test]
    fn an_answer_that_does_not_match_may_do_so_until_it_is_long() {
        let expect = Expected::Matches(Pattern::new("200 OK").unwrap());
        assert_eq!(expect.judge(b"HTTP/1.1 200 OK\r\n"), Verdict::Good);
        assert_eq!(expect.judge(b"HTTP/1.1 2"), Verdict::Open);
        assert_eq!(expect.judge(&[b'x'; MOST]), Verdict::Bad);
    }
}
