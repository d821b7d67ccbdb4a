//! An exchange under way: the connection, what is left of the request, and what comes.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::{Connection, Keeper};
use crate::record::{Decoder, Event};
use crate::stderr::Said;
use crate::upload::{Failure, Upload};
use crate::{BoxError, Config, Invalid};

/// The least that is read at once.
const LEAST: usize = 8 * 1024;

/// An exchange under way.
pub(crate) struct Wire<I, B, K> {
    connection: Connection<I>,
    pub(crate) upload: Upload<B>,
    decoder: Decoder,
    said: Said,
    pub(crate) config: Arc<Config>,
    /// Who gets the connection back, if it is to be kept.
    keeper: Option<K>,
    /// How much is read at once: more while reads fill it.
    read: usize,
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
    pub(crate) fn new(
        connection: Connection<I>,
        upload: Upload<B>,
        said: Said,
        config: Arc<Config>,
        keeper: K,
    ) -> Self {
        let keeper = config.keep_conn.then_some(keeper);
        Self { connection, upload, decoder: Decoder::default(), said, config, keeper, read: LEAST }
    }

    /// Sends what can be sent, and returns what came.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Broken>> {
        match self.upload.poll(&mut self.connection, cx) {
            Poll::Ready(Err(Failure::Body(error))) => return Poll::Ready(Err(Broken::RequestBody(error))),
            // It reads no more; what it has to say may be here all the same.
            Poll::Ready(Err(Failure::Io)) => self.upload.stop(),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        loop {
            if let Some(came) = self.next().map_err(Broken::Invalid)? {
                return Poll::Ready(Ok(came));
            }
            let count = ready!(self.connection.poll_fill(cx, self.read)).map_err(Broken::Io)?;
            if count == 0 {
                return Poll::Ready(Ok(Came::Closed));
            }
            if count >= self.read {
                self.read = (self.read * 2).min(self.config.read_buffer.max(LEAST));
            }
        }
    }

    /// What is next of what was read.
    pub(crate) fn next(&mut self) -> Result<Option<Came>, Invalid> {
        while let Some(event) = self.decoder.next(&mut self.connection.input)? {
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

    /// The request is over, and its response was `clean`: the connection may carry another.
    pub(crate) fn finish(self, clean: bool) {
        let reusable = clean && self.upload.is_complete() && self.connection.input.is_empty();
        if let Some(keeper) = self.keeper.filter(|_| reusable) {
            let mut connection = self.connection;
            connection.input = bytes::BytesMut::new(); // an idle connection holds no buffer
            keeper.give_back(connection);
        }
    }
}
