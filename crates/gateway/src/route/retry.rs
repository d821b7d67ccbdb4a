//! `retry`: which results are another peer's to make good, and how requests are repeated.

use http::{Request, Response, StatusCode};
use propylon_balance::{Group, Tried};
use propylon_buffer::Begun;
use propylon_config::Settings;
use propylon_exchange::Exchange;
use propylon_retry::{Budget, Condition, Conditions, Failure, Policy, Refused, RetryLayer};
use propylon_stack::{Body, BoxError};
use propylon_upstream::{AttemptClass, Error as Upstream, Peer};

use crate::client::ClientBodyError;
use crate::rescue;
use crate::tls::Unusable;
use crate::upstreams::LeafBody;

/// The retry layer of a route to the peers of `group`.
pub(crate) fn retry(settings: &Settings, group: Group<Peer>) -> RetryLayer<NextPeer> {
    let retry = &settings.retry;
    let budget = retry.budget.map(|budget| Budget { percent: budget.percent, floor: budget.floor });
    RetryLayer::new(NextPeer(group))
        .on(conditions(&retry.on))
        .tries(retry.tries)
        .timeout(retry.timeout)
        .budget(budget)
}

/// The conditions of these names, which the configuration has checked.
pub(crate) fn conditions(names: &[&str]) -> Conditions {
    let known = names.iter().filter_map(|name| Conditions::from_name(name));
    known.fold(Conditions::NONE, |all, one| all | one)
}

/// What was wrong with a try that could go better with another peer.
pub(crate) fn failure<B>(result: Result<&Response<B>, &BoxError>) -> Option<Failure> {
    let error = match result {
        Ok(response) => {
            let failed = matches!(response.status().as_u16(), 403 | 404 | 429 | 500 | 502 | 503 | 504);
            return failed.then(|| Failure { condition: Condition::Status(response.status()), sent: true });
        }
        Err(error) => &**error,
    };
    if error.is::<propylon_timeout::Error>() {
        return Some(Failure { condition: Condition::Timeout, sent: true });
    }
    let error = error.downcast_ref::<Upstream>()?;
    let sent = error.class() >= AttemptClass::Sent;
    let condition = match error {
        Upstream::ConnectTimeout => Condition::Timeout,
        Upstream::InvalidHead(_) => Condition::InvalidHeader,
        Upstream::Secure { source } if source.is::<Unusable>() => return None,
        Upstream::Connect { source } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Condition::Denied
        }
        Upstream::Connect { .. }
        | Upstream::Secure { .. }
        | Upstream::Closed { .. }
        | Upstream::Io { .. }
        | Upstream::Rejected { .. }
        | Upstream::GoneAway { .. } => Condition::Error,
        // The request is at fault, or the client.
        _ => return None,
    };
    Some(Failure { condition, sent })
}

/// On to the next peer of a group.
#[derive(Clone, Debug)]
pub(crate) struct NextPeer(Group<Peer>);

impl Policy<Body, LeafBody, BoxError> for NextPeer {
    fn peers(&self) -> usize {
        self.0.tries()
    }

    fn try_clone(&self, request: &mut Request<Body>) -> Option<Request<Body>> {
        let body = request.body().try_clone()?;
        if request.extensions().get::<Tried>().is_none() {
            request.extensions_mut().insert(Tried::default());
        }
        let mut again = Request::new(body);
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.version_mut() = request.version();
        *again.headers_mut() = request.headers().clone();
        *again.extensions_mut() = request.extensions().clone();
        Some(again)
    }

    fn can_be_sent(&self, request: &Request<Body>) -> bool {
        !request.extensions().get::<Begun>().is_some_and(Begun::has_begun)
    }

    fn failure(&self, result: Result<&Response<LeafBody>, &BoxError>) -> Option<Failure> {
        failure(result)
    }

    fn retrying(
        &self,
        request: &Request<Body>,
        failure: Failure,
        result: Result<Response<LeafBody>, BoxError>,
    ) {
        match result {
            // nginx: a status counts against a peer when it is a reason to go on; 403 and 404 never do.
            Ok(response) if is_failure(response.status()) => response.into_body().failed(),
            Ok(_) => {}
            Err(error) => {
                if let Some(exchange) = request.extensions().get::<Exchange>() {
                    rescue::report_try(exchange, &error);
                }
            }
        }
        tracing::debug!(target: "propylon_gateway", "upstream \"{}\": next peer after {:?}", self.0.name(), failure.condition);
    }

    fn refused(&self, failure: Failure, why: Refused) {
        tracing::debug!(
            target: "propylon_gateway",
            "upstream \"{}\": no other peer after {:?}: {}", self.0.name(), failure.condition, why.as_str()
        );
    }
}

/// Whether a status that is a reason to go to another peer counts against its own.
pub(crate) fn is_failure(status: StatusCode) -> bool {
    !matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

/// Whether a failure is the peer's: it counts towards its `max_fails`.
pub(crate) fn is_peers(error: &BoxError) -> bool {
    fn is_clients(error: &(dyn std::error::Error + 'static)) -> bool {
        error.is::<ClientBodyError>()
            || error.downcast_ref().is_some_and(Upstream::is_requests)
            || error.source().is_some_and(is_clients)
    }
    failure::<()>(Err(error)).is_some() && !is_clients(&**error)
}
