//! `grpc_pass`: the gateway's own errors as gRPC's clients understand them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use crate::page::Own;
use crate::reroute::Reroute;
use crate::router::Location;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// A location whose upstream speaks gRPC: outermost, so that an error page comes before it.
pub(super) fn speaks(location: Location) -> Location {
    Location {
        route: location.route.layer(StatusLayer),
        found: location.found.layer(StatusLayer),
        ..location
    }
}

/// Makes a gRPC status of the gateway's own errors, for those who have asked in gRPC.
#[derive(Clone, Debug)]
struct StatusLayer;

impl<S> Layer<S> for StatusLayer {
    type Service = Status<S>;

    fn layer(&self, inner: S) -> Status<S> {
        Status { inner }
    }
}

#[derive(Clone, Debug)]
struct Status<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Status<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = StatusFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = request.headers().get(CONTENT_TYPE).is_some_and(is_grpc);
        StatusFuture { inner: self.inner.call(request), asked }
    }
}

pin_project_lite::pin_project! {
    struct StatusFuture<F> {
        #[pin]
        inner: F,
        asked: bool,
    }
}

impl<F> Future for StatusFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let own = response.extensions().get::<Own>().is_some()
            && response.extensions().get::<Reroute>().is_none()
            && (response.status().is_client_error() || response.status().is_server_error());
        Poll::Ready(Ok(if *this.asked && own { translate(response) } else { response }))
    }
}

/// `application/grpc`, also with a suffix (`+proto`) or parameters.
fn is_grpc(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    value.split_at_checked(GRPC.len()).is_some_and(|(name, rest)| {
        name.eq_ignore_ascii_case(GRPC.as_bytes()) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
    })
}

/// A response that is over with its head (gRPC calls it Trailers-Only). What was added to it stays.
fn translate(mut response: Response<Body>) -> Response<Body> {
    let status = response.status();
    *response.status_mut() = StatusCode::OK;
    *response.body_mut() = Body::empty();
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_ENCODING); // of the page that was its body
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(STATUS, HeaderValue::from_static(code(status)));
    // Letters, digits and blanks: nothing that would have to be escaped.
    let message = format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or("Error"));
    headers.extend(HeaderValue::try_from(message).ok().map(|message| (MESSAGE, message)));
    response
}

/// What stands for a status of HTTP (gRPC's document "HTTP to gRPC Status Code Mapping").
fn code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "13",                   // INTERNAL
        401 => "16",                   // UNAUTHENTICATED
        403 => "7",                    // PERMISSION_DENIED
        404 => "12",                   // UNIMPLEMENTED
        429 | 502 | 503 | 504 => "14", // UNAVAILABLE
        _ => "2",                      // UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_grpc() {
        fn check(value: &'static str, expected: bool) {
            assert_eq!(is_grpc(&HeaderValue::from_static(value)), expected, "{value}");
        }
        check("application/grpc", true);
        check("Application/gRPC", true);
        check("application/grpc+proto", true);
        check("application/grpc; a=b", true);
        check("application/grpc-web", false);
        check("application/grp", false);
        check("application/json", false);
    }

    #[test]
    fn nothing_is_said_of_the_body_that_is_gone() {
        let mut response = Response::new(Body::from("compressed"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        let headers = response.headers_mut();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("10"));
        headers.insert("x-added", HeaderValue::from_static("a"));
        let response = translate(response);
        let headers = response.headers();
        assert!(!headers.contains_key(CONTENT_ENCODING) && !headers.contains_key(CONTENT_LENGTH));
        assert_eq!(headers["x-added"], "a");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(headers[STATUS], "12");
    }

    #[test]
    fn statuses() {
        fn check(status: u16, expected: &str) {
            assert_eq!(code(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        check(400, "13");
        check(401, "16");
        check(403, "7");
        check(404, "12");
        check(413, "2");
        check(429, "14");
        check(500, "2");
        check(502, "14");
        check(504, "14");
    }
}
