//! One core: a thread with a runtime of its own, its router, its connections.

mod accept;
mod place;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use propylon_config::{Config, ListenAddress};
use propylon_exchange::Connection;
use propylon_h1::sends::SendQueue;
use propylon_h1::server::Ticker;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::Client;
use crate::client::http3::Endpoint;
use crate::error::{BuildError, StartError};
use crate::listener::{Accepting, Own};
use crate::retired::Retired;
use crate::router::Router;
use crate::runtime::Runtime;
use crate::start::InWorker;
use crate::stream::Endpoint as Datagrams;
use crate::tally::{Ledger, Open};
use crate::upstreams::{Kept, Upstreams};

use accept::accept;
pub(crate) use place::Place;

/// Threads of a worker for files, temporary ones too, and for passwords: a disk is not quicker with more, and each takes memory.
const BLOCKING_THREADS: usize = 16;

/// How many tasks a worker polls before it asks the kernel again what is ready, while there are more. What they send goes when they all have
/// run (`SendQueue`), and the more is sent in a row, the less each costs.
const EVENT_INTERVAL: u32 = 256;

/// What a worker is told.
enum Command {
    /// Build a router of this, and keep it ready.
    Build(Arc<Config>, oneshot::Sender<Result<(), BuildError>>),
    /// Use what was built, and accept from these sockets and no others.
    Use(Vec<Own>, oneshot::Sender<io::Result<Retired>>),
    /// Accept no more, finish what is in flight, close what is idle, and end. `handed_over`: another process has the sockets now.
    Drain { handed_over: bool },
    /// End now.
    Stop,
}

/// The control thread's handle of a worker.
pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
    thread: Option<std::thread::JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

/// What a worker's connections share.
pub(crate) struct Worker {
    runtime: Arc<Runtime>,
    epoch: Instant,
    router: ArcSwap<Router>,
    /// Those that accept, or have connections.
    places: Mutex<Vec<Arc<Place>>>,
    ledger: Arc<Ledger>,
    /// The deadlines of connections on our own engine.
    ticker: Ticker,
    connections: TaskTracker,
    drain: CancellationToken,
    /// Another process has the sockets now.
    handed_over: AtomicBool,
    /// Cancelled when what began under the configuration in force has to end.
    outdated: ArcSwap<CancellationToken>,
}

impl Worker {
    /// The place of a listening address.
    pub(crate) fn place(&self, address: &ListenAddress) -> Arc<Place> {
        let mut places = self.places.lock();
        if let Some(known) = places.iter().find(|place| place.address == *address) {
            return known.clone();
        }
        let place = Arc::new(Place::new(address.clone(), &self.router.load()));
        places.push(place.clone());
        place
    }

    /// Routes by this from now on. Gives what was in use before.
    fn route_by(&self, router: Router) -> Arc<Router> {
        let router = Arc::new(router);
        let mut places = self.places.lock();
        places.retain(|place| Arc::strong_count(place) > 1);
        for place in &*places {
            place.route_by(&router);
        }
        self.router.swap(router)
    }

    /// Runs what outlives a request: for as long as it takes, until the worker stops, or until the time is up for what is
    /// of a configuration that was replaced.
    pub(crate) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let outdated = self.outdated.load_full();
        self.connections.spawn(async move {
            tokio::select! {
                () = work => {}
                () = outdated.cancelled() => {}
            }
        });
    }

    /// Serves a connection, which a drain waits for.
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.connections.spawn(connection);
    }

    /// Cancelled when the worker is to finish what is in flight, and no more.
    pub(crate) fn draining(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// Whether another process has its sockets now, and whatever comes.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Relaxed)
    }

    /// What it counts.
    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// A number for a new connection, unique in the process.
    pub(crate) fn next_connection(&self) -> u64 {
        self.runtime.next_connection()
    }

    /// What runs by now has to end after this time.
    fn outdate(&self, after: Duration) {
        let outdated = self.outdated.swap(Arc::default());
        self.connections.spawn({
            let drain = self.drain.clone();
            async move {
                tokio::select! {
                    () = tokio::time::sleep(after) => outdated.cancel(),
                    () = drain.cancelled() => {} // it has a time of its own
                }
            }
        });
    }

    /// A client connection, from now on watched.
    pub(crate) fn client(
        self: &Arc<Self>,
        connection: Connection,
        place: Arc<Place>,
        open: Open,
    ) -> Arc<Client> {
        let client = Arc::new(Client::new(connection, self.clone(), place, open, self.epoch));
        self.ledger.clients.add(&client);
        client
    }
}

impl Handle {
    /// Starts a worker; it builds nothing and accepts nothing until it is told to.
    pub(crate) fn spawn(index: usize, runtime: Arc<Runtime>, first: Option<InWorker>) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel(4);
        let (ending, ended) = oneshot::channel();
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .max_blocking_threads(BLOCKING_THREADS)
            .build()?;
        let (begun, beginning) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let done = first.map_or(Ok(()), |first| first());
            let failed = done.is_err();
            let _ = begun.send(done); // whoever spawned this waits
            if failed {
                return;
            }
            tokio.block_on(run(runtime, inbox));
            // Tasks that are left (idle upstream connections, stopped clients) end here, before the thread does.
            tokio.shutdown_timeout(Duration::from_millis(100));
            let _ = ending.send(()); // the control thread may have stopped to care
        })?;
        beginning.recv().map_err(|_| io::Error::other("the worker has ended"))??;
        Ok(Self { commands, thread: Some(thread), ended })
    }

    /// Has the worker build a configuration.
    pub(crate) async fn build(&self, config: Arc<Config>) -> Result<(), StartError> {
        let (reply, built) = oneshot::channel();
        self.tell(Command::Build(config, reply)).await?;
        Ok(built.await.map_err(|_| StartError::WorkerGone)??)
    }

    /// Has the worker use what it built.
    pub(crate) async fn use_built(&self, sockets: Vec<Own>) -> Result<Retired, StartError> {
        let (reply, used) = oneshot::channel();
        self.tell(Command::Use(sockets, reply)).await?;
        used.await.map_err(|_| StartError::WorkerGone)?.map_err(StartError::Worker)
    }

    /// Has the worker finish; `handed_over`: another process has its sockets now.
    pub(crate) async fn drain(&self, handed_over: bool) {
        let _ = self.commands.send(Command::Drain { handed_over }).await; // gone already is as good
    }

    /// Has the worker end at once.
    pub(crate) async fn stop(&self) {
        let _ = self.commands.send(Command::Stop).await;
    }

    /// Waits until the worker has ended.
    pub(crate) async fn join(&mut self) {
        if self.thread.is_none() {
            return;
        }
        let _ = (&mut self.ended).await; // an error says that it ended by a panic: also an end
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "propylon_gateway", "a worker panicked");
        }
    }

    async fn tell(&self, command: Command) -> Result<(), StartError> {
        self.commands.send(command).await.map_err(|_| StartError::WorkerGone)
    }
}

/// What a worker is while it waits for commands.
struct Control {
    runtime: Arc<Runtime>,
    ledger: Arc<Ledger>,
    /// Connections, and what outlives requests.
    tasks: TaskTracker,
    worker: Option<Arc<Worker>>,
    upstreams: Kept,
    /// What small messages are sent through, to clients and upstreams alike.
    sends: SendQueue,
    built: Option<(Router, Kept, Option<Duration>)>,
    /// How long what runs may go on when this configuration is replaced.
    reload_timeout: Option<Duration>,
    accepting: HashMap<ListenAddress, CancellationToken>,
}

async fn run(runtime: Arc<Runtime>, mut inbox: mpsc::Receiver<Command>) {
    let mut control = Control {
        ledger: runtime.ledgers.open(),
        runtime,
        tasks: TaskTracker::new(),
        worker: None,
        upstreams: Kept::new(),
        sends: SendQueue::new(),
        built: None,
        reload_timeout: None,
        accepting: HashMap::new(),
    };
    tokio::spawn({
        let sends = control.sends.clone();
        async move { sends.run().await }
    });
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Build(config, reply) => {
                let _ = reply.send(control.build(&config)); // nobody waits: nothing is used
            }
            Command::Use(sockets, reply) => {
                let _ = reply.send(control.use_built(sockets));
            }
            Command::Drain { handed_over } => {
                tokio::select! {
                    () = control.drain(handed_over) => return,
                    _ = stopped(&mut inbox) => return,
                }
            }
            Command::Stop => return,
        }
    }
}

async fn stopped(inbox: &mut mpsc::Receiver<Command>) {
    while let Some(command) = inbox.recv().await {
        if matches!(command, Command::Stop) {
            return;
        }
    }
}

impl Control {
    fn build(&mut self, config: &Config) -> Result<(), BuildError> {
        let upstreams = Upstreams::new(&self.runtime, config, &self.upstreams, &self.tasks);
        let mut upstreams = upstreams.counted_in(&self.ledger).sending_through(&self.sends);
        let router = Router::build(config, &mut upstreams)?;
        self.built = Some((router, upstreams.into_kept(), config.runtime.reload_timeout));
        Ok(())
    }

    /// Gives what was in use before.
    fn use_built(&mut self, sockets: Vec<Own>) -> io::Result<Retired> {
        let Some((router, upstreams, reload_timeout)) = self.built.take() else {
            return Ok(Retired::default());
        };
        self.upstreams = upstreams;
        let mut retired = Retired::default();
        let worker = match &self.worker {
            Some(worker) => {
                let old = worker.route_by(router);
                retired = Retired::new(old.end.clone());
                if let Some(after) = self.reload_timeout {
                    worker.outdate(after);
                }
                worker.clone()
            }
            None => {
                let worker = Arc::new(Worker {
                    runtime: self.runtime.clone(),
                    epoch: Instant::now(),
                    router: ArcSwap::from_pointee(router),
                    places: Mutex::default(),
                    ledger: self.ledger.clone(),
                    ticker: Ticker::new(),
                    connections: self.tasks.clone(),
                    drain: CancellationToken::new(),
                    handed_over: AtomicBool::new(false),
                    outdated: ArcSwap::default(),
                });
                tokio::spawn({
                    let worker = worker.clone();
                    async move { worker.ledger.clients.watch().await }
                });
                tokio::spawn({
                    let worker = worker.clone();
                    async move { worker.ticker.run().await }
                });
                self.worker.insert(worker).clone()
            }
        };
        self.reload_timeout = reload_timeout;
        self.accept_from(&worker, sockets)?;
        Ok(retired)
    }

    /// Accepts from these sockets; those that are accepted from already stay as they are, others are given up.
    fn accept_from(&mut self, worker: &Arc<Worker>, sockets: Vec<Own>) -> io::Result<()> {
        self.accepting.retain(|address, token| {
            let keep = sockets.iter().any(|own| own.address == *address);
            if !keep {
                token.cancel();
            }
            keep
        });
        for Own { address, socket, seat } in sockets {
            if self.accepting.contains_key(&address) {
                continue;
            }
            let token = CancellationToken::new();
            if let Some(seat) = seat {
                let endpoint = Endpoint::new(socket, seat, &*self.runtime.quic_keys()?)?;
                worker.connections.spawn(endpoint.run(address.clone(), worker.clone(), token.clone()));
            } else if let ListenAddress::Udp(_) = address {
                let endpoint = Datagrams::new(address.clone(), socket)?;
                worker.connections.spawn(endpoint.run(worker.clone(), token.clone()));
            } else {
                let listener = Accepting::new(&address, socket, &self.sends)?;
                tokio::spawn(accept(listener, address.clone(), worker.clone(), token.clone()));
            }
            self.accepting.insert(address, token);
        }
        Ok(())
    }

    async fn drain(&mut self, handed_over: bool) {
        self.accepting.drain().for_each(|(_, token)| token.cancel());
        let Some(worker) = &self.worker else { return };
        worker.handed_over.store(handed_over, Relaxed);
        worker.drain.cancel();
        worker.ledger.clients.drain();
        worker.connections.close();
        worker.connections.wait().await;
    }
}
