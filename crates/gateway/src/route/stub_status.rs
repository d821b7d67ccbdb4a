//! `stub_status`: how many connections and requests there are, in nginx's words.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use propylon_stack::{Body, BoxError};
use tower_service::Service;

use super::{Keeper, Site};
use crate::insight::Connections;
use crate::page::{self, Face};
use crate::runtime::Runtime;
use crate::upstreams::Upstreams;

/// The action.
#[derive(Clone)]
pub(super) struct Leaf {
    runtime: Arc<Runtime>,
    face: Face,
}

impl Leaf {
    pub(super) fn new(site: &Site, upstreams: &Upstreams<'_>) -> Self {
        Self { runtime: Arc::clone(upstreams.runtime), face: site.face.clone() }
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
        let text = text(&Connections::of(&self.runtime.ledgers));
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        ready(Ok(response))
    }
}

/// To the last blank as nginx has it: programs read it.
fn text(now: &Connections) -> String {
    format!(
        "Active connections: {} \nserver accepts handled requests\n {} {} {} \nReading: {} Writing: {} Waiting: {} \n",
        now.active, now.accepted, now.accepted, now.requests, now.reading, now.writing, now.waiting
    )
}
