//! A session of UDP from its client's first datagram to its end.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use propylon_balance::Picked;
use propylon_exchange::End;
use propylon_upstream::{Datagrams, Error as Upstream, Peer};
use tokio::time::{Instant, sleep_until};

use super::account::Pace;
use super::shared::{Shared, is_of_one};
use super::table::Place;
use super::{BATCH, Desk, others_first};
use crate::rescue;
use crate::stream::line::Line;
use crate::stream::passing::{Passing, Tries};
use crate::stream::{Action, At};

/// A session: when this drops, its log line is written.
pub(super) struct Session {
    desk: Arc<Desk>,
    shared: Arc<Shared>,
    place: Place,
    line: Line,
}

/// How it ends with one server.
enum Ended {
    /// All has passed, or the client has gone.
    Over,
    /// Nothing passes, and answers are missing.
    Owed,
    /// The server refuses.
    Refused(io::Error),
}

impl Session {
    pub(super) const fn new(desk: Arc<Desk>, shared: Arc<Shared>, place: Place, line: Line) -> Self {
        Self { desk, shared, place, line }
    }

    pub(super) async fn serve(mut self) {
        let cut = self.desk.cut.clone();
        let served = tokio::select! {
            biased;
            () = cut.cancelled() => {
                rescue::report_tunnel(&self.line.exchange, "disconnected: the listener was removed");
                Ok(())
            }
            served = self.run() => served,
        };
        self.line.end = End::Complete;
        if let Err(status) = served {
            self.line.status = status;
        }
    }

    async fn run(&mut self) -> Result<(), StatusCode> {
        self.line.admit().await?;
        let at = self.line.at.clone();
        match &at.stream.action {
            Action::Return(text) => {
                let text = text.eval(&self.line.exchange);
                if !text.is_empty() {
                    self.answer(&text).await;
                }
                Ok(())
            }
            Action::Pass(passing) => self.pass(&at, passing).await,
        }
    }

    /// Passes datagrams on until all have passed: to the first server that does not refuse.
    async fn pass(&self, at: &At, passing: &Passing) -> Result<(), StatusCode> {
        let (exchange, config) = (&self.line.exchange, &at.stream.config);
        let pace = |amount| Pace::new(self.line.rate(amount));
        {
            let state = &mut *self.shared.state.lock();
            state.upload = pace(&config.upload_rate);
            state.upload.goes(usize::try_from(state.received).unwrap_or(usize::MAX), state.last);
        }
        let mut download = pace(&config.download_rate);
        let (choice, _) = passing.find(exchange).await?;
        let mut key = Bytes::new();
        let tries = Tries::new(&choice, exchange, &config.retry, &mut key);
        loop {
            let (server, mut picked) = passing.connect_udp(exchange, &tries).await?;
            let server = Arc::new(server);
            self.shared.state.lock().has_server(server.clone(), !tries.is_enough());
            let ended = self.join(&server, &mut picked, &mut download).await;
            let (had_answer, may_retry) = {
                let mut state = self.shared.state.lock();
                (state.account.has_answer(), state.server.take().is_some() && state.kept.is_some())
            };
            match ended {
                Ended::Over => return Ok(()),
                Ended::Owed => {
                    picked.failed();
                    server.failed(StatusCode::GATEWAY_TIMEOUT);
                    let text = "upstream timed out (110: Connection timed out) while proxying connection";
                    rescue::report_upstream(exchange, text);
                    return Err(StatusCode::BAD_GATEWAY);
                }
                Ended::Refused(source) => {
                    let error = Upstream::BodyIo { source };
                    server.failed(error.status());
                    rescue::report_try(exchange, &error.into());
                    let next = tries.gives_up(picked);
                    if had_answer {
                        return Ok(()); // as nginx: it had a beginning, and has an end
                    }
                    next?;
                    if !may_retry {
                        return Err(StatusCode::BAD_GATEWAY);
                    }
                }
            }
        }
    }

    /// Passes on what one server answers, until it is over with it.
    async fn join(&self, server: &Datagrams, picked: &mut Picked<Peer>, download: &mut Pace) -> Ended {
        let idle = self.line.at.stream.config.timeout.idle;
        let timer = sleep_until(Instant::now() + idle);
        tokio::pin!(timer);
        loop {
            let last = {
                let mut state = self.shared.state.lock();
                if let Some(error) = state.failure.take() {
                    return Ended::Refused(error);
                }
                if state.account.is_over() {
                    return Ended::Over;
                }
                state.last
            };
            let now = Instant::now();
            let paid = download.wait(now);
            let end = last + idle;
            // While one is paid for, nobody stands still.
            if paid.is_none() && now >= end {
                return if self.shared.state.lock().account.is_owed() { Ended::Owed } else { Ended::Over };
            }
            timer.as_mut().reset(paid.unwrap_or(end));
            tokio::select! {
                () = self.shared.news.notified() => {}
                () = &mut timer => {}
                readable = server.readable(), if paid.is_none() => {
                    if let Err(ended) = readable.map_err(Ended::Refused) {
                        return ended;
                    }
                    if let Err(ended) = self.take(server, picked, download).await {
                        return ended;
                    }
                }
            }
        }
    }

    /// Passes on what is there of the server's, but not more than many at once.
    async fn take(
        &self,
        server: &Datagrams,
        picked: &mut Picked<Peer>,
        download: &mut Pace,
    ) -> Result<(), Ended> {
        for _ in 0..BATCH {
            let unsent = {
                let mut buffer = self.desk.buffer.lock();
                let (length, is_first) = match server.try_receive(&mut buffer) {
                    Ok(received) => received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if is_of_one(&error) => continue,
                    Err(error) => return Err(Ended::Refused(error)),
                };
                let datagram = buffer.get(..length).unwrap_or_default();
                let now = Instant::now();
                download.goes(length, now);
                if is_first {
                    picked.responded();
                    picked.succeeded();
                }
                let mut state = self.shared.state.lock();
                state.account.answered();
                state.kept = None;
                state.last = now;
                drop(state);
                match self.desk.front.try_send(datagram, &self.place.client) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        Some(Bytes::copy_from_slice(datagram))
                    }
                    sent => {
                        self.sent(length, sent)?;
                        None
                    }
                }
            };
            if let Some(datagram) = unsent {
                let sent = self.desk.front.send(&datagram, &self.place.client).await;
                self.sent(datagram.len(), sent)?;
            }
            let is_over = self.shared.state.lock().account.is_over();
            if is_over || download.wait(Instant::now()).is_some() {
                return Ok(());
            }
        }
        others_first().await;
        Ok(())
    }

    async fn answer(&self, datagram: &[u8]) {
        let sent = self.desk.front.send(datagram, &self.place.client).await;
        let _ = self.sent(datagram.len(), sent); // it is over either way
    }

    /// A datagram was sent to the client, or was not.
    fn sent(&self, length: usize, sent: io::Result<()>) -> Result<(), Ended> {
        let Err(error) = sent else {
            self.shared.state.lock().sent += length as u64;
            return Ok(());
        };
        rescue::report_tunnel(
            &self.line.exchange,
            &format!("send() failed ({error}) while proxying connection"),
        );
        if is_of_one(&error) { Ok(()) } else { Err(Ended::Over) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let state = &mut *self.shared.state.lock();
        state.server = None; // its bytes are counted before the line is written
        (self.line.received, self.line.sent) = (state.received, state.sent);
    }
}
