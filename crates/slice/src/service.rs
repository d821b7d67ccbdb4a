use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, Uri, Version, header};
use http_body::Body;
use propylon_conditions::strip_conditions;
use tower_service::Service;

use crate::layer::Options;
use crate::rest::{Ask, Rest};
use crate::{BoxError, ResponseBody, ResponseFuture, Slice};

/// A service whose responses come in slices. Made by [`SliceLayer`](crate::SliceLayer).
#[derive(Clone)]
pub struct Slices<S> {
    pub(crate) inner: S,
    pub(crate) options: Arc<Options>,
}

impl<S> Slices<S> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: fmt::Debug> fmt::Debug for Slices<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slices").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for Slices<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Default,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !is_sliced(&request) {
            return ResponseFuture::past(self.inner.call(request));
        }
        let (mut parts, body) = request.into_parts();
        let slice = Slice::first(&parts.method, &parts.headers, self.options.size);
        let asked = Arc::new(parts.headers.clone());
        strip_conditions(&mut parts.headers);
        let template = Template {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            asked: Arc::clone(&asked),
            extensions: parts.extensions.clone(),
        };
        parts.extensions.insert(slice);
        (self.options.ask)(&mut parts, Some(slice));
        let clone = self.inner.clone();
        let first = self.inner.call(Request::from_parts(parts, body));
        let method = template.method.clone();
        let ask = asks(clone, template, Arc::clone(&self.options));
        ResponseFuture::sliced(first, Rest::new(method, asked, slice, self.options.clone(), ask))
    }
}

/// What has one answer, which is nothing but what there is.
fn is_sliced<B: Body>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().is_end_stream()
        && !request.headers().contains_key(header::UPGRADE)
}

/// What requests for slices are made of.
struct Template {
    method: Method,
    uri: Uri,
    version: Version,
    /// The client's own fields.
    asked: Arc<HeaderMap>,
    extensions: Extensions,
}

/// Asks the service for one slice after the other; for none: for what the client asked, as it asked.
fn asks<S, B, R>(inner: S, template: Template, options: Arc<Options>) -> Ask<R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Default,
{
    Box::new(move |slice: Option<Slice>| {
        let mut inner = inner.clone();
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = template.method.clone();
        parts.uri = template.uri.clone();
        parts.version = template.version;
        parts.headers = (*template.asked).clone();
        parts.extensions = match slice {
            Some(_) => (options.beside)(&template.extensions),
            None => template.extensions.clone(),
        };
        if let Some(slice) = slice {
            strip_conditions(&mut parts.headers);
            parts.extensions.insert(slice);
        }
        (options.ask)(&mut parts, slice);
        Box::pin(async move {
            poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
            // Made here, for a body need not be one that can be sent to other threads.
            let called = inner.call(Request::from_parts(parts, B::default()));
            called.await.map_err(Into::into)
        })
    })
}
