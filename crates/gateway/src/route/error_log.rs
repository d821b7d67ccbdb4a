//! `error_log` of a place: configuration to logs, and what is said while its stack is at work.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use propylon_access_log::{Buffering, Target};
use propylon_config::{ErrorLogTarget, Settings};
use propylon_exchange::Exchange;
use propylon_stack::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BuildError;
use crate::error_log::{ErrorLogs, Within, within};
use crate::upstreams::Upstreams;

/// The logs of a place; none: it has none of its own.
pub(crate) fn logs(
    settings: &Settings,
    upstreams: &Upstreams<'_>,
) -> Result<Option<Arc<ErrorLogs>>, BuildError> {
    let open = |log: &propylon_config::ErrorLog| {
        let target = match &log.target {
            ErrorLogTarget::Stderr => Target::Stderr,
            ErrorLogTarget::File(path) => Target::File(path.clone()),
        };
        Ok((upstreams.sink(&target, Buffering::Prompt)?, log.level))
    };
    let logs = settings.error_logs.iter().map(open).collect::<Result<_, BuildError>>()?;
    Ok(ErrorLogs::new(logs))
}

/// Has what a stack says that knows of no request (that a peer is given up, say) said in these logs as well.
pub(super) fn layer(logs: Option<&Arc<ErrorLogs>>) -> Option<WithinLayer> {
    logs.cloned().map(WithinLayer)
}

pub(super) struct WithinLayer(Arc<ErrorLogs>);

impl<S> Layer<S> for WithinLayer {
    type Service = WithinService<S>;

    fn layer(&self, inner: S) -> WithinService<S> {
        WithinService { inner, logs: self.0.clone() }
    }
}

#[derive(Clone)]
pub(super) struct WithinService<S> {
    inner: S,
    logs: Arc<ErrorLogs>,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for WithinService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Within<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Of what is asked for beside a request things are said in its name.
        let logs = request.extensions().get::<Exchange>().and_then(Exchange::error_log);
        let logs = logs.or_else(|| Some(self.logs.clone()));
        let work = crate::error_log::at(logs.as_ref(), || self.inner.call(request));
        within(logs, work)
    }
}
