//! `auth_request`: configuration to a question, and its answer to variables.

use std::sync::Arc;

use bytes::Bytes;
use propylon_auth_request::Verdict;
use propylon_config::{InnerUri, Settings, Template};
use propylon_exchange::{Exchange, Keep};

use super::{LimitsSeen, carry};
use crate::client::Closed;
use crate::dispatch::{Beside, Parent};
use crate::rescue;
use crate::rewrite;
use crate::routing::Path;

/// Whom a location asks whether a request may come in.
#[derive(Clone)]
pub(crate) struct AuthRequest(Arc<Inner>);

struct Inner {
    uri: (Bytes, Option<Bytes>),
    set: Vec<(Box<str>, Template)>,
    needs: Keep,
}

impl AuthRequest {
    /// Nothing, where nobody is asked.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let config = &settings.auth_request;
        let uri = bytes(&config.uri.as_ref()?.value);
        let needs = carry::needs(config.set.iter().map(|(_, value)| value));
        Some(Self(Arc::new(Inner { uri, set: config.set.clone(), needs })))
    }

    /// Whether an answer may say how fast the response goes.
    pub(crate) fn sets_rate(&self) -> bool {
        self.0.set.iter().any(|(name, _)| &**name == "limit_rate")
    }

    /// Asks about a request, and sets what it is to know of the answer. What limits see of the question they have seen of the request.
    pub(crate) async fn run(
        &self,
        parent: &Parent<'_>,
        path: &mut Path,
        seen: &mut Option<Box<LimitsSeen>>,
    ) -> Result<Verdict, Closed> {
        let Inner { uri: (uri, args), set, needs } = &*self.0;
        let to = path.clone().redirected(uri.clone(), args.clone());
        let mut beside = Beside::get(parent, to, *needs, seen.take());
        let answer = beside.ask().await;
        *seen = beside.limits();
        let answer = answer?;
        let verdict = Verdict::of(answer.status, &answer.headers);
        let (asked, exchange) = (beside.exchange(), parent.exchange);
        propylon_vars::give_back(asked, exchange);
        for (name, value) in set {
            let value = value.eval(asked);
            propylon_vars::set_named(asked, name, value.clone()); // for those that follow
            rewrite::set(exchange, path, name, value);
        }
        if let Verdict::Unexpected(status) = verdict {
            report(exchange, status.as_u16());
        }
        Ok(verdict)
    }
}

/// A path and its arguments.
pub(super) fn bytes(uri: &InnerUri) -> (Bytes, Option<Bytes>) {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    (bytes(&uri.path), uri.args.as_deref().map(bytes))
}

fn report(exchange: &Exchange, status: u16) {
    rescue::report_text(exchange, &format!("auth request unexpected status: {status}"));
}
