use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use rustix::io::Errno;

use crate::coding::Coding;
use crate::conditions::IfModifiedSince;
use crate::job::{self, Job};
use crate::list::{self, List};
use crate::look::{self, Candidate, First, Index};
use crate::open::{Patience, Symlinks};
use crate::random;
use crate::types::Types;
use crate::{Body, Failure, Listing};

/// How files are answered with. A clone is a refcount bump.
#[derive(Clone, Debug)]
pub struct Files {
    options: Arc<Options>,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) types: Types,
    pub(crate) etag: bool,
    pub(crate) if_modified_since: IfModifiedSince,
    pub(crate) max_ranges: usize,
    pub(crate) precompressed: Vec<Coding>,
    pub(crate) symlinks: Symlinks,
}

/// The file that a request is for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The file's name.
    pub path: PathBuf,
    /// The path of the request, decoded: its end tells the type, and a directory is redirected to it with a slash.
    pub uri: Bytes,
    /// The request's arguments, which such a redirect keeps.
    pub args: Option<Bytes>,
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

impl Files {
    /// nginx's defaults, with the types of its `mime.types`.
    #[must_use]
    pub fn new() -> Self {
        let options = Options {
            types: Types::common(),
            etag: true,
            if_modified_since: IfModifiedSince::default(),
            max_ranges: usize::MAX,
            precompressed: Vec::new(),
            symlinks: Symlinks::follow(),
        };
        Self { options: Arc::new(options) }
    }

    /// Which `Content-Type` a file has (nginx: `types`, `default_type`).
    #[must_use]
    pub fn types(self, types: Types) -> Self {
        self.change(|options| options.types = types)
    }

    /// Whether responses have an `ETag`, made of the file's time and size (nginx: `etag`). Default: they do.
    #[must_use]
    pub fn etag(self, etag: bool) -> Self {
        self.change(|options| options.etag = etag)
    }

    /// How `If-Modified-Since` is compared. Default: exactly, as nginx does.
    #[must_use]
    pub fn if_modified_since(self, how: IfModifiedSince) -> Self {
        self.change(|options| options.if_modified_since = how)
    }

    /// How many ranges a request may ask for before it gets the whole (nginx: `max_ranges`); 0: ranges are not supported.
    /// Default: any number, as long as they add up to no more than the file.
    #[must_use]
    pub fn max_ranges(self, max: usize) -> Self {
        self.change(|options| options.max_ranges = max)
    }

    /// The codings that files may be there in beforehand, the best first (nginx: `gzip_static`). Default: none.
    #[must_use]
    pub fn precompressed(self, codings: impl Into<Vec<Coding>>) -> Self {
        self.change(|options| options.precompressed = codings.into())
    }

    /// What symbolic links mean. Default: they are followed.
    #[must_use]
    pub fn symlinks(self, symlinks: Symlinks) -> Self {
        self.change(|options| options.symlinks = symlinks)
    }

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    /// Answers a request with a file.
    ///
    /// Errors are responses without a body; what lies behind a 403, 404 or 500 is in the extension [`Failure`].
    pub fn respond<B>(
        &self,
        request: &Request<B>,
        target: Target,
    ) -> impl Future<Output = Response<Body>> + Send + use<B> {
        let method = request.method();
        let job = matches!(*method, Method::GET | Method::HEAD | Method::POST)
            .then(|| Job::new(self.options.clone(), method, request.headers(), target));
        async move {
            let Some(job) = job else { return job::not_allowed() };
            let answer = now_or_then(move |patience| job.run(patience)).await;
            answer.unwrap_or_else(|| job::bare(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }

    /// Looks for an index file of `directory` among `candidates`.
    pub fn index(
        &self,
        directory: PathBuf,
        candidates: Vec<PathBuf>,
    ) -> impl Future<Output = Option<Index>> + Send + use<> {
        let options = self.options.clone();
        now_or_then(move |patience| look::index(&directory, &candidates, &options.symlinks, patience))
    }

    /// Answers a request with what is in `directory`. `uri`: the request's path, decoded; `args`: its arguments.
    ///
    /// Errors are responses without a body; what lies behind a 403, 404 or 500 is in the extension [`Failure`].
    pub fn list<B>(
        &self,
        request: &Request<B>,
        listing: Listing,
        Target { path, uri, args }: Target,
    ) -> impl Future<Output = Response<Body>> + Send + use<B> {
        let method = request.method().clone();
        let list = List { options: self.options.clone(), listing, method, directory: path, uri, args };
        async move {
            let answer = tokio::task::spawn_blocking(move || list.answer()).await;
            answer.unwrap_or_else(|_| job::bare(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }

    /// Chooses one of the regular files in `directory`, any as likely as any other, and gives its name (nginx: `random_index`). Names that
    /// begin with a dot are left out; none, if no file is left.
    ///
    /// # Errors
    ///
    /// [`Failure::status`] is the answer.
    pub fn random(
        &self,
        directory: PathBuf,
    ) -> impl Future<Output = Result<Option<OsString>, Failure>> + Send + use<> {
        let (options, path) = (self.options.clone(), directory.clone());
        async move {
            let chosen = tokio::task::spawn_blocking(move || random::random(&path, &options.symlinks)).await;
            chosen.unwrap_or_else(|_| Err(list::failed(directory, "opendir()", Errno::CANCELED)))
        }
    }

    /// Looks which of these is the first that is there.
    pub fn first(&self, candidates: Vec<Candidate>) -> impl Future<Output = Option<First>> + Send + use<> {
        let options = self.options.clone();
        now_or_then(move |patience| look::first(&candidates, &options.symlinks, patience))
    }
}

impl From<Failure> for Response<Body> {
    /// The response for a file that cannot be had: its status, no body, and the failure as an extension.
    fn from(failure: Failure) -> Self {
        job::failed(failure)
    }
}

/// Does something at once if that needs no waiting, and else on a thread that may wait. Nothing comes of it only where the
/// runtime ends.
async fn now_or_then<T: Send + 'static>(
    work: impl Fn(Patience) -> Result<T, ()> + Send + 'static,
) -> Option<T> {
    if let Ok(done) = work(Patience::Now) {
        return Some(done);
    }
    tokio::task::spawn_blocking(move || work(Patience::Wait)).await.ok()?.ok()
}
