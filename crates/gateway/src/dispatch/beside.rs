//! What is asked for beside a request, in its name: nginx's subrequests. They take the way that the request itself takes, from the server's
//! steps on, with a record of their own; of their answers only their askers hear.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use propylon_exchange::{End, Exchange, Keep};
use propylon_stack::Body;

use super::{Role, Visit, again, rounds};
use crate::client::Closed;
use crate::edge;
use crate::route::{Asker, LimitsSeen, Whole, lend_trace};
use crate::router::Server;
use crate::routing::Path;

/// How much of an answer's body is looked at for the sake of its connection, if it is there already.
const LEAST: usize = 64 * 1024;

/// Whose name something is asked for in.
pub(crate) struct Parent<'p> {
    pub(crate) server: &'p Arc<Server>,
    pub(crate) exchange: &'p Exchange,
}

/// A request beside another one. When it goes, it is over: if it is to be logged, it is.
pub(crate) struct Beside {
    visit: Visit,
    request: Option<Request<Body>>,
}

/// What came of it; nobody reads its body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Beside {
    /// A GET for this path with the fields of the request and no body, whose `needs` are kept. To limits it is the request itself: what
    /// they have `seen` is [handed back](Self::limits).
    pub(crate) fn get(parent: &Parent<'_>, path: Path, needs: Keep, seen: Option<Box<LimitsSeen>>) -> Self {
        let mut visit = visit(parent, path, Role::Question);
        visit.limits = seen;
        visit.exchange.keep(needs);
        Self::asking(visit)
    }

    /// The same for what a request's keys are in: its answer is read whole.
    pub(crate) fn keys(parent: &Parent<'_>, path: Path, seen: Option<Box<LimitsSeen>>) -> Self {
        let mut visit = visit(parent, path, Role::Keys);
        visit.limits = seen;
        Self::asking(visit)
    }

    /// A GET without a body.
    fn asking(mut visit: Visit) -> Self {
        visit.get = true;
        let mut request = Request::from_parts(again::client_head(&visit), Body::empty());
        *request.method_mut() = Method::GET;
        Self { visit, request: Some(request) }
    }

    /// A copy of the request for this path, with this body. It outlives the request, perhaps: what it holds itself is its own.
    pub(crate) fn copy(
        parent: &Parent<'_>,
        request: &Request<Body>,
        path: Path,
        body: Body,
        seen: Option<&LimitsSeen>,
    ) -> Self {
        let mut visit = visit(parent, path, Role::Copy);
        visit.limits = seen.map(|seen| Box::new(seen.looked()));
        visit.bodiless = body.is_end_stream();
        visit.get = *request.method() == Method::GET;
        let length = body.size_hint().exact();
        let mut copy = Request::from_parts(again::client_head(&visit), body);
        copy.method_mut().clone_from(request.method());
        if !visit.bodiless {
            again::frame(copy.headers_mut(), length);
            copy.extensions_mut().insert(Whole);
        }
        Self { visit, request: Some(copy) }
    }

    /// A GET for this path, whose answer becomes a part of the page `of` which is asked for.
    pub(crate) fn part(parent: &Parent<'_>, path: Path, of: Asker, seen: Option<Box<LimitsSeen>>) -> Self {
        let mut visit = visit(parent, path, Role::Part);
        (visit.limits, visit.of) = (seen, Some(of));
        Self::asking(visit)
    }

    /// Its record.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.visit.exchange
    }

    /// What limits have seen of it, and the places that it holds: they are the request's.
    pub(crate) fn limits(&mut self) -> Option<Box<LimitsSeen>> {
        self.visit.limits.take()
    }

    /// Sends it round and waits for the head of its answer. An error: the configuration says that the connection is to be closed.
    pub(crate) async fn open(&mut self) -> Result<Response<Body>, Closed> {
        let request = self.request.take().unwrap_or_default();
        let response = match sent(&mut self.visit, request).await {
            Ok(response) => response,
            Err(Closed) => {
                edge::closes(self.exchange());
                return Err(Closed);
            }
        };
        self.visit.leave();
        self.exchange().responded(response.status(), response.headers());
        Ok(response)
    }

    /// The same, and its body is nothing to anybody.
    pub(crate) async fn ask(&mut self) -> Result<Answer, Closed> {
        let (head, body) = self.open().await?.into_parts();
        if self.visit.role == Role::Copy {
            propylon_mirror::drain(body).await; // nobody waits for it
        } else {
            drain(body).await;
        }
        self.exchange().ended(End::Complete);
        Ok(Answer { status: head.status, headers: head.headers })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.exchange().ended(End::ClientClosed); // unless it has ended otherwise
        self.visit.location().ended_beside(self.exchange());
    }
}

type Sent<'v> = Pin<Box<dyn Future<Output = Result<Response<Body>, Closed>> + Send + 'v>>;

/// In a box, for what is asked goes the same rounds as the one that asks.
fn sent(visit: &mut Visit, request: Request<Body>) -> Sent<'_> {
    let next = visit.enter(request);
    Box::pin(rounds(visit, next))
}

/// What goes round beside another request.
fn visit(parent: &Parent<'_>, path: Path, role: Role) -> Visit {
    let exchange = parent.exchange.beside(|_| {});
    propylon_vars::lend(parent.exchange, &exchange);
    lend_trace(parent.exchange, &exchange, true);
    propylon_vars::set_uri(&exchange, path.decoded().clone(), path.args().cloned());
    let mut visit = Visit::new(parent.server.clone(), Some(path), exchange, None, None);
    visit.role = role;
    visit
}

/// Reads a body as far as it is there, so that its connection may be used again if that was all.
async fn drain(body: Body) {
    let mut body = pin!(body);
    let mut read = 0;
    poll_fn(|cx: &mut Context<'_>| {
        while read < LEAST {
            match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => read += frame.data_ref().map_or(0, bytes::Bytes::len),
                _ => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}
