//! The handle itself.

mod beside;
mod received;

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use self::received::Received;
use crate::facts::{Count, Moment, Status};
use crate::late::Late;
use crate::tries::Progress;
use crate::{Address, Connection, End, Head, Keep, Place, ProxyHost, Uri, clock};

/// Facts about one exchange: a cheap handle that every layer may record into and every reader may look at.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    connection: Arc<Connection>,
    number: u64,
    started: Instant,
    received: Received,
    /// In a box, for it is the connection's as a rule.
    client: OnceLock<Box<(Address, HeaderValue)>>,
    server_name: Option<Arc<str>>,
    host: Option<Bytes>,
    user: OnceLock<Bytes>,
    facts: Facts,
    late: Mutex<Late>,
    slot: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// What is recorded as it goes on, and costs no lock.
#[derive(Default)]
struct Facts {
    body_received: Count,
    body_sent: Count,
    bytes_sent: Count,
    status: Status,
    /// How it ended, [as a number](End::number); 0: it has not.
    end: AtomicU8,
    ended: Moment,
    reroutes: AtomicU8,
    keep: AtomicU8,
    first_try: Progress,
}

impl Exchange {
    /// An exchange that begins with a request head: the `number`th of its connection, begun at `started`.
    #[must_use]
    pub fn new(connection: Arc<Connection>, number: u64, started: Instant, head: Head) -> Self {
        Self::placed(Place::default(), connection, number, started, head)
    }

    /// The same for a request of which it is known where it goes.
    #[must_use]
    pub fn placed(
        place: Place,
        connection: Arc<Connection>,
        number: u64,
        started: Instant,
        head: Head,
    ) -> Self {
        Self::begin(place, connection, number, started, Received::Head(head))
    }

    /// An exchange whose request was refused before it had a head. `line` is what came of its first line and `bytes`
    /// how much came in all.
    #[must_use]
    pub fn rejected(
        place: Place,
        connection: Arc<Connection>,
        number: u64,
        started: Instant,
        line: Bytes,
        bytes: u64,
    ) -> Self {
        Self::begin(place, connection, number, started, Received::Rejected { line, bytes })
    }

    fn begin(
        place: Place,
        connection: Arc<Connection>,
        number: u64,
        started: Instant,
        received: Received,
    ) -> Self {
        let Place { server_name, host, uri } = place;
        Self(Arc::new(Inner {
            connection,
            number,
            started,
            received,
            client: OnceLock::new(),
            server_name,
            host,
            user: OnceLock::new(),
            facts: Facts::default(),
            late: Mutex::new(Late::at(uri)),
            slot: OnceLock::new(),
        }))
    }

    /// The client's connection.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Which request of its connection this is, from 1 (`$connection_requests`).
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// When the first byte of the request was there.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// How long the exchange took, or has taken so far (`$request_time`).
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let ended = self.0.facts.ended.get(self.0.started);
        ended.unwrap_or_else(clock::now).saturating_duration_since(self.0.started)
    }

    /// All of the request's body is this: recorded if it is to be [kept](Keep::REQUEST_BODY).
    pub fn request_body_came(&self, body: Bytes) {
        if self.keeps(Keep::REQUEST_BODY) {
            self.0.late.lock().keep(|kept| kept.request_body = Some(body));
        }
    }

    /// The request's body (`$request_body`), once somebody has read all of it and kept it in memory.
    #[must_use]
    pub fn request_body(&self) -> Option<Bytes> {
        self.0.late.lock().kept(|kept| kept.request_body.clone())
    }

    /// `n` more bytes of request body came.
    pub fn body_received(&self, n: u64) {
        self.0.facts.body_received.add(n);
    }

    /// The client is really at `address`, says a trusted proxy. Only the first call counts.
    pub fn set_client(&self, address: Address) {
        let _ = self.0.client.set(Box::new((address, address.text())));
    }

    /// The client's address (`$remote_addr`): the connection's, or what a trusted proxy said.
    #[must_use]
    pub fn client(&self) -> Address {
        self.0.client.get().map_or(self.0.connection.peer, |client| client.0)
    }

    /// The same as text, which is made once for all exchanges of a connection.
    #[must_use]
    pub fn client_text(&self) -> &HeaderValue {
        self.0.client.get().map_or_else(|| self.0.connection.peer_text(), |client| &client.1)
    }

    /// The name of the server that was chosen (`$server_name`), if that is known.
    #[must_use]
    pub fn server_name(&self) -> Option<&Arc<str>> {
        self.0.server_name.as_ref()
    }

    /// The host that the request is for, lower-case and without port (`$host`), if that is known.
    #[must_use]
    pub fn host(&self) -> Option<&Bytes> {
        self.0.host.as_ref()
    }

    /// The user that authenticated (`$remote_user`). Only the first call counts.
    pub fn set_user(&self, user: Bytes) {
        let _ = self.0.user.set(user);
    }

    /// The user that authenticated, if any did.
    #[must_use]
    pub fn user(&self) -> Option<&Bytes> {
        self.0.user.get()
    }

    /// The request is now for this path, decoded and normalised (`$uri`), with these arguments (`$args`): to be told when its
    /// target has been read, and again after each rewrite or internal redirect.
    pub fn set_uri(&self, uri: Bytes, args: Option<Bytes>) {
        self.0.late.lock().uri = Uri::Path(uri, args);
    }

    /// The path that the request is for now, once that is known.
    #[must_use]
    pub fn uri(&self) -> Option<Bytes> {
        match &self.0.late.lock().uri {
            Uri::Unknown => None,
            Uri::Target => self.head().map(|head| head.target.clone()),
            Uri::Path(path, _) => Some(path.clone()),
        }
    }

    /// The arguments that the request has now.
    #[must_use]
    pub fn args(&self) -> Option<Bytes> {
        match &self.0.late.lock().uri {
            Uri::Path(_, args) => args.clone(),
            Uri::Unknown | Uri::Target => None,
        }
    }

    /// Where the request is proxied to, and with which target.
    pub fn set_proxy(&self, host: Arc<ProxyHost>, target: Bytes) {
        self.0.late.lock().proxy = Some((host, target));
    }

    /// Where the request is proxied to, once that is known.
    #[must_use]
    pub fn proxy(&self) -> Option<Arc<ProxyHost>> {
        self.0.late.lock().proxy.as_ref().map(|(host, _)| host.clone())
    }

    /// The target of the request that is sent there, once that is known.
    #[must_use]
    pub fn proxy_target(&self) -> Option<Bytes> {
        self.0.late.lock().proxy.as_ref().map(|(_, target)| target.clone())
    }

    /// The request goes round again inside the gateway: tries from here on belong to a new group, and where it is proxied to
    /// and what is answered is to be told anew.
    pub fn rerouted(&self) {
        let mut late = self.0.late.lock();
        (late.proxy, late.answering) = (None, None);
        drop(late);
        // Saturates: whoever counts redirects stops long before.
        let _ = self.0.facts.reroutes.fetch_update(Relaxed, Relaxed, |n| n.checked_add(1));
    }

    /// How often the request went round again.
    #[must_use]
    pub fn reroutes(&self) -> u8 {
        self.0.facts.reroutes.load(Relaxed)
    }

    /// Asks that these facts be kept.
    pub fn keep(&self, what: Keep) {
        // Mostly nothing new: a look is cheaper.
        if !self.keeps(what) {
            self.0.facts.keep.fetch_or(what.0, Relaxed);
        }
    }

    /// Whether these facts are to be kept.
    #[must_use]
    pub fn keeps(&self, what: Keep) -> bool {
        Keep(self.0.facts.keep.load(Relaxed)).has(what)
    }

    /// What became of the first try, if there was one.
    pub(crate) fn first_try(&self) -> &Progress {
        &self.0.facts.first_try
    }

    /// What is known only as it goes on.
    pub(crate) fn late(&self) -> MutexGuard<'_, Late> {
        self.0.late.lock()
    }

    /// The upstream's response head: recorded if it is to be [kept](Keep::UPSTREAM_HEAD).
    pub fn upstream_responded(&self, headers: &HeaderMap) {
        if self.keeps(Keep::UPSTREAM_HEAD) {
            self.0.late.lock().keep(|kept| kept.upstream_headers = Some(headers.clone()));
        }
    }

    /// The trailers of the upstream's response: recorded if its head is to be [kept](Keep::UPSTREAM_HEAD).
    pub fn upstream_trailers(&self, trailers: &HeaderMap) {
        if self.keeps(Keep::UPSTREAM_HEAD) {
            self.0.late.lock().keep(|kept| kept.upstream_trailers = Some(trailers.clone()));
        }
    }

    /// Looks at the fields of the last upstream response. `read` must not call back into the exchange.
    pub fn with_upstream_headers<T>(&self, read: impl FnOnce(&HeaderMap) -> T) -> Option<T> {
        self.0.late.lock().kept(|kept| kept.upstream_headers.as_ref().map(read))
    }

    /// Looks at the trailers of the last upstream response. `read` must not call back into the exchange.
    pub fn with_upstream_trailers<T>(&self, read: impl FnOnce(&HeaderMap) -> T) -> Option<T> {
        self.0.late.lock().kept(|kept| kept.upstream_trailers.as_ref().map(read))
    }

    /// The response has this status as things stand: a later layer may change it yet.
    pub fn answering(&self, status: StatusCode) {
        self.0.late.lock().answering = Some(status);
    }

    /// From here on this is the status that the client is to see, whatever whoever [answers](Self::answering) says: the page
    /// of an error is on its way. None: that of the answer again.
    pub fn showing(&self, status: Option<StatusCode>) {
        self.0.late.lock().showing = status;
    }

    /// The status that the response has as things stand, as far as anybody said.
    #[must_use]
    pub fn answering_with(&self) -> Option<StatusCode> {
        let late = self.0.late.lock();
        late.showing.or(late.answering)
    }

    /// The response has these fields as things stand, for whoever looks at what is
    /// [sent](Self::with_sent_headers): recorded if they are to be [kept](Keep::SENT_HEAD).
    pub fn answering_fields(&self, headers: &HeaderMap) {
        if self.keeps(Keep::SENT_HEAD) {
            self.0.late.lock().keep(|kept| kept.answering_fields = Some(headers.clone()));
        }
    }

    /// The client is being sent this head.
    pub fn responded(&self, status: StatusCode, headers: &HeaderMap) {
        self.0.facts.status.set(status);
        if self.keeps(Keep::SENT_HEAD) {
            self.0.late.lock().keep(|kept| kept.sent_headers = Some(headers.clone()));
        }
    }

    /// The status that the client was sent, once it was (`$status`).
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.facts.status.get()
    }

    /// Looks at the fields sent to the client, or before that at those that it is to be sent [as things
    /// stand](Self::answering_fields), if they were [kept](Keep::SENT_HEAD). `read` must not call back
    /// into the exchange.
    pub fn with_sent_headers<T>(&self, read: impl FnOnce(&HeaderMap) -> T) -> Option<T> {
        let sent = self.status().is_some();
        let late = self.0.late.lock();
        let headers =
            late.kept(|kept| if sent { &kept.sent_headers } else { &kept.answering_fields }.as_ref());
        headers.map(read)
    }

    /// The client is being sent these trailers.
    pub fn sent_trailers(&self, trailers: &HeaderMap) {
        self.0.late.lock().keep(|kept| kept.sent_trailers = Some(trailers.clone()));
    }

    /// Looks at the trailers sent to the client, if there were any. `read` must not call back into the exchange.
    pub fn with_sent_trailers<T>(&self, read: impl FnOnce(&HeaderMap) -> T) -> Option<T> {
        self.0.late.lock().kept(|kept| kept.sent_trailers.as_ref().map(read))
    }

    /// `n` more bytes of response body were handed to the client's connection.
    pub fn body_sent(&self, n: u64) {
        self.0.facts.body_sent.add(n);
    }

    /// Bytes of response body sent to the client (`$body_bytes_sent`).
    #[must_use]
    pub fn body_bytes_sent(&self) -> u64 {
        self.0.facts.body_sent.get()
    }

    /// The client's connection has taken this many bytes for the response, and so many of them for its body with its
    /// framing: what counts, in the place of what was handed over.
    pub fn set_sent(&self, all: u64, body: u64) {
        self.0.facts.bytes_sent.set(all);
        self.0.facts.body_sent.set(body);
    }

    /// Bytes sent to the client (`$bytes_sent`).
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.0.facts.bytes_sent.get()
    }

    /// The exchange is over. Only the first call counts.
    pub fn ended(&self, end: End) {
        if self.0.facts.end.load(Relaxed) == 0 {
            self.0.facts.ended.come(self.0.started);
            self.0.facts.end.store(end.number(), Relaxed);
        }
    }

    /// How the exchange ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        End::numbered(self.0.facts.end.load(Relaxed))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("connection", &self.0.connection.id)
            .field("number", &self.0.number)
            .field("request", &String::from_utf8_lossy(&self.request_line()))
            .finish_non_exhaustive()
    }
}
