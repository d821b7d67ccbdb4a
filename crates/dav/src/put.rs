//! PUT: a body becomes a file.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::time::SystemTime;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use rustix::io::Errno;
use tokio::task::spawn_blocking;

use crate::dav::Done;
use crate::fresh::Fresh;
use crate::place::{Links, Place, is_directory};
use crate::{BoxError, Failure};

/// How much is written at once.
const PIECE: usize = 128 * 1024;

/// What is to be put, and where.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) path: PathBuf,
    pub(crate) access: u32,
    /// The rights of directories that are made; none: none is made.
    pub(crate) directories: Option<u32>,
    /// When the client says that it was changed.
    pub(crate) modified: Option<SystemTime>,
}

/// A file on its way to its place.
struct Upload {
    fresh: Fresh,
    place: Place,
    missing: Vec<OsString>,
    replaces: bool,
}

/// Writes a body to a file beside its place, and puts that there when it is whole. The outer error is the body's, and then nothing is left.
pub(crate) async fn put<B>(put: Put, links: Links, body: B) -> Result<Result<Done, Failure>, BoxError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let path = put.path.clone();
    let creates = put.directories.is_some();
    let mut upload = match blocking(move || Upload::begin(path, &links, creates)).await {
        Ok(upload) => upload,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut body = pin!(body);
    let (mut pieces, mut size) = (Vec::new(), 0);
    loop {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.transpose().map_err(Into::into)?;
        let ended = frame.is_none();
        if let Some(Ok(data)) = frame.map(http_body::Frame::into_data) {
            size += data.len();
            pieces.push(data);
        }
        if size < PIECE && !ended {
            continue;
        }
        let now = std::mem::take(&mut pieces);
        size = 0;
        upload = match blocking(move || upload.write(&now)).await {
            Ok(upload) => upload,
            Err(failure) => return Ok(Err(failure)),
        };
        if ended {
            return Ok(blocking(move || upload.finish(&put)).await);
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let ended = |_| Err(Failure::said(StatusCode::INTERNAL_SERVER_ERROR, "the runtime ends"));
    spawn_blocking(work).await.unwrap_or_else(ended)
}

impl Upload {
    fn begin(path: PathBuf, links: &Links, creates: bool) -> Result<Self, Failure> {
        let (place, missing) = if creates {
            Place::nearest(&path, links)?
        } else {
            (Place::find(&path, links, StatusCode::CONFLICT)?, Vec::new())
        };
        let there = if missing.is_empty() { place.follow().ok() } else { None };
        if there.is_some_and(|stat| is_directory(&stat)) {
            return Err(Failure::is(StatusCode::CONFLICT, path, "is a collection"));
        }
        Ok(Self { fresh: Fresh::beside(&place)?, place, missing, replaces: there.is_some() })
    }

    fn write(mut self, pieces: &[Bytes]) -> Result<Self, Failure> {
        let written = pieces.iter().try_for_each(|piece| self.fresh.file.write_all(piece));
        match written {
            Ok(()) => Ok(self),
            Err(error) => {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                Err(self.place.failed("write()", errno, StatusCode::CONFLICT))
            }
        }
    }

    fn finish(mut self, put: &Put) -> Result<Done, Failure> {
        if let Some(mode) = put.directories {
            self.place.make(&self.missing, mode)?;
        }
        self.fresh.put(&self.place, put.access, put.modified)?;
        Ok(if self.replaces { Done::Changed } else { Done::CreatedHere })
    }
}
