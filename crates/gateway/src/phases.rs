//! What a location does with a request before it is answered: nginx's phases between the choice of a location and its content.

use std::sync::Arc;

use http::Request;
use propylon_exchange::Exchange;
use propylon_stack::Body;

use crate::dispatch::Parent;
use crate::reroute::Reroute;
use crate::route::{Found, Guard, Limits, LimitsSeen, Mirror, TryFiles};
use crate::router::Server;
use crate::routing::Path;

/// The request that is at a location.
#[derive(Clone, Copy)]
pub(crate) struct At<'r> {
    pub(crate) server: &'r Arc<Server>,
    pub(crate) exchange: &'r Exchange,
    /// Whether it is asked for beside another one, which has come in (nginx's subrequests).
    pub(crate) beside: bool,
}

/// What comes of a phase.
pub(crate) enum Step {
    /// The next one.
    Go,
    /// This is the answer.
    Answer(Found),
    /// Another round; in a box, for every request has room for a step.
    Reroute(Box<Reroute>),
}

/// The phases of one location that have something to do, in nginx's order.
#[derive(Clone, Default)]
pub(crate) struct Phases {
    pub(crate) limits: Option<Limits>,
    pub(crate) access: Option<Guard>,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) try_files: Option<TryFiles>,
}

impl Phases {
    /// Nothing, where there is nothing to do.
    pub(crate) fn if_any(self) -> Option<Box<Self>> {
        let Self { limits, access, mirror, try_files } = &self;
        let any = limits.is_some() || access.is_some() || mirror.is_some() || try_files.is_some();
        any.then(|| Box::new(self))
    }

    /// Whether something in them may say how fast the response goes.
    pub(crate) fn set_rate(&self) -> bool {
        self.access.as_ref().is_some_and(Guard::sets_rate)
    }

    pub(crate) async fn run(
        &self,
        at: At<'_>,
        request: &mut Request<Body>,
        path: &mut Path,
        seen: &mut Option<Box<LimitsSeen>>,
    ) -> Step {
        let At { server, exchange, beside } = at;
        let parent = Parent { server, exchange };
        let access = self.access.as_ref().filter(|_| !beside);
        // Limits may be for what a session or a token says, and hear only of a good one.
        let token = match (access, &self.limits) {
            (Some(access), Some(_)) => {
                access.look_at_session(exchange);
                access.look_at_token(&parent, path).await
            }
            _ => None,
        };
        if let Some(limits) = &self.limits
            && let Some(found) = limits.run(exchange, seen.get_or_insert_default()).await
        {
            return Step::Answer(found);
        }
        if let Some(access) = access
            && let Some(found) = access.run(&parent, request.method(), path, seen, token).await
        {
            return Step::Answer(found);
        }
        let step = match &self.try_files {
            Some(try_files) => try_files.run(exchange, path).await,
            None => Step::Go,
        };
        if let (Step::Go, Some(mirror)) = (&step, self.mirror.as_ref().filter(|_| !beside))
            && let Some(found) = mirror.run(&parent, request, path, seen.as_deref()).await
        {
            return Step::Answer(found);
        }
        step
    }
}
