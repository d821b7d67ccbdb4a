//! `api`: requests as questions to whoever answers them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use propylon_config::{self as config, Settings};
use propylon_exchange::Exchange;
use propylon_stack::{Body, BoxError};
use tower_service::Service;

use super::{Keeper, Site};
use crate::api::Question;
use crate::page::{self, Face};
use crate::routing::{LocationMatch, Path};
use crate::runtime::Runtime;
use crate::upstreams::Upstreams;

/// The action.
#[derive(Clone)]
pub(super) struct Leaf(Arc<Action>);

struct Action {
    runtime: Arc<Runtime>,
    write: bool,
    /// What of the path is the location's.
    prefix: Box<str>,
    /// How long a body may be: as long as one that is kept in memory (nginx: `client_body_buffer_size`).
    longest: usize,
    names: Arc<[Box<str>]>,
    face: Face,
}

impl Leaf {
    pub(super) fn new(
        api: &config::Api,
        matcher: &LocationMatch,
        settings: &Settings,
        site: &Site,
        upstreams: &Upstreams<'_>,
    ) -> Self {
        let most = settings.limit.body_size.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        Self(Arc::new(Action {
            runtime: Arc::clone(upstreams.runtime),
            write: api.write,
            prefix: matcher.text().into(),
            longest: settings.buffer.request_memory.min(most),
            names: Arc::clone(&site.names),
            face: site.face.clone(),
        }))
    }
}

impl Service<Request<Body>> for Leaf {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let action = Arc::clone(&self.0);
        let changes = action.write && !matches!(*request.method(), Method::GET | Method::HEAD);
        if !changes {
            Keeper::give_back(&mut request);
        }
        let (parts, body) = request.into_parts();
        Box::pin(async move {
            let body = if changes { action.read(body).await } else { Ok(Bytes::new()) };
            let asked = action.question(&parts, body).map(|question| action.runtime.desk.ask(question));
            Ok(match asked {
                Some(Some(answer)) => answer.await.map(Body::from),
                Some(None) => page::error(StatusCode::NOT_IMPLEMENTED, &action.face),
                None => page::error(StatusCode::NOT_FOUND, &action.face),
            })
        })
    }
}

impl Action {
    #[expect(clippy::disallowed_methods, reason = "no more than it may be")]
    async fn read(&self, body: Body) -> Result<Bytes, StatusCode> {
        let read = Limited::new(body, self.longest).collect().await;
        read.map(http_body_util::Collected::to_bytes).map_err(|error| {
            if error.is::<LengthLimitError>() {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            }
        })
    }

    /// None: of a path that steps have changed into another.
    fn question(&self, parts: &request::Parts, body: Result<Bytes, StatusCode>) -> Option<Question> {
        let exchange = parts.extensions.get::<Exchange>()?;
        let path = parts.extensions.get::<Path>()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Question {
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            path: text(path.decoded().strip_prefix(self.prefix.as_bytes())?),
            query: path.args().map(|args| text(args)),
            body,
            write: self.write,
            address: exchange.connection().local.as_ip().map(|ip| ip.to_string()),
            names: Arc::clone(&self.names),
            id: propylon_vars::request_id(exchange).as_deref().map(text).unwrap_or_default(),
        })
    }
}
