use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tower_service::Service;

use crate::failure::Kind;
use crate::look::Index;
use crate::{Body, Failure, Files, Listing, Target, climbs};

/// A service that answers with the files of a directory. A path that ends in a slash is answered with the directory's index
/// file.
#[derive(Clone, Debug)]
pub struct ServeFiles {
    root: Arc<Path>,
    prefix: Arc<[u8]>,
    index: Arc<[String]>,
    listing: Option<Listing>,
    random: bool,
    files: Files,
}

impl ServeFiles {
    /// Serves what is under `root`; index files are called `index.html`.
    #[must_use]
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self {
            root: root.as_ref().into(),
            prefix: [].into(),
            index: ["index.html".to_owned()].into(),
            listing: None,
            random: false,
            files: Files::new(),
        }
    }

    /// What stands before the paths of requests where their client knows them: for a service that a router calls with the rest of a path,
    /// as axum's `nest_service` does. Redirects and the titles of lists have it; a file is found without. It is a path, decoded, with or without
    /// slashes at its ends. Default: nothing.
    ///
    /// ```
    /// use propylon_files::ServeFiles;
    ///
    /// // `GET /static/a`, which comes here as `/a`, is redirected to `/static/a/` if that is a directory.
    /// let files = ServeFiles::new("/var/www").prefix("/static");
    /// # let _ = files;
    /// ```
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        let names = prefix.trim_matches('/');
        self.prefix = if names.is_empty() { [].into() } else { format!("/{names}").into_bytes().into() };
        self
    }

    /// The names of index files, the best first.
    #[must_use]
    pub fn index<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.index = names.into_iter().map(Into::into).collect();
        self
    }

    /// Lists directories without an index file for GET and HEAD. Default: they are 403.
    #[must_use]
    pub fn list(mut self, listing: Listing) -> Self {
        self.listing = Some(listing);
        self
    }

    /// Answers with one of a directory's files, another each time; only a directory without files is looked at for an index file, or
    /// listed (nginx: `random_index`). Default: it is not done.
    #[must_use]
    pub const fn random_index(mut self, on: bool) -> Self {
        self.random = on;
        self
    }

    /// How files are answered with.
    #[must_use]
    pub fn files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// The path as the client knows it.
    fn uri(&self, path: Vec<u8>) -> Bytes {
        if self.prefix.is_empty() { path.into() } else { [&*self.prefix, &path].concat().into() }
    }

    fn path(&self, uri: &[u8]) -> Result<PathBuf, Failure> {
        let mut path = self.root.as_os_str().as_bytes().to_vec();
        let trusted = path.len();
        path.extend_from_slice(uri);
        let name = PathBuf::from(OsStr::from_bytes(&path));
        if path.contains(&0) {
            return Err(Failure::new(name, Kind::Nul));
        }
        if climbs(&path, trusted) {
            return Err(Failure::new(name, Kind::Climbs));
        }
        Ok(name)
    }
}

impl<B> Service<Request<B>> for ServeFiles
where
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        let (parts, _) = request.into_parts();
        let request = Request::from_parts(parts, ());
        Box::pin(async move { Ok(service.answer(&request).await) })
    }
}

impl ServeFiles {
    async fn answer(&self, request: &Request<()>) -> Response<Body> {
        let uri = request.uri();
        let Some(mut path) = decode(uri.path().as_bytes()) else {
            return crate::job::bare(StatusCode::BAD_REQUEST);
        };
        let file = match self.path(&path) {
            Ok(file) => file,
            Err(failure) => return failure.into(),
        };
        let readable = matches!(*request.method(), Method::GET | Method::HEAD | Method::POST);
        if self.random && readable && path.ends_with(b"/") {
            match self.files.random(file.clone()).await {
                Ok(Some(name)) => {
                    path.extend_from_slice(name.as_bytes());
                    let target = Target { path: file.join(name), uri: self.uri(path), args: None };
                    return self.files.respond(request, target).await;
                }
                Ok(None) => {}
                Err(failure) => return failure.into(),
            }
        }
        let args = uri.query().map(|args| Bytes::copy_from_slice(args.as_bytes()));
        let file = if path.ends_with(b"/") {
            let candidates: Vec<PathBuf> = self.index.iter().map(|name| file.join(name)).collect();
            match self.files.index(file.clone(), candidates.clone()).await {
                Some(Index::Found(at)) => {
                    path.extend(self.index.get(at).into_iter().flat_map(|name| name.bytes()));
                    candidates.get(at).cloned().unwrap_or_default()
                }
                Some(Index::Failed(failure)) => {
                    let lists =
                        failure.is_no_index() && matches!(*request.method(), Method::GET | Method::HEAD);
                    return match self.listing.filter(|_| lists) {
                        Some(listing) => {
                            self.files
                                .list(request, listing, Target { path: file, uri: self.uri(path), args })
                                .await
                        }
                        None => failure.into(),
                    };
                }
                None => return crate::job::bare(StatusCode::INTERNAL_SERVER_ERROR),
            }
        } else {
            file
        };
        self.files.respond(request, Target { path: file, uri: self.uri(path), args }).await
    }
}

/// Decodes a path; nothing if a percent sign has no two digits behind it.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(*bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        decoded.push(digit()? << 4 | digit()?);
    }
    Some(decoded)
}
