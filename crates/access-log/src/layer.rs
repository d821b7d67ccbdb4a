//! The layer.

use std::fmt;
use std::sync::Arc;

use http::request;
use propylon_exchange::Address;
use tower_layer::Layer;

use crate::{AccessLogService, AccessLogs};

pub(crate) type ClientOf = dyn Fn(&request::Parts) -> Option<Address> + Send + Sync;

/// Writes a line for each exchange of a service; see the [crate](crate) for an example. A gateway that knows the true end
/// of an exchange calls [`AccessLogs::write`] instead.
#[derive(Clone)]
pub struct AccessLogLayer {
    logs: AccessLogs,
    client: Option<Arc<ClientOf>>,
}

impl AccessLogLayer {
    /// Writes to these logs.
    pub fn new(logs: impl Into<AccessLogs>) -> Self {
        Self { logs: logs.into(), client: None }
    }

    /// Finds the client's address in the request, for `$remote_addr`: in an extension that the server puts there. Default:
    /// that of an `Arc<Connection>` extension, else unknown, which prints as `unix:`.
    #[must_use]
    pub fn client(
        mut self,
        client: impl Fn(&request::Parts) -> Option<Address> + Send + Sync + 'static,
    ) -> Self {
        self.client = Some(Arc::new(client));
        self
    }
}

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLogService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessLogService::new(inner, self.logs.clone(), self.client.clone())
    }
}

impl fmt::Debug for AccessLogLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLogLayer").field("logs", &self.logs).finish_non_exhaustive()
    }
}
