//! What a location does with a request before it is answered: nginx's phases between the choice of a location and its content.

use http::Method;
use propylon_exchange::Exchange;

use crate::reroute::Reroute;
use crate::route::{Found, Guard, Limits, LimitsSeen, TryFiles};
use crate::routing::Path;

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
    pub(crate) try_files: Option<TryFiles>,
}

impl Phases {
    /// Nothing, where there is nothing to do.
    pub(crate) fn if_any(self) -> Option<Box<Self>> {
        let Self { limits, access, try_files } = &self;
        (limits.is_some() || access.is_some() || try_files.is_some()).then(|| Box::new(self))
    }

    pub(crate) async fn run(
        &self,
        exchange: &Exchange,
        method: &Method,
        path: &mut Path,
        seen: &mut Option<Box<LimitsSeen>>,
    ) -> Step {
        if let Some(limits) = &self.limits
            && let Some(found) = limits.run(exchange, seen.get_or_insert_default()).await
        {
            return Step::Answer(found);
        }
        if let Some(access) = &self.access
            && let Some(found) = access.run(exchange, method).await
        {
            return Step::Answer(found);
        }
        match &self.try_files {
            Some(try_files) => try_files.run(exchange, path).await,
            None => Step::Go,
        }
    }
}
