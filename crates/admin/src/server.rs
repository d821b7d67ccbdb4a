//! Where it listens, and how connections are served: on the caller's runtime, few at a time, none for ever.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use propylon_config::{self as config, ListenAddress};
use propylon_gateway::insight::Insight;
use propylon_gateway::{AcceptFailures, Given};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::App;
use crate::error::Refusal;
use crate::guard::{From, Guard};
use crate::page::Policy;
use crate::reloads::{Orders, Reloading};

/// How many connections are served at a time of those whom `allow` lets in, and how many of others, who may have a token: these
/// take no place from those.
const CONNECTIONS: usize = 64;
const STRANGERS: usize = 8;

/// How long the head of a request may take, and a connection without one.
const HEAD: Duration = Duration::from_secs(30);

/// How long the rest of a request may take.
const BODY: Duration = Duration::from_secs(10);

/// How long a connection goes on at most, and then to its end.
const LIFETIME: Duration = Duration::from_secs(300);
const GOODBYE: Duration = Duration::from_secs(10);

/// How long an order may be.
const LONGEST: usize = 64 << 10;

/// Answers operators. Dropping it ends that.
#[derive(Debug)]
pub struct Admin {
    shared: Arc<Shared>,
    listening: Vec<(ListenAddress, CancellationToken)>,
}

#[derive(Debug)]
struct Shared {
    app: Arc<App>,
    router: Router,
    /// Who may ask; none: nobody.
    guard: ArcSwapOption<Guard>,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Admin {
    /// What answers operators from `insight`, as soon as it is told where. The [`Orders`] that they give are the caller's to carry
    /// out.
    #[must_use]
    pub fn new(insight: Insight) -> (Self, Orders) {
        let (reloading, orders) = Reloading::new();
        let app = Arc::new(App { insight, reloading, started: Timestamp::now(), policy: Policy::new() });
        let shared = Shared {
            router: api::router(app.clone()),
            app,
            guard: ArcSwapOption::empty(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
        };
        (Self { shared: Arc::new(shared), listening: Vec::new() }, orders)
    }

    /// Answers at these sockets from now on, as `config` says; at others no longer. Connections that are open go on, and what
    /// `config` says holds for them. To be called within a tokio runtime, on which everything happens.
    ///
    /// # Errors
    /// When a socket is not to be had by the runtime.
    pub fn serve(&mut self, config: Option<&config::Admin>, sockets: Vec<Given>) -> io::Result<()> {
        self.shared.guard.store(config.map(|config| Arc::new(Guard::new(config))));
        self.listening.retain(|(address, ending)| {
            let stays = sockets.iter().any(|socket| socket.address() == address);
            if !stays {
                ending.cancel();
            }
            stays
        });
        // An address may have several sockets.
        let known: Vec<ListenAddress> = self.listening.iter().map(|(address, _)| address.clone()).collect();
        for socket in sockets.into_iter().filter(|socket| !known.contains(socket.address())) {
            let address = socket.address().clone();
            let listener = Listener::new(&address, socket.into())?;
            let ending = CancellationToken::new();
            tokio::spawn(accept(listener, address.clone(), self.shared.clone(), ending.clone()));
            self.listening.push((address, ending));
        }
        Ok(())
    }

    /// A reload is over, whoever has ordered it; or why the configuration before stays.
    pub fn reloaded(&self, outcome: Result<(), &str>) {
        self.shared.app.reloading.over(outcome);
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.listening.iter().for_each(|(_, ending)| ending.cancel());
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn new(address: &ListenAddress, socket: OwnedFd) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(_) => TcpListener::from_std(socket.into()).map(Self::Tcp),
            ListenAddress::Udp(_) => Err(io::ErrorKind::Unsupported.into()), // none is configured
            ListenAddress::Unix(_) => UnixListener::from_std(socket.into()).map(Self::Unix),
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer.ip()))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }
}

/// Accepts for as long as it is wanted. Who comes when there is no place is turned away at once.
async fn accept(listener: Listener, address: ListenAddress, shared: Arc<Shared>, ending: CancellationToken) {
    let mut failures = AcceptFailures::at(address);
    while let Some(accepted) = ending.run_until_cancelled(listener.accept()).await {
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                failures.pause(&error).await;
                continue;
            }
        };
        failures.over();
        let from = accepted.from();
        let Some(place) = shared.place(from) else {
            tracing::info!(target: "propylon_admin", ?from, "the API has too many connections: this one is closed");
            continue;
        };
        let (shared, ending) = (shared.clone(), ending.clone());
        match accepted {
            Accepted::Tcp(stream, _) => drop(tokio::spawn(serve(stream, from, shared, ending, place))),
            Accepted::Unix(stream) => drop(tokio::spawn(serve(stream, from, shared, ending, place))),
        }
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream, std::net::IpAddr),
    Unix(tokio::net::UnixStream),
}

impl Accepted {
    fn from(&self) -> From {
        match self {
            Self::Tcp(_, peer) => From::Ip(*peer),
            Self::Unix(_) => From::Unix,
        }
    }
}

impl Shared {
    /// A place for a connection from there, if there is one.
    fn place(&self, from: From) -> Option<OwnedSemaphorePermit> {
        let expected = self.guard.load().as_deref().is_some_and(|guard| guard.allows(from));
        let places = if expected { &self.places } else { &self.strangers };
        places.clone().try_acquire_owned().ok()
    }
}

/// Serves one connection.
async fn serve<I>(
    stream: I,
    from: From,
    shared: Arc<Shared>,
    ending: CancellationToken,
    _place: OwnedSemaphorePermit,
) where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let layer = middleware::from_fn_with_state((shared.clone(), from), admit);
    let router = shared.router.clone().layer(layer).layer(middleware::map_response(api::furnish));
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LONGEST);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return, // a client that is gone needs nothing
        () = ending.cancelled() => {}
        () = tokio::time::sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(GOODBYE, connection).await;
}

/// Lets a request in, whole, or not.
async fn admit(State((shared, from)): State<(Arc<Shared>, From)>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let guard = shared.guard.load_full();
    let checked = match guard.as_deref() {
        Some(guard) => guard.check(from, &parts),
        None => Err(Refusal::forbidden("the configuration has no `[admin]` any more")),
    };
    if let Err(refusal) = checked {
        let (method, uri, code) = (&parts.method, &parts.uri, refusal.code);
        tracing::info!(target: "propylon_admin", ?from, "the API refuses {method} {uri}: {code}");
        return refusal.into_response();
    }
    let too_long = || {
        let text = format!("the request body is larger than {LONGEST} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", text).into_response()
    };
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > LONGEST) {
        return too_long();
    }
    match tokio::time::timeout(BODY, to_bytes(body, LONGEST)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(_)) => too_long(),
        Err(_) => {
            let text = "the request body did not arrive in time";
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "timed_out", text).into_response()
        }
    }
}
