//! Parts of responses: what other locations of the server answer, for whoever puts it into a page.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use propylon_config::Settings;
use propylon_exchange::{End, Exchange};
use propylon_ssi::Shared;
use propylon_stack::{Body, BoxError};

use super::LimitsSeen;
use crate::client::Closed;
use crate::dispatch::{Beside, Parent};
use crate::error_log;
use crate::router::Server;
use crate::routing::Path;

/// In how many parts a part may be (nginx: 50).
const DEEPEST: u8 = 50;

/// Who asks for the parts of a response: its request. Dispatch puts it into requests of locations that [have some](has).
#[derive(Clone)]
pub(crate) struct Asker(Arc<Inner>);

struct Inner {
    server: Arc<Server>,
    exchange: Exchange,
    path: Path,
    /// In how many pages the response is a part itself.
    depth: u8,
    /// What it has in common with the page that it is a part of.
    shared: Shared,
    seen: Option<LimitsSeen>,
}

/// Why there is no part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    #[error("the included location closes the connection")]
    Closed,
    #[error("the page includes itself")]
    Cycle,
}

impl Asker {
    pub(crate) fn new(
        server: Arc<Server>,
        exchange: Exchange,
        path: Path,
        of: Option<&Self>,
        seen: Option<LimitsSeen>,
    ) -> Self {
        let (depth, shared) = of.map_or((0, Shared::new()), |of| (of.0.depth + 1, of.0.shared.clone()));
        Self(Arc::new(Inner { server, exchange, path, depth, shared, seen }))
    }

    /// The request's record.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// What its pages have in common.
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Whether the response is itself a part of another one.
    pub(crate) fn is_part(&self) -> bool {
        self.0.depth > 0
    }

    /// What the server answers to a GET for this path. Nothing happens before the future is polled.
    pub(crate) async fn part(self, uri: Bytes, args: Option<Bytes>) -> Result<Response<Part>, Missing> {
        let Inner { server, exchange, path, depth, seen, .. } = &*self.0;
        if *depth >= DEEPEST {
            error_log::of(exchange, || {
                tracing::error!(
                    target: "propylon_gateway",
                    client = %exchange.client(),
                    server = &*server.name,
                    "subrequests cycle while processing \"{}\"", String::from_utf8_lossy(&uri)
                );
            });
            return Err(Missing::Cycle);
        }
        let parent = Parent { server, exchange };
        let seen = seen.as_ref().map(|seen| Box::new(seen.looked()));
        let mut part = Beside::part(&parent, path.clone().redirected(uri, args), self.clone(), seen);
        let answer = part.open().await;
        propylon_vars::give_back(part.exchange(), exchange);
        let answer = answer.map_err(|Closed| Missing::Closed)?;
        Ok(answer.map(|body| Part { body, part }))
    }
}

/// The body of a part, whose request is over when this has ended or is dropped.
pub(crate) struct Part {
    body: Body,
    part: Beside,
}

impl HttpBody for Part {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.part.exchange().ended(End::Complete),
            Some(Err(_)) => self.part.exchange().ended(End::Truncated),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether responses have parts.
pub(crate) fn has(settings: &Settings) -> bool {
    settings.ssi.on || settings.addition.uris().next().is_some()
}
