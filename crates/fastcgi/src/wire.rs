//! An exchange under way: the connection with what is left of the request, and what comes.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use propylon_cgi::Transfer;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::record::{Decoder, Event, Records};
use crate::stderr::Said;
use crate::{BoxError, Config, Invalid, Keeper};

/// An exchange under way.
pub(crate) struct Wire<I, B, K> {
    transfer: Transfer<I, B, Records>,
    decoder: Decoder,
    said: Said,
    pub(crate) config: Arc<Config>,
    /// Who gets the connection back, if it is to be kept.
    keeper: Option<K>,
}

/// What came.
pub(crate) enum Came {
    Stdout(Bytes),
    /// What was to be caught, on the standard error.
    Caught,
    /// The request is over.
    End,
    /// The connection is.
    Closed,
}

/// Why nothing more comes.
pub(crate) enum Broken {
    Io(io::Error),
    Invalid(Invalid),
    RequestBody(BoxError),
}

impl<I, B, K> Wire<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    K: Keeper<I>,
{
    pub(crate) fn new(transfer: Transfer<I, B, Records>, said: Said, config: Arc<Config>, keeper: K) -> Self {
        let keeper = config.keep_conn.then_some(keeper);
        Self { transfer, decoder: Decoder::default(), said, config, keeper }
    }

    /// Sends what can be sent, and returns what came.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Broken>> {
        self.transfer.poll_send(cx).map_err(Broken::RequestBody)?;
        loop {
            if let Some(came) = self.next().map_err(Broken::Invalid)? {
                return Poll::Ready(Ok(came));
            }
            if ready!(self.transfer.poll_read(cx)).map_err(Broken::Io)? == 0 {
                return Poll::Ready(Ok(Came::Closed));
            }
        }
    }

    /// What is next of what was read.
    pub(crate) fn next(&mut self) -> Result<Option<Came>, Invalid> {
        while let Some(event) = self.decoder.next(self.transfer.input())? {
            match event {
                Event::Stderr(text) => {
                    if self.said.push(&text, &self.config.catch_stderr) {
                        return Ok(Some(Came::Caught));
                    }
                }
                Event::Stdout(data) => {
                    self.said.hear();
                    return Ok(Some(Came::Stdout(data)));
                }
                Event::End => {
                    self.said.hear();
                    return Ok(Some(Came::End));
                }
            }
        }
        Ok(None)
    }

    /// Whether the kernel took any of the request.
    pub(crate) fn has_begun(&self) -> bool {
        self.transfer.has_begun()
    }

    /// The request is over, and its response was `clean`: the connection may carry another.
    pub(crate) fn finish(self, clean: bool) {
        if let Some(keeper) = self.keeper.filter(|_| clean)
            && let Some(connection) = self.transfer.into_idle()
        {
            keeper.give_back(connection);
        }
    }
}
