//! One file on its way.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::Place;

/// How much may wait for the disk before more is read.
const WAITING: usize = 128 * 1024;

pub(crate) struct Saver {
    /// None while it is with whoever works, and for good when that has failed.
    job: Option<Job>,
    work: Option<JoinHandle<io::Result<Job>>>,
    waiting: Vec<Bytes>,
    /// How much is not written yet, with what is with whoever works.
    bytes: usize,
    /// How much has come, and how much is to come, if that is known.
    came: u64,
    length: Option<u64>,
    tell: Option<Tell>,
}

type Tell = Box<dyn FnOnce(&io::Error) + Send>;

/// What is moved to the thread that writes.
struct Job {
    place: Place,
    modified: Option<SystemTime>,
    file: Option<NamedTempFile>,
    done: bool,
}

impl Saver {
    pub(crate) fn new(mut place: Place, modified: Option<SystemTime>, length: Option<u64>) -> Self {
        let (path, tell) = (place.path.clone(), place.on_error.take());
        let tell = tell.map(|tell| Box::new(move |error: &io::Error| tell(&path, error)) as Tell);
        let job = Some(Job { place, modified, file: None, done: false });
        Self { job, work: None, waiting: Vec::new(), bytes: 0, came: 0, length, tell }
    }

    /// Waits until there is room for more. Whether it goes on at all: what has gone wrong was told.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.job.is_none() && self.work.is_none() {
            return Poll::Ready(false);
        }
        loop {
            let polled = self.poll_work(cx);
            if let Poll::Ready(Err(error)) = &polled {
                self.give_up(error);
                return Poll::Ready(false);
            }
            if self.bytes < WAITING {
                return Poll::Ready(true);
            }
            let _written = ready!(polled);
        }
    }

    pub(crate) fn write(&mut self, data: &Bytes) {
        self.came += data.len() as u64;
        self.bytes += data.len();
        self.waiting.push(data.clone());
        self.start(false);
    }

    /// Puts the file in its place, if it is whole.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.length.is_some_and(|length| length != self.came) {
            return Poll::Ready(());
        }
        loop {
            if self.work.is_none() {
                match &self.job {
                    Some(job) if !job.done => self.start(true),
                    _ => return Poll::Ready(()),
                }
            }
            if let Err(error) = ready!(self.poll_work(cx)) {
                self.give_up(&error);
                return Poll::Ready(());
            }
        }
    }

    /// Begins to write what waits, if nobody writes.
    fn start(&mut self, last: bool) {
        let Some(mut job) = self.job.take() else { return };
        let pieces = std::mem::take(&mut self.waiting);
        self.work = Some(spawn_blocking(move || {
            job.write(&pieces)?;
            if last {
                job.finish()?;
            }
            Ok(job)
        }));
    }

    /// Waits for what is being written, and writes what came meanwhile.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(work) = &mut self.work else { return Poll::Ready(Ok(())) };
        let joined = ready!(Pin::new(work).poll(cx));
        self.work = None;
        self.job = Some(joined.map_err(io::Error::other)??);
        self.bytes = self.waiting.iter().map(Bytes::len).sum();
        if !self.waiting.is_empty() {
            self.start(false);
        }
        Poll::Ready(Ok(()))
    }

    fn give_up(&mut self, error: &io::Error) {
        if let Some(tell) = self.tell.take() {
            tell(error);
        }
    }
}

impl Job {
    fn write(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(temporary(&self.place.path)?),
        };
        pieces.iter().try_for_each(|piece| file.write_all(piece))
    }

    fn finish(&mut self) -> io::Result<()> {
        let Self { place, modified, file, done } = self;
        *done = true;
        let Some(file) = file.take() else { return Ok(()) };
        file.as_file().set_permissions(Permissions::from_mode(place.access))?;
        if let Some(modified) = *modified {
            file.as_file().set_modified(modified)?;
        }
        if let Some(parent) = place.path.parent() {
            DirBuilder::new().recursive(true).mode(place.directory_access()).create(parent)?;
        }
        file.persist(&place.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// A file without a name that anybody knows, in the file system of this path, whose directories may be yet to be made.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let there = path.ancestors().skip(1).find(|parent| parent.as_os_str().is_empty() || parent.is_dir());
    let there = there.filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".stored-").tempfile_in(there)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::future::poll_fn;

    use super::*;

    /// What has failed has failed, however often it is asked: what comes behind is not kept.
    #[tokio::test]
    async fn what_has_failed_does_not_go_on() {
        let (_, path) = tempfile::NamedTempFile::new().unwrap().into_parts();
        // It cannot be written to.
        let file = NamedTempFile::from_parts(File::open(&path).unwrap(), path);
        let mut saver = Saver::new(Place::new("a"), None, None);
        saver.job.as_mut().unwrap().file = Some(file);
        let piece = Bytes::from(vec![b'x'; WAITING]);
        saver.write(&piece);
        for _ in 0..3 {
            assert!(!poll_fn(|cx| saver.poll_ready(cx)).await);
        }
    }
}
