//! `mirror`: configuration to copies of requests, which go to locations of the same server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as _;
use parking_lot::Mutex;
use propylon_config::{LogLevel, Settings};
use propylon_exchange::{Exchange, clock};
use propylon_mirror::{Copies, TooMany};
use propylon_stack::{Body, BoxError};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use super::Found;
use super::buffer::{Buffer, BufferLayer, Whole};
use crate::dispatch::{Beside, Parent};
use crate::rescue;
use crate::routing::Path;
use crate::upstreams::Upstreams;

/// How often the error log is told that copies are dropped.
const TELLS: Duration = Duration::from_secs(1);

/// Where copies of a location's requests go.
#[derive(Clone)]
pub(crate) struct Mirror(Arc<Inner>);

struct Inner {
    to: Vec<(Bytes, Option<Bytes>)>,
    /// What reads bodies to their end, where copies have them.
    bodies: Option<Buffer<Hand>>,
    copies: Copies,
    told: Mutex<Option<Instant>>,
}

impl Mirror {
    /// Nothing, where no copies are wanted.
    pub(crate) fn new(settings: &Settings, upstreams: &Upstreams<'_>) -> Option<Self> {
        let config = &settings.mirror;
        if config.to.is_empty() {
            return None;
        }
        let tasks = upstreams.tasks.clone();
        let bodies = || BufferLayer::whole(settings, &upstreams.config.runtime).layer(Hand);
        Some(Self(Arc::new(Inner {
            to: config.to.iter().map(|uri| super::auth_request::split(&uri.value)).collect(),
            bodies: config.body.then(bodies),
            copies: Copies::new(move |work| drop(tasks.spawn(work)))
                .at_once(config.at_once)
                .counting(upstreams.runtime.copies.clone()),
            told: Mutex::default(),
        })))
    }

    /// Sends the copies of a request on their way, after its body has come if they are to have it. The answer is that of a request
    /// whose body did not come.
    pub(crate) async fn run(
        &self,
        parent: &Parent<'_>,
        request: &mut Request<Body>,
        path: &Path,
    ) -> Option<Found> {
        let Inner { to, bodies, copies, .. } = &*self.0;
        if let Some(bodies) = bodies
            && !request.body().is_end_stream()
        {
            match bodies.clone().call(std::mem::take(request)).await {
                Ok(kept) => *request = kept.into_body(),
                Err(error) => return Some(rescue::refusal(&error, parent.exchange)),
            }
            request.extensions_mut().insert(Whole);
        }
        for (uri, args) in to {
            let sent = copies.send(|| {
                let args = args.clone().or_else(|| path.args().cloned());
                let body = bodies.as_ref().and_then(|_| request.body().try_clone()).unwrap_or_default();
                let to = path.clone().redirected(uri.clone(), args);
                let mut copy = Beside::copy(parent, request, to, body);
                async move {
                    let _ = copy.ask().await; // nobody wants to know
                }
            });
            if let Err(why) = sent {
                self.tell(parent.exchange, why);
            }
        }
        None
    }

    fn tell(&self, exchange: &Exchange, why: TooMany) {
        let mut told = self.0.told.lock();
        let now = clock::now();
        if told.is_none_or(|told| now.saturating_duration_since(told) >= TELLS) {
            *told = Some(now);
            rescue::report_at(exchange, LogLevel::Error, &why.to_string());
        }
    }
}

/// Hands over the request whose body has come.
#[derive(Clone, Debug)]
struct Hand;

impl Service<Request<Body>> for Hand {
    type Response = Response<Request<Body>>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<Request<Body>>, BoxError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::new(request)))
    }
}
