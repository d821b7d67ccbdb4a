//! `empty_gif`: the smallest image, of one transparent point.

use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use propylon_conditions::{judge, show};
use propylon_stack::{Body, BoxError};
use tower_service::Service;

use super::{Keeper, Site};
use crate::page::{self, Face};

/// GIF89a, one by one, black and white, white is transparent.
const IMAGE: &[u8] = b"GIF89a\x01\0\x01\0\x80\x01\0\0\0\0\xff\xff\xff\x21\xf9\x04\x01\0\0\x01\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0;";

/// When nginx says that it was made.
const MADE: HeaderValue = HeaderValue::from_static("Mon, 28 Sep 1970 06:00:00 GMT");

/// The action.
#[derive(Clone)]
pub(super) struct Leaf {
    face: Face,
}

impl Leaf {
    pub(super) fn new(site: &Site) -> Self {
        Self { face: site.face.clone() }
    }
}

impl Service<Request<Body>> for Leaf {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        Keeper::give_back(&mut request);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return ready(Ok(page::error(StatusCode::METHOD_NOT_ALLOWED, &self.face)));
        }
        let mut response = Response::new(());
        for (name, value) in [
            (CONTENT_TYPE, HeaderValue::from_static("image/gif")),
            (LAST_MODIFIED, MADE),
            (CONTENT_LENGTH, IMAGE.len().into()),
        ] {
            response.headers_mut().insert(name, value);
        }
        // Of something so small there are no parts.
        let (ours, now) = (response.headers(), wall_clock());
        let shown = judge(request.method(), request.headers(), StatusCode::OK, ours, None, now);
        ready(Ok(match show(&mut response, &shown) {
            None => response.map(|()| Body::from(bytes::Bytes::from_static(IMAGE))),
            Some(_) => response.map(|()| Body::empty()),
        }))
    }
}

#[expect(clippy::disallowed_methods, reason = "the dates of conditions are the world's")]
fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
