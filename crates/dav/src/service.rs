use std::ffi::OsStr;
use std::future::Future;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use tower_service::Service;

use crate::ask::{climbs, decode};
use crate::{BoxError, Dav, Target};

/// A service whose clients write files. Made by [`DavLayer`](crate::DavLayer).
#[derive(Clone, Debug)]
pub struct WebDav<S> {
    inner: S,
    settings: Arc<(PathBuf, Dav)>,
}

impl<S> WebDav<S> {
    pub(crate) fn new(inner: S, settings: Arc<(PathBuf, Dav)>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, R> Service<Request<B>> for WebDav<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Default,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (root, dav) = &*self.settings;
        if !dav.allows(request.method()) {
            let inner = self.inner.call(request);
            return Box::pin(async move { inner.await.map_err(Into::into) });
        }
        let uri = request.uri().clone();
        let Some(path) = decode(uri.path().as_bytes()).filter(|path| !climbs(path)) else {
            return Box::pin(async {
                let mut response = Response::new(R::default());
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok(response)
            });
        };
        let elsewhere = |path: &[u8]| Some(within(root, path));
        let target = Target {
            path: within(root, &path),
            uri: path.into(),
            scheme: if uri.scheme() == Some(&Scheme::HTTPS) { "https" } else { "http" },
            host: uri.authority().map(|authority| authority.as_str().as_bytes()),
            elsewhere: &elsewhere,
        };
        let response = dav.respond(request, target);
        Box::pin(async move { Ok(response.await?.map(|()| R::default())) })
    }
}

/// The file of a path in a directory.
fn within(root: &Path, path: &[u8]) -> PathBuf {
    let path = path.iter().position(|byte| *byte != b'/').and_then(|start| path.get(start..));
    root.join(OsStr::from_bytes(path.unwrap_or_default()))
}
