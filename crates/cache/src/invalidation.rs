//! What an unsafe request makes invalid: RFC 9111 4.4.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header, request, response};
use http_body::Body;
use tower_service::Service;

use crate::answer::CACHE_STATUS;
use crate::layer::Shared;
use crate::store::{Key, Purge, Zone};
use crate::{BoxError, Policy, ResponseBody};

/// Passes the request on. If it is answered without an error, what is stored for its URI, and for those that the answer names,
/// goes.
pub(crate) async fn run<S, P, B, R>(
    mut inner: S,
    shared: Arc<Shared<P>>,
    parts: request::Parts,
    body: B,
) -> Result<Response<ResponseBody<R>>, BoxError>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    P: Policy,
    B: Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
{
    // What is stored are answers to GET: that is what is looked for.
    let mut get = Request::new(()).into_parts().0;
    get.method = Method::GET;
    get.uri = parts.uri.clone();
    get.headers = parts.headers.clone();
    get.extensions = shared.policy.remember(&parts.extensions);
    let own = shared.policy.find(&get);

    let called = inner.call(Request::from_parts(parts, body));
    let response = called.await.map_err(Into::into)?;
    let (mut head, body) = response.into_parts();
    // RFC 9110 9.3: "A non-error response is one with a 2xx (Successful) or 3xx (Redirection) status code."
    if head.status.is_success() || head.status.is_redirection() {
        let others = others(&mut get, &head).into_iter().filter_map(|uri| {
            get.uri = uri;
            shared.policy.find_other(&get)
        });
        let all: Vec<(Zone, Key)> = own.into_iter().chain(others).collect();
        let all = all.into_iter().map(|(zone, key)| (zone, shared.policy.purge(key))).collect();
        invalidate(all).await;
    }
    if let Some([method, _]) = &shared.options.past {
        head.headers.append(CACHE_STATUS, method.clone());
    }
    Ok(Response::from_parts(head, ResponseBody::inner(body)))
}

/// All of it, even if the client leaves meanwhile: what is done at once is done here, and the rest beside the request.
async fn invalidate(all: Vec<(Zone, Purge)>) {
    let mut work = Box::pin(async move {
        for (zone, what) in all {
            zone.invalidate(&what).await;
        }
    });
    let done = std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await;
    if !done {
        let _ = tokio::spawn(work).await; // it ends early only with the runtime
    }
}

/// The URIs of the same origin that the answer names.
///
/// "A cache MAY invalidate other URIs when it receives a non-error status code in response to an unsafe request method [...] In
/// particular, the URI(s) in the Location and Content-Location response header fields (if present) are candidates". "However,
/// a cache MUST NOT trigger an invalidation under these conditions if the origin [...] differs."
fn others(request: &mut request::Parts, head: &response::Parts) -> Vec<Uri> {
    let names: [HeaderName; 2] = [header::LOCATION, header::CONTENT_LOCATION];
    let values = names.iter().filter_map(|name| head.headers.get(name));
    values.filter_map(|value| resolve(request, value)).collect()
}

/// A reference of the same origin as a path and query. Without `..`, which would have to be resolved first.
fn resolve(request: &request::Parts, value: &HeaderValue) -> Option<Uri> {
    let reference: Uri = value.to_str().ok()?.parse().ok()?;
    if let Some(authority) = reference.authority() {
        let ours = request.uri.authority().map(Authority::as_str);
        let ours = ours.or_else(|| request.headers.get(header::HOST)?.to_str().ok())?;
        let scheme = request.uri.scheme().is_none_or(|scheme| Some(scheme) == reference.scheme());
        if !(scheme && authority.as_str().eq_ignore_ascii_case(ours)) {
            return None;
        }
    }
    let path = reference.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut parts = request.uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}
