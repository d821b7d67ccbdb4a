//! What lines are written to. Only the writer's thread writes, so a device may be slow, but those that can wait for
//! somebody else (pipes, terminals, sockets) are never waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::datagram::Datagrams;
use crate::{OpenError, Target};

/// What lines are written to.
#[derive(Debug)]
pub(crate) enum Device {
    /// A regular file: a write takes as long as it takes.
    Regular(File),
    /// Anything else with a stream of bytes.
    Stream(File),
    /// A syslog daemon.
    Datagrams(Datagrams),
}

/// What a write came to.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many bytes are done with.
    pub(crate) consumed: usize,
    /// How many lines among them were given up.
    pub(crate) lost: u64,
    /// How many errors there were.
    pub(crate) errors: u64,
    /// The last of them.
    pub(crate) error: Option<io::Error>,
    /// Why not all was consumed.
    pub(crate) halt: Option<Halt>,
}

/// Why a write stopped before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Nobody reads at the other end as fast as lines come.
    Full,
    /// It failed; what is left is tried again later.
    Broken,
}

impl Progress {
    pub(crate) fn failed(&mut self, error: io::Error) {
        self.errors += 1;
        self.error = Some(error);
    }

    /// All writes of this round failed from here on.
    pub(crate) fn broken(mut self, error: io::Error) -> Self {
        self.failed(error);
        self.halt = Some(Halt::Broken);
        self
    }

    pub(crate) fn full(mut self) -> Self {
        self.halt = Some(Halt::Full);
        self
    }
}

impl Device {
    /// Opens what the target names. May take as long as the disk, or the name server of a syslog host, takes.
    pub(crate) fn open(target: &Target) -> Result<Self, OpenError> {
        match target {
            Target::File(path) => {
                open_file(path).map_err(|source| OpenError::File { path: path.clone(), source })
            }
            Target::Stdout => duplicate(io::stdout(), "stdout"),
            Target::Stderr => duplicate(io::stderr(), "stderr"),
            Target::Syslog(syslog) => Datagrams::open(syslog).map(Self::Datagrams),
        }
    }

    /// Whether each line is a message of its own.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(self, Self::Datagrams(_))
    }

    /// How many lines these bytes are.
    pub(crate) fn count_lines(&self, bytes: &[u8]) -> u64 {
        match self {
            Self::Regular(_) | Self::Stream(_) => bytes.split_inclusive(|&byte| byte == b'\n').count() as u64,
            Self::Datagrams(_) => Datagrams::count(bytes),
        }
    }

    /// Writes as much of `bytes` as can be written without waiting for a reader.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Progress {
        match self {
            Self::Regular(file) => write_pieces(file, bytes, |_| true, |rest| rest),
            Self::Stream(file) => write_pieces(file, bytes, is_writable, piece),
            Self::Datagrams(socket) => socket.write(bytes),
        }
    }
}

fn open_file(path: &Path) -> io::Result<Device> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o644);
    // A pipe that nobody reads would keep the open waiting; with a reading end of our own there is always a reader.
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        options.read(true);
    }
    from_file(options.open(path)?)
}

fn from_file(file: File) -> io::Result<Device> {
    let regular = file.metadata()?.is_file();
    Ok(if regular { Device::Regular(file) } else { Device::Stream(file) })
}

fn duplicate(stream: impl AsFd, name: &'static str) -> Result<Device, OpenError> {
    let file = stream.as_fd().try_clone_to_owned().map(File::from);
    file.and_then(from_file).map_err(|source| OpenError::Stream { name, source })
}

/// Writes piece by piece, each when `ready` says so.
fn write_pieces(
    file: &mut File,
    bytes: &[u8],
    ready: fn(&File) -> bool,
    piece: fn(&[u8]) -> &[u8],
) -> Progress {
    let mut progress = Progress::default();
    while let Some(rest) = bytes.get(progress.consumed..).filter(|rest| !rest.is_empty()) {
        if !ready(file) {
            return progress.full();
        }
        match file.write(piece(rest)) {
            Ok(0) => return progress.broken(io::ErrorKind::WriteZero.into()),
            Ok(written) => progress.consumed += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return progress.full(),
            Err(error) => return progress.broken(error),
        }
    }
    progress
}

/// Whether a short write would not wait. The other end's flags are not ours to change: standard streams are shared.
fn is_writable(file: &File) -> bool {
    let mut fds = [PollFd::new(file, PollFlags::OUT)];
    // An error is for the write to find.
    !matches!(poll(&mut fds, Some(&Timespec::default())), Ok(0))
}

/// As much as a pipe that is writable takes at once, unmixed with what others write (pipe(7), `PIPE_BUF`): to the end of
/// a line, if there is one.
fn piece(bytes: &[u8]) -> &[u8] {
    const PIPE_BUF: usize = 4096;
    let Some(most) = bytes.get(..PIPE_BUF) else { return bytes };
    let line_end = most.iter().rposition(|&byte| byte == b'\n');
    line_end.and_then(|at| most.get(..=at)).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_with_a_line() {
        let short = b"a\nb";
        assert_eq!(piece(short), short);
        let lines = "0123456789abcde\n".repeat(300);
        assert_eq!(piece(lines.as_bytes()).len(), 4096);
        let lines = "0123456789abcd\n".repeat(300);
        assert_eq!(piece(lines.as_bytes()).len(), 4095);
        assert_eq!(piece(&[b'x'; 5000]).len(), 4096);
    }
}
