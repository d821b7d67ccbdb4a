//! The edge: where a client's request becomes an [`Exchange`] and a response becomes bytes and a log line.

mod check;
mod response;
mod serving;
mod tunnel;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, SERVER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, request};
use propylon_exchange::{End, Exchange, Fields, Head, Uri};
use propylon_h1::server::{Context, Interim, ResponseTimeouts};
use propylon_stack::{Body, FilePart};

use crate::client::{self, BodyTimeout, Client, Engine, Multiplexed, Received, Rejected, RequestBody, Track};
use crate::dispatch::Visit;
use crate::error_log;
use crate::page;
use crate::route::Switching;
use crate::router::{self, Listener};
use crate::routing::Path;
use crate::worker::Place;

pub(crate) use check::{Checked, readable};
pub(crate) use response::ResponseBody;

use serving::Serving;
pub(crate) use tunnel::close as close_tunnel;

/// The status of a plain request where TLS is spoken, as error pages know it.
pub(crate) const PLAIN_ON_TLS: Option<StatusCode> = nginx_s(497);

/// The status of a client whose certificate is not to be trusted.
const BAD_CERTIFICATE: Option<StatusCode> = nginx_s(495);

/// The status of a client without the certificate that it must have.
const NO_CERTIFICATE: Option<StatusCode> = nginx_s(496);

const fn nginx_s(code: u16) -> Option<StatusCode> {
    match StatusCode::from_u16(code) {
        Ok(status) => Some(status),
        Err(_) => None,
    }
}

/// What serves the requests that one listener's connections bring to one worker.
#[derive(Clone)]
pub(crate) struct Edge {
    place: Arc<Place>,
}

impl Edge {
    pub(crate) fn new(place: Arc<Place>) -> Self {
        Self { place }
    }

    /// The listener's place.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    fn current(&self) -> Option<Arc<Listener>> {
        self.place.listener()
    }
}

impl client::Service for Edge {
    type Body = ResponseBody;
    type Future = Serving;

    fn call(
        &self,
        client: &Arc<Client>,
        head: request::Parts,
        body: Received,
        context: Option<Context>,
    ) -> Serving {
        // Before there is a future: what is only needed to begin with is not kept for as long as the request lasts.
        self.serve(client, head, body, context).unwrap_or_else(Serving::closed)
    }

    fn rejected(
        &self,
        client: &Arc<Client>,
        why: Rejected,
        line: Bytes,
        bytes: u64,
    ) -> Option<Response<Bytes>> {
        let status = why.status();
        let listener = self.current()?;
        let server = listener.default_server();
        let (number, began) = client.request_begins();
        let place = propylon_exchange::Place { server_name: Some(server.name.clone()), ..Default::default() };
        begins(server);
        let bodiless = line.starts_with(b"HEAD ");
        let exchange = Exchange::rejected(place, client.connection.clone(), number, began, line, bytes);
        exchange.keep(server.fallback.keep);
        let answer = why.is_heard().then(|| page::closing(status, &server.face));
        let answer = answer.map(|answer| if bodiless { answer.map(|_| Bytes::new()) } else { answer });
        match &answer {
            Some(answer) => {
                exchange.responded(status, answer.headers());
                exchange.body_sent(answer.body().len() as u64);
            }
            None => exchange.responded(status, &HeaderMap::new()),
        }
        if !why.is_complete() {
            exchange.ended(End::ClientClosed);
        }
        error_log::at(server.fallback.errors.as_ref(), || {
            tracing::info!(
                target: "propylon_gateway",
                client = %exchange.client(),
                server = &*server.name,
                "{why}: {status}"
            );
        });
        client.response_ends(&exchange, &server.fallback);
        answer
    }

    fn take_file(body: &mut ResponseBody) -> Option<FilePart> {
        body.take_file()
    }

    fn unreadable(body: &mut ResponseBody, error: io::Error) {
        body.unreadable(error);
    }

    fn timeouts(body: &ResponseBody) -> ResponseTimeouts {
        body.timeouts()
    }

    fn refused(&self, client: &Arc<Client>, status: StatusCode, track: &Track) {
        let Some(listener) = self.current() else { return };
        let server = listener.default_server();
        let (number, began) = client.stream_begins();
        let place = propylon_exchange::Place { server_name: Some(server.name.clone()), ..Default::default() };
        begins(server);
        let (line, bytes) = (Bytes::new(), track.head_bytes());
        let exchange = Exchange::rejected(place, client.connection.clone(), number, began, line, bytes);
        exchange.keep(server.fallback.keep);
        exchange.responded(status, &HeaderMap::new());
        error_log::at(server.fallback.errors.as_ref(), || {
            tracing::info!(
                target: "propylon_gateway",
                client = %exchange.client(),
                server = &*server.name,
                "client sent a request that cannot be served: {status}"
            );
        });
        track.settle(exchange, server.fallback.clone());
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        Some(self.current()?.engine.clone())
    }
}

impl Edge {
    /// Looks at a request, opens its record, and sends it on its way. `None`: nobody is there to serve it.
    fn serve(
        &self,
        client: &Arc<Client>,
        mut parts: request::Parts,
        body: Received,
        context: Option<Context>,
    ) -> Option<Serving> {
        let ((number, began), teller) = match &body {
            Received::H1(_) => (client.request_begins(), Teller::Engine),
            Received::Hyper(_) => (client.request_takes_off(), Teller::Body),
            Received::Http2(body) => {
                parts.extensions.insert(Interim::by(body.stream().clone()));
                (client.stream_begins(), Teller::Stream(body.stream().clone()))
            }
            Received::Http3(body) => {
                parts.extensions.insert(Interim::by(body.stream().clone()));
                (client.stream_begins(), Teller::Stream(body.stream().clone()))
            }
        };
        let received = match context {
            None => None,
            Some(context) => {
                let (interim, received) = context.into_parts();
                if let Some(interim) = interim {
                    parts.extensions.insert(interim);
                }
                Some(received)
            }
        };
        let looking = self.place.look();
        let mut checked = check::check(looking.as_ref()?, &mut parts, received, &client.connection);
        if let Teller::Stream(stream) = &teller {
            checked.bytes = stream.track().head_bytes();
        }
        let exchange = Exchange::placed(
            propylon_exchange::Place {
                server_name: Some(checked.server.name.clone()),
                host: checked.host.take(),
                uri: uri(checked.path.as_ref(), &checked.target),
            },
            client.connection.clone(),
            number,
            began,
            head(&parts, &mut checked),
        );
        exchange.keep(checked.server.fallback.keep);
        if let Some(captures) = &checked.captures {
            propylon_vars::set_captures(&exchange, router::captures(captures));
        }
        let Checked { server, path, refused, upgrade, .. } = checked;
        let upgrade = upgrade.filter(|_| refused.is_none());
        begins(server);
        let visit = Visit::new(server.clone(), path, exchange, upgrade, refused);
        let mut guard = Box::new(Guard { client: client.clone(), visit, teller });
        drop(looking);
        if guard.is_taken_back() {
            return None; // before anybody has looked at it: there is but its log line, which the guard sees to
        }
        if let Some(status) = refused {
            guard.visit.refuse(status);
        }
        let body =
            if refused.is_some() || body.is_empty() { Body::empty() } else { guard.request_body(body) };
        let next = guard.visit.enter(Request::from_parts(parts, body));
        Some(Serving::new(next, guard))
    }
}

/// A request has come, which is to [end](router::Location::ended).
#[inline]
fn begins(server: &router::Server) {
    if let Some(zone) = &server.status {
        zone.begun.add(1);
    }
}

/// What `$uri` and `$args` are to begin with.
fn uri(path: Option<&Path>, target: &Bytes) -> Uri {
    let Some(path) = path else { return Uri::Unknown };
    // The length tells the target from a URL that has the path in it.
    if path.is_plain() && path.decoded().len() == target.len() {
        return Uri::Target;
    }
    Uri::Path(path.decoded().clone(), path.args().cloned())
}

/// The client's head as it came. The request that goes on is rewritten; this is not.
fn head(parts: &request::Parts, checked: &mut Checked<'_>) -> Head {
    Head {
        method: parts.method.clone(),
        target: std::mem::take(&mut checked.target),
        version: parts.version,
        headers: match checked.raw.take() {
            Some(raw) => Fields::raw_as(raw, &parts.headers),
            None => parts.headers.clone().into(),
        },
        bytes: checked.bytes,
    }
}

/// What every response gets on its way out.
fn finish(mut response: Response<Body>, mut guard: Box<Guard>) -> Response<ResponseBody> {
    let Guard { client, visit, teller } = &mut *guard;
    visit.leave();
    let stream = matches!(teller, Teller::Stream(_));
    if let Teller::Stream(stream) = teller {
        stream.track().set_send_timeout(visit.location().timeouts.send);
    }
    if stream && response.status().is_success() && asks_for_tunnel(&visit.exchange) {
        // To the client it would be a tunnel, and to nobody else.
        response = page::error(StatusCode::BAD_GATEWAY, &visit.server().face);
    }
    // One look at the names costs less than a search for each.
    let (mut named, mut sized) = (false, false);
    for name in response.headers().keys() {
        named |= *name == SERVER;
        sized |= *name == CONTENT_LENGTH;
    }
    let chunked = !sized && frame(&mut response, &visit.exchange);
    *response.version_mut() = Version::HTTP_11; // the upstream's says nothing about this connection
    if !named {
        response.headers_mut().append(SERVER, visit.location().token.clone()); // there is none
    }
    let status = response.status();
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    if switches || stream {
        // The connection is not HTTP's any more; or it is for all its streams that its engine says when it ends.
    } else if client.requests() >= visit.server().keepalive_requests
        || visit.location().timeouts.idle.is_none()
        || visit.closes
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // HTTP/2 and HTTP/3 know no 101 (RFC 8441 5).
    let shown = if switches && stream { StatusCode::OK } else { status };
    visit.exchange.responded(shown, response.headers());
    if switches && let Some(ends) = response.extensions_mut().remove::<Switching>().and_then(|it| it.take()) {
        let line = guard.switches();
        guard.client.worker.run(tunnel::run(ends, line));
    }
    response.map(|body| ResponseBody::new(body, guard, chunked))
}

/// Whether a request on a stream asks for its stream to become a WebSocket (RFC 8441): only then it has `Upgrade`.
fn asks_for_tunnel(exchange: &Exchange) -> bool {
    exchange.head().is_some_and(|head| head.headers.value(&UPGRADE).is_some())
}

/// Writes the framing that the engine would choose, where there is no length: logs show it (`$sent_http_content_length`), so it
/// has to be there. Returns whether the body goes out in chunks.
fn frame(response: &mut Response<Body>, exchange: &Exchange) -> bool {
    let status = response.status();
    let head = exchange.head();
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || head.is_some_and(|head| head.method == Method::HEAD);
    if bodiless {
        return false;
    }
    match http_body::Body::size_hint(response.body()).exact() {
        Some(length) => {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
            false
        }
        None if head.is_some_and(|head| head.version == Version::HTTP_11) => {
            response.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            true
        }
        None => false, // an HTTP/1.0 client reads until the connection ends
    }
}

/// The connection is closed without an answer because the configuration says so (nginx's 444).
pub(crate) fn closes(exchange: &Exchange) {
    if exchange.status().is_none()
        && let Ok(status) = StatusCode::from_u16(444)
    {
        exchange.responded(status, &HeaderMap::new());
    }
    exchange.ended(End::Complete);
}

/// Sees to it that an exchange has an end and a log line, whatever becomes of the futures that serve it.
pub(crate) struct Guard {
    client: Arc<Client>,
    visit: Visit,
    teller: Teller,
}

/// Who tells how an exchange ended, and what the kernel took of it.
enum Teller {
    /// The engine.
    Engine,
    /// The response's body, as near as can be told from there.
    Body,
    /// The stream, when its last frame has left.
    Stream(Arc<dyn Multiplexed>),
    /// The tunnel that the connection has become.
    Tunnel,
}

impl Guard {
    fn exchange(&self) -> &Exchange {
        &self.visit.exchange
    }

    /// Whether the client has taken its request back.
    fn is_taken_back(&self) -> bool {
        matches!(&self.teller, Teller::Stream(stream) if stream.track().is_over())
    }

    /// The request's body, as it is counted.
    fn request_body(&mut self, body: Received) -> Body {
        let timeout = BodyTimeout::new(self.visit.server().settings.timeout.client_body);
        self.visit.body_timeout = Some(timeout.clone());
        Body::new(RequestBody::new(body, self.client.clone(), self.exchange().clone(), timeout))
    }

    /// The connection becomes a tunnel's, which writes the log line.
    fn switches(&mut self) -> tunnel::Line {
        let stream = match std::mem::replace(&mut self.teller, Teller::Tunnel) {
            Teller::Stream(stream) => Some(stream),
            _ => None,
        };
        let (exchange, location) = (self.exchange().clone(), self.visit.location().clone());
        tunnel::Line::new(exchange, location, self.client.clone(), stream, self.visit.limits.take())
    }

    /// The response is over, as far as can be told here: only the first end counts, so this is the one of a client that left.
    fn ends(&self) {
        let exchange = self.exchange();
        if exchange.end().is_none() {
            client::answers_left(exchange);
            exchange.ended(End::ClientClosed);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (exchange, location) = (self.exchange(), self.visit.location());
        match &self.teller {
            Teller::Engine => self.client.response_ends(exchange, location),
            Teller::Body => {
                self.ends();
                self.client.request_ends(exchange.clone(), location.clone());
            }
            Teller::Stream(stream) => stream.track().settle(exchange.clone(), location.clone()),
            Teller::Tunnel => {}
        }
    }
}
