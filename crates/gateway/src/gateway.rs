//! The gateway as its operator handles it: start, reload, reopen logs, drain, stop.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use propylon_access_log::{Sinks, Trouble};
use propylon_config::{Config, Workers};
use tokio_util::task::TaskTracker;

use crate::acme;
use crate::caches::Caches;
use crate::error::StartError;
use crate::given::Given;
use crate::health::Probes;
use crate::insight::Insight;
use crate::listener::{ANYBODY, Listeners, OWNER};
use crate::names::Definition;
use crate::retired::Retired;
use crate::router::Router;
use crate::runtime::Runtime;
use crate::secrets;
use crate::start::Start;
use crate::tls::Found;
use crate::traces;
use crate::upstreams::{Kept, Upstreams};
use crate::worker;

/// How long what was logged may take to be written at the end, and how long spans may take to be sent.
const FLUSH: Duration = Duration::from_secs(5);

/// A running gateway.
///
/// It is handled from a tokio runtime of the caller's, on which it does its background work (names that have to be
/// resolved again); requests are served on threads of its own, one a worker.
pub struct Gateway {
    runtime: Arc<Runtime>,
    listeners: Listeners,
    insight: Insight,
    workers: Vec<worker::Handle>,
    config: Arc<Config>,
    strict: bool,
    resolving: tokio::task::JoinHandle<()>,
    rereading: Rereading,
}

impl Gateway {
    /// Starts a gateway: when this returns, every listener is open and served.
    ///
    /// # Errors
    /// When an address can't be listened on, a log can't be opened, or a thread can't be had. Nothing is left running.
    pub async fn start(config: Config, start: Start) -> Result<Self, StartError> {
        let Start { sinks, strict, sockets, in_worker, owner, api, layers } = start;
        let config = Arc::new(config);
        let runtime = Arc::new(Runtime::new(sinks).owned_by(owner).answered_by(api).with_layers(layers));
        // Kept until the workers have built theirs: the logs that it has opened are open for them, who may not have the right.
        let (tested, probes) = validate(&config, &runtime, strict).await?;
        let count = match config.runtime.workers {
            Workers::Auto => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            Workers::Count(count) => count,
        };
        // The paths of given sockets are their giver's until this gateway runs.
        let given = !sockets.is_empty();
        let mut listeners = Listeners::with(sockets);
        listeners.keep_paths(given);
        listeners.open(&config.listeners, count.get(), config.runtime.reuseport, ANYBODY)?;
        listeners.open(admins(&config), 1, false, OWNER)?;
        listeners.report_spare();
        let needed = count.get().max(listeners.most());
        if needed > count.get() {
            tracing::warn!(
                target: "propylon_gateway",
                "{needed} workers are started, not {count}: each inherited socket needs its own worker; `runtime.workers` takes effect at the next start"
            );
        }
        let workers = (0..needed)
            .map(|index| {
                worker::Handle::spawn(index, runtime.clone(), in_worker.clone()).map_err(StartError::Worker)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let resolving = tokio::spawn({
            let runtime = runtime.clone();
            async move { runtime.names.keep_resolving().await }
        });
        let rereading = Rereading::start(&runtime, &config);
        let insight = Insight::new(runtime.clone(), config.clone(), workers.len());
        runtime.desk.opens(&insight);
        let mut gateway = Self {
            runtime,
            listeners,
            insight,
            workers,
            config: config.clone(),
            strict,
            resolving,
            rereading,
        };
        gateway.runtime.caches.share(&config).map_err(StartError::Worker)?;
        gateway.runtime.caches.reach().await;
        if let Err(error) = gateway.put_to_use(&config).await {
            // Some worker may have accepted connections already.
            gateway.drain(config.runtime.shutdown_timeout).await;
            return Err(error);
        }
        drop(tested);
        gateway.listeners.keep_paths(false);
        gateway.runtime.caches.put_to_use(&config);
        gateway.runtime.keyvals.put_to_use(&config);
        gateway.runtime.oidc.put_to_use(&config);
        gateway.runtime.geoips.put_to_use(&config);
        acme::put_to_use(&gateway.runtime, &config);
        gateway.runtime.traces.put_to_use(&config);
        gateway.runtime.names.follow();
        gateway.runtime.names.check(&probes);
        Ok(gateway)
    }

    /// Replaces the configuration: tested first, then used by every worker. Connections and listeners that are in both
    /// stay; no request is dropped. Gives the one before, which serves what is under way.
    ///
    /// # Errors
    /// As for [`Gateway::start`]; the configuration in force then stays.
    pub async fn reload(&mut self, config: Config) -> Result<Retired, StartError> {
        let config = Arc::new(config);
        let (tested, probes) = validate(&config, &self.runtime, self.strict).await?;
        if config.runtime.workers != self.config.runtime.workers
            || config.runtime.reuseport != self.config.runtime.reuseport
        {
            tracing::warn!(target: "propylon_gateway", "changes of `runtime.workers` and `runtime.reuseport` take effect at the next start only");
        }
        let reuseport = self.config.runtime.reuseport;
        self.listeners.open(&config.listeners, self.workers.len(), reuseport, ANYBODY)?;
        self.listeners.open(admins(&config), 1, false, OWNER)?;
        let retired = self.put_to_use(&config).await?;
        drop(tested);
        self.listeners.close_others(|address| listens_at(&config, address));
        self.runtime.names.forget(|known| has(&config, known));
        self.runtime.names.forget_resolvers(|known| asks(&config, known));
        self.runtime.names.follow();
        self.runtime.names.check(&probes);
        self.runtime.tls.forget(&config);
        self.runtime.zones.forget(&config);
        self.runtime.caches.put_to_use(&config);
        self.runtime.keyvals.put_to_use(&config);
        self.runtime.oidc.put_to_use(&config);
        self.runtime.geoips.put_to_use(&config);
        if let Err(error) = self.runtime.caches.share(&config) {
            tracing::error!(target: "propylon_gateway", "caches cannot be shared: {error}");
        }
        acme::put_to_use(&self.runtime, &config);
        self.runtime.traces.put_to_use(&config);
        self.rereading = Rereading::start(&self.runtime, &config);
        self.insight.reloaded(config.clone());
        self.runtime.ledgers.forget(&config);
        self.config = config;
        Ok(retired)
    }

    /// Tests a configuration as a start would, but listens on nothing. Returns its faults: what the configuration is not
    /// to blame for, such as names that do not resolve.
    ///
    /// # Errors
    /// When it can't be built, or a log can't be opened.
    pub async fn check(config: &Config) -> Result<Vec<String>, StartError> {
        let sinks = Sinks::spawn(report_trouble).map_err(StartError::Worker)?;
        Self::check_with(config, Start::new(sinks)).await
    }

    /// The same for a start with these layers: [`Start::layer`]. Of `start`, only its layers and sinks are used.
    ///
    /// # Errors
    /// As for [`Gateway::check`].
    pub async fn check_with(config: &Config, start: Start) -> Result<Vec<String>, StartError> {
        let runtime = Arc::new(Runtime::new(start.sinks).with_layers(start.layers));
        let (_, Found { mut faults, awaited }) = build_once(config, &runtime).await?;
        faults.extend(awaited);
        Ok(faults)
    }

    /// What it tells of itself, and what can be done to it meanwhile.
    #[must_use]
    pub fn insight(&self) -> Insight {
        self.insight.clone()
    }

    /// The listening sockets of `[admin]` once more, for whoever answers there: the gateway itself accepts nothing from them.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn admin_sockets(&self) -> std::io::Result<Vec<Given>> {
        let all = self.listeners.duplicates()?;
        let is_admin =
            |given: &Given| admins(&self.config).iter().any(|listener| given.is_for(&listener.address));
        Ok(all.into_iter().filter(is_admin).collect())
    }

    /// Every listening socket once more, for another process that takes over: for its [`Start::sockets`].
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn sockets(&self) -> std::io::Result<Vec<Given>> {
        self.listeners.duplicates()
    }

    /// Whether the paths of unix sockets stay when this gateway closes their sockets: while another process listens on
    /// the same ones.
    pub fn keep_paths(&mut self, keep: bool) {
        self.listeners.keep_paths(keep);
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Opens log files anew, for rotation. What can't be opened keeps its old file, and is reported.
    pub fn reopen_logs(&self) {
        for error in self.runtime.sinks.reopen() {
            tracing::error!(target: "propylon_gateway", "{error}");
        }
    }

    /// Stops accepting, finishes the requests in flight, and ends: after `deadline` even if some are not finished.
    pub async fn drain(mut self, deadline: Duration) {
        self.runtime.acme.end(); // whoever comes after this process is the one that is asked for challenges
        self.listeners.leave();
        for worker in &self.workers {
            worker.drain(self.listeners.are_shared()).await;
        }
        drop(std::mem::take(&mut self.listeners));
        let workers = &mut self.workers;
        let finished = async {
            for worker in workers.iter_mut() {
                worker.join().await;
            }
        };
        if tokio::time::timeout(deadline, finished).await.is_err() {
            tracing::warn!(target: "propylon_gateway", "requests are still in flight after {deadline:?} and are aborted");
        }
        self.stop().await;
    }

    /// Ends at once; what was logged is written.
    pub async fn stop(mut self) {
        for worker in &self.workers {
            worker.stop().await;
        }
        for mut worker in self.workers.drain(..) {
            worker.join().await;
        }
        self.resolving.abort();
        self.runtime.acme.end();
        self.runtime.traces.end(FLUSH).await;
        if let Err(error) = self.runtime.sinks.flush_all(FLUSH) {
            tracing::error!(target: "propylon_gateway", "{error}");
        }
    }

    async fn put_to_use(&self, config: &Arc<Config>) -> Result<Retired, StartError> {
        // All build before any uses: a failure changes nothing.
        for worker in &self.workers {
            worker.build(config.clone()).await?;
        }
        let mut retired = Retired::default();
        for (index, worker) in self.workers.iter().enumerate() {
            let sockets = self.listeners.of_worker(index).map_err(StartError::Worker)?;
            let wanted = sockets
                .into_iter()
                .filter(|own| config.listeners.iter().any(|listener| listener.address == own.address));
            retired.join(worker.use_built(wanted.collect()).await?);
        }
        self.listeners.steer();
        Ok(retired)
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// Where operators look at the process.
fn admins(config: &Config) -> &[propylon_config::Listener] {
    config.admin.as_ref().map(|admin| &*admin.listeners).unwrap_or_default()
}

fn listens_at(config: &Config, address: &propylon_config::ListenAddress) -> bool {
    config.listeners.iter().chain(admins(config)).any(|listener| listener.address == *address)
}

/// What one build of a configuration gives: the stacks, and what asks peers whether they are well.
type Tested = (Router, Probes);

async fn validate(config: &Config, runtime: &Arc<Runtime>, strict: bool) -> Result<Tested, StartError> {
    // A certificate that is still to come keeps nobody from starting: it only comes to who runs.
    let (tested, Found { faults, .. }) = build_once(config, runtime).await?;
    match faults.into_iter().next() {
        Some(what) if strict => Err(StartError::Fault { what }),
        _ => Ok(tested),
    }
}

/// Builds on the control thread, so that what can fail fails before any worker is touched, reads certificates and resolves
/// names. Returns the faults.
async fn build_once(config: &Config, runtime: &Arc<Runtime>) -> Result<(Tested, Found), StartError> {
    let mut found = runtime.tls.refresh(config)?;
    found.faults.extend(acme::fault(config));
    found.faults.extend(traces::fault(config));
    found.faults.extend(Caches::faults(config));
    runtime.caches.open(config, runtime.owner)?;
    found.faults.extend(runtime.keyvals.open(config));
    runtime.oidc.open(runtime, config).map_err(StartError::Worker)?;
    found.faults.extend(runtime.geoips.open(config));
    found.faults.extend(secrets::faults(config));
    let router =
        Router::build(config, &mut Upstreams::new(runtime, config, &Kept::new(), &TaskTracker::new()))?;
    let probes = Probes::build(config, runtime)?;
    found.faults.extend(runtime.names.faults(config));
    let unresolved = runtime.names.resolve().await.into_iter();
    found.faults.extend(unresolved.map(|name| format!("host not found in upstream \"{name}\"")));
    Ok(((router, probes), found))
}

/// Looks now and then whether files of certificates have changed, until it is dropped.
struct Rereading(Option<tokio::task::JoinHandle<()>>);

impl Rereading {
    fn start(runtime: &Arc<Runtime>, config: &Config) -> Self {
        let runtime = Arc::clone(runtime);
        Self(config.runtime.certificate_check.map(|every| {
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(every).await;
                    let runtime = Arc::clone(&runtime);
                    // Files may be slow, and this thread has more to do. A panic in there is on record already.
                    let _ = tokio::task::spawn_blocking(move || runtime.tls.reread()).await;
                }
            })
        }))
    }
}

impl Drop for Rereading {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Whether a configuration has this upstream.
pub(crate) fn has(config: &Config, wanted: &Definition) -> bool {
    match wanted {
        Definition::Named { upstream, .. } => config
            .upstreams
            .get(&upstream.name)
            .is_some_and(|found| Definition::named(found, config) == *wanted),
        Definition::Direct(address) => {
            let streams = || config.streams.iter().filter_map(|stream| stream.pass());
            streams().any(|pass| passes_to(pass, address))
                || config.locations().any(|location| match &location.action {
                    propylon_config::Action::ProxyPass(pass) => leads_to(&pass.value, address),
                    _ => false,
                })
        }
    }
}

/// Whether a configuration asks this resolver for names.
fn asks(config: &Config, resolver: &propylon_config::Resolver) -> bool {
    let upstreams = config.upstreams.values().filter_map(|upstream| upstream.resolver.as_ref());
    let locations = config.locations().filter_map(|location| location.settings.resolver.as_ref());
    let streams = config.streams.iter().filter_map(|stream| stream.settings.resolver.as_ref());
    upstreams.chain(locations).chain(streams).any(|known| known == resolver) || config.resolver == *resolver
}

fn passes_to(pass: &propylon_config::StreamPass, wanted: &propylon_config::Address) -> bool {
    use propylon_config::{Destination, StreamPass};
    matches!(pass, StreamPass::Static { to: Destination::Address(address), .. } if address == wanted)
}

fn leads_to(pass: &propylon_config::ProxyPass, wanted: &propylon_config::Address) -> bool {
    use propylon_config::{Destination, ProxyPass};
    matches!(pass, ProxyPass::Static(target) if matches!(&target.to, Destination::Address(address) if address == wanted))
}

/// Says in the error log that a log could not be written: for [`Sinks::spawn`].
pub fn report_trouble(trouble: &Trouble<'_>) {
    let why = trouble.error.map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        target: "propylon_gateway",
        "log {}: {} lines dropped, {} writes failed {why}", trouble.target, trouble.dropped, trouble.failed
    );
}
