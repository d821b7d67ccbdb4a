//! Listening sockets from a running process to the one that takes over, and word back.
//!
//! The two are joined by a pair of unix sockets, of which the new process has one as its standard input; the variable
//! [`VARIABLE`] says so, and which version of this protocol is spoken. The old process sends a byte a socket that says
//! whether it is lent, or rests, with the sockets themselves as ancillary data, and a line feed after the last. The new one answers
//! `+` once it serves, or `-` and why it can't. Both keep their ends open: each knows by that whether the other lives.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, bail};
use propylon_gateway::Given;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::upgrade::Executable;

/// Tells a new process that its standard input is a handover of this version.
const VARIABLE: &str = "PROPYLON_HANDOVER";
const VERSION: &str = "1";

/// How long a new process may take until it serves: names may have to be resolved.
const LIMIT: Duration = Duration::from_secs(60);

/// How long the sockets may take, which were sent before the process was started.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many sockets a message carries; the kernel allows 253.
const BATCH: usize = 64;

/// How much of the reason of a failure is kept.
const REASON: usize = 16 * 1024;

const OWN: u8 = b'o';
const LENT: u8 = b'l';
const RESTING: u8 = b'r';
const END: u8 = b'\n';
const READY: u8 = b'+';
const FAILED: u8 = b'-';

/// The process that ran before this one, as this one sees it.
pub(crate) struct Predecessor {
    socket: UnixStream,
}

impl Predecessor {
    /// Takes over from a running process, where one started this one for that. To be called before any thread is there.
    ///
    /// # Errors
    /// When the other process speaks another version, or the sockets do not come.
    pub(crate) fn meet() -> anyhow::Result<Option<(Self, Vec<Given>)>> {
        let Some(version) = std::env::var_os(VARIABLE) else { return Ok(None) };
        if version != VERSION {
            bail!(
                "the running process uses version {} of the handover protocol, this one uses version {VERSION}",
                version.display()
            );
        }
        let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
        // Nothing else shall read from it, or keep it open.
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        let socket = UnixStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE))?;
        let sockets = receive(&socket).context("cannot receive the sockets from the running process")?;
        Ok(Some((Self { socket }, sockets)))
    }

    /// Says that this process serves.
    pub(crate) fn ready(&self) {
        let _ = (&self.socket).write_all(&[READY]); // it may be gone: all the more reason to serve
    }

    /// Says why this process does not serve.
    pub(crate) fn failed(&self, reason: &str) {
        let _ = (&self.socket).write_all(&[&[FAILED], reason.as_bytes()].concat()); // the exit code says it too
    }

    /// Whether it still runs.
    pub(crate) fn lives(&self) -> bool {
        // It sends nothing more: either there is nothing to read, or the end.
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(&self.socket, &mut [0], flags) == Err(rustix::io::Errno::AGAIN)
    }
}

/// The process that takes over from this one.
pub(crate) struct Successor {
    child: Child,
    socket: tokio::net::UnixStream,
    said: Vec<u8>,
    /// Until when it has to be ready; `None` once it is, or was ended for it.
    deadline: Option<Instant>,
    ready: bool,
    closed: bool,
}

/// What becomes of a successor.
pub(crate) enum News {
    /// It serves.
    Ready,
    /// It has ended, or never was.
    Ended(String),
}

impl Successor {
    /// Starts the executable with this process's arguments and hands it the sockets.
    ///
    /// # Errors
    /// When it can't be executed, or the sockets can't be sent.
    pub(crate) fn start(executable: &Executable, sockets: &[Given]) -> anyhow::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        send(&ours, sockets).context("cannot hand over the sockets")?;
        ours.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(ours)?;
        let child = Command::new(&executable.path)
            .current_dir(&executable.directory)
            .args(std::env::args_os().skip(1))
            .env(VARIABLE, VERSION)
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .with_context(|| format!("cannot execute {}", executable.path.display()))?;
        let deadline = Some(Instant::now() + LIMIT);
        Ok(Self { child, socket, said: Vec::new(), deadline, ready: false, closed: false })
    }

    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until something becomes of it. Can be dropped and asked again.
    pub(crate) async fn news(&mut self) -> News {
        loop {
            let deadline = self.deadline;
            tokio::select! {
                status = self.child.wait() => return News::Ended(self.reason(status)),
                _ = self.socket.readable(), if !self.closed => self.read(),
                () = async move {
                    match deadline {
                        Some(deadline) => tokio::time::sleep_until(deadline).await,
                        None => std::future::pending().await,
                    }
                } => {
                    self.deadline = None;
                    self.said = format!("-the new process was not ready after {LIMIT:?} and was killed").into_bytes();
                    self.closed = true;
                    let _ = self.child.start_kill(); // ended already: as good
                }
            }
            if !self.ready && self.said.first() == Some(&READY) {
                self.ready = true;
                self.deadline = None;
                return News::Ready;
            }
        }
    }

    /// Reads what is there.
    fn read(&mut self) {
        let mut buffer = [0; 1024];
        while !self.closed {
            match self.socket.try_read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(read) if self.said.len() < REASON => self.said.extend(buffer.iter().take(read)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.closed = true,
            }
        }
    }

    /// Why it ended: what it said, or how.
    fn reason(&mut self, status: io::Result<ExitStatus>) -> String {
        self.read();
        match (self.said.split_first(), status) {
            (Some((&FAILED, reason)), _) => String::from_utf8_lossy(reason).trim_end().to_owned(),
            (_, Ok(status)) => status.to_string(),
            (_, Err(error)) => error.to_string(),
        }
    }
}

fn send(socket: &UnixStream, sockets: &[Given]) -> io::Result<()> {
    for batch in sockets.chunks(BATCH) {
        let kinds: Vec<u8> = batch.iter().map(kind).collect();
        let fds: Vec<BorrowedFd<'_>> = batch.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&fds));
        // Nobody reads yet: what does not fit in the socket's buffer would wait for ever.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if rustix::net::sendmsg(socket, &[IoSlice::new(&kinds)], &mut control, flags)? != kinds.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    let mut socket = socket;
    socket.write_all(&[END])
}

fn kind(given: &Given) -> u8 {
    match given {
        given if given.is_lent() => LENT,
        given if given.is_resting() => RESTING,
        _ => OWN,
    }
}

fn receive(socket: &UnixStream) -> io::Result<Vec<Given>> {
    let (mut kinds, mut fds) = (Vec::new(), Vec::new());
    while kinds.last() != Some(&END) {
        let mut bytes = [0; BATCH + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        kinds.extend(bytes.iter().take(received.bytes));
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
    }
    kinds.pop();
    // The system leaves out what this process may not open.
    if kinds.len() != fds.len() {
        let what = format!(
            "received only {} of {} sockets: the limit on open files is too low",
            fds.len(),
            kinds.len()
        );
        return Err(io::Error::other(what));
    }
    let given = |(kind, fd): (u8, OwnedFd)| match kind {
        LENT => Given::lent(fd),
        RESTING => Given::resting(fd),
        _ => Given::handed_over(fd),
    };
    kinds.into_iter().zip(fds).map(given).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    /// More than a message carries; each comes once, in order, as it was sent.
    #[test]
    fn sockets_come_as_they_were_sent() {
        let sent: Vec<_> = (0..3 * BATCH + 1)
            .map(|index| {
                let socket = TcpListener::bind("127.0.0.1:0").unwrap();
                let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
                match index % 3 {
                    0 => Given::lent(socket).unwrap(),
                    1 => Given::resting(udp).unwrap(),
                    _ => Given::handed_over(socket).unwrap(),
                }
            })
            .collect();
        let (ours, theirs) = UnixStream::pair().unwrap();
        send(&ours, &sent).unwrap();
        let came = receive(&theirs).unwrap();
        let seen = |all: &[Given]| -> Vec<_> {
            all.iter().map(|given| (given.address().to_string(), kind(given))).collect()
        };
        assert_eq!(seen(&came), seen(&sent));
    }

    #[test]
    fn an_end_before_the_last_socket_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&ours).write_all(&[]).unwrap();
        drop(ours);
        assert_eq!(receive(&theirs).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&ours).write_all(&[OWN, END]).unwrap();
        assert!(receive(&theirs).is_err(), "a socket is missing");
    }
}
