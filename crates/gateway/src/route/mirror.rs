//! `mirror`: configuration to copies of requests, which go to locations of the same server.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use parking_lot::Mutex;
use propylon_config::{LogLevel, Settings};
use propylon_exchange::{Exchange, clock};
use propylon_mirror::{Copies, TooMany};
use propylon_stack::Body;
use tokio::time::Instant;

use super::buffer::{BufferLayer, Keeper, Whole};
use super::{Found, LimitsSeen, Site, auth_request};
use crate::dispatch::{Beside, Parent};
use crate::page::Face;
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
    /// How bodies are read to their end, where copies have them.
    bodies: Option<BufferLayer>,
    copies: Copies,
    face: Face,
    told: Mutex<Option<Instant>>,
}

impl Mirror {
    /// Nothing, where no copies are wanted.
    pub(crate) fn new(settings: &Settings, site: &Site, upstreams: &Upstreams<'_>) -> Option<Self> {
        let config = &settings.mirror;
        if config.to.is_empty() {
            return None;
        }
        let tasks = upstreams.tasks.clone();
        let bodies = || BufferLayer::new(settings, &upstreams.config.runtime, false);
        Some(Self(Arc::new(Inner {
            to: config.to.iter().map(|uri| auth_request::bytes(&uri.value)).collect(),
            bodies: config.body.then(bodies),
            copies: Copies::new(move |work| drop(tasks.spawn(work)))
                .at_once(config.at_once)
                .counting(upstreams.runtime.copies.clone()),
            face: site.face.clone(),
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
        seen: Option<&LimitsSeen>,
    ) -> Option<Found> {
        let Inner { to, bodies, copies, face, .. } = &*self.0;
        if let Some(bodies) = bodies
            && !request.body().is_end_stream()
        {
            match bodies.read(std::mem::take(request.body_mut())).await {
                Ok(whole) => *request.body_mut() = whole,
                Err(error) => {
                    request.extensions_mut().insert(Keeper::default()); // there was one, and nothing is left of it
                    return Some(rescue::refusal(&error, parent.exchange, face));
                }
            }
            request.extensions_mut().insert(Whole);
        }
        for (uri, args) in to {
            let sent = copies.send(|| {
                let args = args.clone().or_else(|| path.args().cloned());
                let body = bodies.as_ref().and_then(|_| request.body().try_clone()).unwrap_or_default();
                let to = path.clone().redirected(uri.clone(), args);
                let mut copy = Beside::copy(parent, request, to, body, seen);
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
