use std::io::{self, ErrorKind};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::watch,
};

use super::{
    Log,
    plan::{Plan, Step},
    request::{head_length, request_length},
};

/// Bytes that are kept of one connection; more end it.
const MAX_RECEIVED: usize = 64 << 20;

/// A stream that can be reset.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Makes the next close a reset, where there is such a thing.
    fn reset_on_close(&self);
}

/// One connection: what was read and not yet taken, and where to report.
pub(super) struct Connection<S> {
    socket: S,
    unread: BytesMut,
    index: usize,
    log: watch::Sender<Log>,
}

impl<S: Socket> Connection<S> {
    pub(super) fn new(socket: S, index: usize, log: watch::Sender<Log>) -> Self {
        Self { socket, unread: BytesMut::new(), index, log }
    }

    pub(super) async fn follow(mut self, plan: Plan) {
        loop {
            for step in &plan.steps {
                if self.take(step).await.is_err() {
                    return;
                }
            }
            if !plan.forever {
                return;
            }
        }
    }

    /// Does one step; an error ends the connection.
    async fn take(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::ReadHead => drop(self.read_message(head_length).await?),
            Step::ReadRequest => drop(self.read_request().await?),
            Step::Answer(answer) => {
                let request = self.read_request().await?;
                self.write(&answer(&request)).await?;
            }
            Step::ReadToEnd => {
                self.unread.clear();
                while self.read().await? > 0 {
                    self.unread.clear();
                }
            }
            Step::Write(bytes) => self.write(bytes).await?,
            Step::Wait(gate) => gate.opened().await,
            Step::HalfClose => self.socket.shutdown().await?,
            Step::Close => return Err(ErrorKind::ConnectionAborted.into()),
            Step::Reset => {
                self.socket.reset_on_close();
                return Err(ErrorKind::ConnectionReset.into());
            }
            Step::Hang => {
                while self.read().await? > 0 {
                    self.unread.clear();
                }
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await?;
        self.socket.flush().await
    }

    async fn read_request(&mut self) -> io::Result<Bytes> {
        let request = self.read_message(request_length).await?;
        self.log.send_modify(|log| log.requests.push(request.clone()));
        Ok(request)
    }

    /// Reads until `length` knows where the message ends, and takes it.
    async fn read_message(&mut self, length: impl Fn(&[u8]) -> Option<usize>) -> io::Result<Bytes> {
        loop {
            if let Some(length) = length(&self.unread).filter(|length| *length <= self.unread.len()) {
                return Ok(self.unread.split_to(length).freeze());
            }
            if self.read().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let before = self.unread.len();
        let count = self.socket.read_buf(&mut self.unread).await?;
        let news = self.unread.get(before..).unwrap_or_default();
        let mut full = false;
        self.log.send_modify(|log| {
            if let Some(received) = log.received.get_mut(self.index) {
                received.extend_from_slice(news);
                full = received.len() > MAX_RECEIVED;
            }
        });
        if full { Err(ErrorKind::FileTooLarge.into()) } else { Ok(count) }
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.log.send_modify(|log| log.closed += 1);
    }
}

impl Socket for TcpStream {
    fn reset_on_close(&self) {
        self.set_zero_linger().ok();
    }
}

impl Socket for UnixStream {
    fn reset_on_close(&self) {}
}
