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
use tokio::runtime::Handle;

use crate::conditions::Conditions;
use crate::dav::{Done, blocking};
use crate::failure::errno;
use crate::fresh::Fresh;
use crate::place::{Links, Place, is_directory};
use crate::{BoxError, Failure};

/// How much is written at once, at least: so much of a body is in memory, and what came last.
const PIECE: usize = 128 * 1024;

/// What is to be put, and where.
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
    conditions: Conditions,
}

/// Writes a body to a file beside its place, and puts that there when it is whole. The outer error is the body's, and then nothing is left.
pub(crate) async fn put<B>(
    put: Put,
    conditions: Conditions,
    links: Links,
    body: B,
) -> Result<Result<Done, Failure>, BoxError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let path = put.path.clone();
    let creates = put.directories.is_some();
    let begin = move || Upload::begin(path, conditions, &links, creates).map(UnderWay::new);
    let mut upload = match blocking(begin).await {
        Ok(upload) => upload,
        Err(failure) => return Ok(Err(failure)),
    };
    let mut body = pin!(body);
    // What comes is copied: it may be in pieces of a byte, or of none, each of which holds the whole of a buffer.
    let mut come = Vec::new();
    loop {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.transpose();
        let frame = match frame.map_err(Into::<BoxError>::into) {
            Ok(frame) => frame,
            Err(error) => {
                upload.stop().await;
                return Err(error);
            }
        };
        let Some(frame) = frame else { return Ok(upload.finish(come, put).await) };
        if let Ok(data) = frame.into_data() {
            come.extend_from_slice(&data);
        }
        if come.len() < PIECE {
            continue;
        }
        (upload, come) = match upload.write(come).await {
            Ok(written) => written,
            Err(failure) => return Ok(Err(failure)),
        };
    }
}

/// An upload whose client may leave: to remove what has come of it takes a thread that may wait, for it may be much.
struct UnderWay(Option<Upload>);

impl UnderWay {
    fn new(upload: Upload) -> Self {
        Self(Some(upload))
    }

    /// Writes all of this, and gives the room for more of it back.
    async fn write(self, mut come: Vec<u8>) -> Result<(Self, Vec<u8>), Failure> {
        let written = self.on_a_thread(move |upload| {
            let upload = upload.write(&come)?;
            come.clear();
            Ok((Self::new(upload), come))
        });
        written.await
    }

    /// Writes the last of it, too.
    async fn finish(self, come: Vec<u8>, put: Put) -> Result<Done, Failure> {
        self.on_a_thread(move |upload| upload.write(&come)?.finish(&put)).await
    }

    /// Nothing is left of it then.
    async fn stop(self) {
        let removed = |upload| {
            drop(upload);
            Ok(())
        };
        let _ = self.on_a_thread(removed).await; // whether there is a runtime or not
    }

    async fn on_a_thread<T: Send + 'static>(
        mut self,
        work: impl FnOnce(Upload) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let over = Failure::said(StatusCode::INTERNAL_SERVER_ERROR, "the upload has already ended");
        let upload = self.0.take().ok_or(over)?;
        blocking(move || work(upload)).await
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some(upload) = self.0.take() else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(upload));
        }
    }
}

impl Upload {
    fn begin(path: PathBuf, conditions: Conditions, links: &Links, creates: bool) -> Result<Self, Failure> {
        let (place, missing) = if creates {
            Place::nearest(&path, links)?
        } else {
            (Place::find(&path, links, StatusCode::CONFLICT)?, Vec::new())
        };
        let there = if missing.is_empty() { place.follow().ok() } else { None };
        if there.is_some_and(|stat| is_directory(&stat)) {
            return Err(Failure::is(StatusCode::CONFLICT, path, "is a collection"));
        }
        conditions.check(&place, || there)?;
        Ok(Self { fresh: Fresh::beside(&place)?, place, missing, replaces: there.is_some(), conditions })
    }

    fn write(mut self, come: &[u8]) -> Result<Self, Failure> {
        match self.fresh.file.write_all(come) {
            Ok(()) => Ok(self),
            Err(error) => Err(self.place.failed("write()", errno(&error), StatusCode::CONFLICT)),
        }
    }

    fn finish(mut self, put: &Put) -> Result<Done, Failure> {
        if let Some(mode) = put.directories {
            self.place.make(&self.missing, mode)?;
        }
        // Others may have been faster.
        let _turn = self.conditions.turn();
        self.conditions.check(&self.place, || self.place.follow().ok())?;
        self.fresh.put(&self.place, put.access, put.modified)?;
        Ok(if self.replaces { Done::Changed } else { Done::CreatedHere })
    }
}
