//! What a gateway starts with, besides its configuration.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use propylon_access_log::Sinks;
use propylon_stack::{Body, BoxError, Route};
use tower_layer::Layer;
use tower_service::Service;

use crate::api::Api;
use crate::caches::Owner;
use crate::given::Given;
use crate::layers::Layers;

/// What a gateway starts with, besides its configuration.
///
/// ```
/// use propylon_gateway::{Start, log::Sinks};
/// # fn main() -> std::io::Result<()> {
/// let start = Start::new(Sinks::spawn(propylon_gateway::report_trouble)?).strict(true);
/// # let _ = start; Ok(()) }
/// ```
#[must_use]
pub struct Start {
    pub(crate) sinks: Sinks,
    pub(crate) strict: bool,
    pub(crate) sockets: Vec<Given>,
    pub(crate) in_worker: Option<InWorker>,
    pub(crate) owner: Option<Owner>,
    pub(crate) api: Option<Arc<dyn Api>>,
    pub(crate) layers: Layers,
}

/// What each worker's thread does first.
pub(crate) type InWorker = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start")
            .field("strict", &self.strict)
            .field("sockets", &self.sockets)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

impl Start {
    /// Logs go to `sinks`, which the caller may share with a log of its own.
    pub fn new(sinks: Sinks) -> Self {
        Self {
            sinks,
            strict: false,
            sockets: Vec::new(),
            in_worker: None,
            owner: None,
            api: None,
            layers: Layers::default(),
        }
    }

    /// Makes a name that does not resolve an error, as in nginx; else it disables what needs it. Default: false.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// What each worker's thread does before anything else: to give up rights, for one. If it fails, nothing starts. Default:
    /// nothing.
    pub fn in_each_worker(mut self, first: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.in_worker = Some(Arc::new(first));
        self
    }

    /// Whose the directories of caches are, by the numbers of user and group: workers that have given up rights have to write
    /// there. Default: whoever made them.
    pub fn owner(mut self, user: u32, group: u32) -> Self {
        self.owner = Some(Owner { user, group });
        self
    }

    /// Who answers where the action of a location is `api`. Default: nobody, and the answer is 501.
    pub fn api(mut self, api: impl Api + 'static) -> Self {
        self.api = Some(Arc::new(api));
        self
    }

    /// A layer of the caller's own, which locations have by its name: `layers = ["NAME"]`. The last one of a name counts.
    ///
    /// It wraps whatever the action of the location answers: upstreams, files, `return`. What is answered before the action (a `return` or `redirect` among `rewrite`
    /// steps, `try_files` with a status, limits, access) does not pass it. A request comes to it when limits and access have let it in, with its
    /// [`Exchange`](propylon_exchange::Exchange) among the extensions; the response that it returns is shaped as any other: fields, compression, error pages. Its errors are in
    /// the error log, and become 500, or the status of the gateway's own error that is their source (504 for a timeout). It runs on the threads of the workers: it must not
    /// block them.
    ///
    /// A request may pass it more than once, when an error page or a subrequest (`auth_request`, `mirror`, a part of SSI) comes to a location that has it.
    /// Stacks are built by each worker, and once more where a configuration is tested, so `layer` is called several times for each location: what is to be shared by
    /// all goes into an `Arc`.
    ///
    /// ```
    /// use http::{HeaderValue, Request, Response};
    /// use propylon_gateway::{Start, log::Sinks};
    /// use propylon_stack::{Body, Route};
    /// use tower::{ServiceBuilder, util::MapResponseLayer};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let tell = MapResponseLayer::new(|mut response: Response<Body>| {
    ///     response.headers_mut().insert("x-served-by", HeaderValue::from_static("platform"));
    ///     response
    /// });
    /// let start = Start::new(Sinks::spawn(propylon_gateway::report_trouble)?).layer("tell", tell);
    /// # let _ = start; Ok(()) }
    /// ```
    pub fn layer<L, B>(mut self, name: impl Into<Box<str>>, layer: L) -> Self
    where
        L: Layer<Route> + Send + Sync + 'static,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.layers.add(name.into(), move |route| route.layer(&layer));
        self
    }

    /// Sockets that are open already: each `listen` that names the address of some uses these and opens none. Default:
    /// none. What no `listen` names is reported, and closed unless it is lent.
    ///
    /// Every one of several sockets on one address gets connections from the kernel and has to be accepted from, each
    /// by a worker of its own: the gateway runs as many workers as that takes, even where `runtime.workers` says fewer.
    /// Where it says more, they share the sockets.
    pub fn sockets(mut self, sockets: Vec<Given>) -> Self {
        self.sockets = sockets;
        self
    }
}
