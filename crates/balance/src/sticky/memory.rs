//! What is learnt from responses, and when.

use std::sync::Arc;
use std::time::Duration;

use http::Response;

use super::sessions::Sessions;
use crate::body::ResponseBody;

/// [`Sessions`], with when they are learnt and forgotten: for a [`Binding`](crate::Binding) that learns.
/// [`Learning`](crate::Learning) is one that finds sessions by functions.
#[derive(Clone, Debug)]
pub struct Memory {
    sessions: Sessions,
    timeout: Duration,
    at_head: bool,
}

impl Memory {
    /// Sessions are learnt when the response has ended, and forgotten when they are not used for ten minutes.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { sessions, timeout: Duration::from_secs(600), at_head: false }
    }

    /// How long a session that is not used is remembered. Default 10 min (nginx: `timeout=`).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether a session begins with the response's head. Default: with its end (nginx: `header`).
    #[must_use]
    pub fn at_head(mut self, on: bool) -> Self {
        self.at_head = on;
        self
    }

    /// The peer of a session.
    #[must_use]
    pub fn find(&self, session: &[u8]) -> Option<Arc<str>> {
        self.sessions.find(session, self.timeout)
    }

    /// `peer` has served: its response begins the session `created`, or else prolongs `named`, that of the request. A
    /// peer that has failed, or fails before its response has ended, is not remembered.
    pub fn served<K, T, B>(
        self,
        created: Option<K>,
        named: Option<K>,
        peer: &Arc<str>,
        response: &mut Response<ResponseBody<T, B>>,
    ) where
        K: AsRef<[u8]> + Send + Sync + 'static,
    {
        let (new, Some(session)) = (created.is_some(), created.or(named)) else { return };
        let (body, peer, at_head) = (response.body_mut(), Arc::clone(peer), self.at_head);
        let learn = move || match new {
            true => self.sessions.learn(session.as_ref(), &peer, self.timeout),
            false => self.sessions.touch(session.as_ref(), &peer, self.timeout),
        };
        match at_head {
            true if body.has_failed() => {}
            true => learn(),
            false => body.at_end(learn),
        }
    }
}
