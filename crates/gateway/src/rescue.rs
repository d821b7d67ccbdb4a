//! Errors become statuses here, and nowhere else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{HOST, REFERER};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use propylon_config::LogLevel;
use propylon_exchange::{End, Exchange};
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::display;

use crate::client::{self, ClientBodyError, Closed};
use crate::error_log::{self, ErrorLogs};
use crate::layers::Failed;
use crate::page::{self, Face};
use crate::proxy_status::{self, PROXY_STATUS};
use crate::route::{Found, NoValue, NoZone, TargetError, Unsafe};

/// The status that stands for an error; `None` if nobody is left to be told.
pub(crate) fn status(error: &(dyn std::error::Error + 'static)) -> StatusCode {
    let (mut cause, mut unknown) = (Some(error), StatusCode::BAD_GATEWAY);
    while let Some(error) = cause {
        if error.is::<Failed>() {
            unknown = StatusCode::INTERNAL_SERVER_ERROR;
        }
        if let Some(error) = error.downcast_ref::<ClientBodyError>() {
            return match error {
                ClientBodyError::Timeout => StatusCode::REQUEST_TIMEOUT,
                ClientBodyError::Left(_) | ClientBodyError::Malformed(_) => StatusCode::BAD_REQUEST,
                ClientBodyError::Reset(_) => client::closed_request(),
            };
        }
        if let Some(propylon_cache::Error::Remembered(status)) = error.downcast_ref() {
            return *status;
        }
        if error.is::<propylon_slice::Error>() {
            return StatusCode::BAD_GATEWAY;
        }
        if error.is::<NoZone>() {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        if error.is::<Unsafe>() {
            return StatusCode::NOT_FOUND;
        }
        if let Some(error) = error.downcast_ref::<NoValue>() {
            return error.status();
        }
        if let Some(error) = error.downcast_ref::<TargetError>() {
            return error.status();
        }
        if error.is::<propylon_timeout::Error>() {
            return StatusCode::GATEWAY_TIMEOUT;
        }
        if let Some(error) = error.downcast_ref::<propylon_buffer::Error>() {
            return match error {
                propylon_buffer::Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
        }
        if let Some(error) = error.downcast_ref::<propylon_balance::Error>() {
            return match error {
                propylon_balance::Error::QueueFull { .. } => StatusCode::SERVICE_UNAVAILABLE,
                propylon_balance::Error::QueueTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::BAD_GATEWAY,
            };
        }
        if let Some(upstream) = error.downcast_ref::<propylon_upstream::Error>() {
            // The client's own fault may lie beneath.
            if !matches!(upstream, propylon_upstream::Error::RequestBody { .. }) {
                return upstream.status();
            }
        }
        cause = error.source();
    }
    unknown
}

/// [`status`] for a leaf's record of its try: none if it was the client that failed.
pub(crate) fn try_status(error: &BoxError) -> Option<StatusCode> {
    Some(status(&**error)).filter(StatusCode::is_server_error)
}

/// Whether an error means that nobody is left to be answered.
fn client_left(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(ClientBodyError::Left(_) | ClientBodyError::Reset(_)))
        || error.source().is_some_and(client_left)
}

/// Says in the error log why a try failed that another one follows.
pub(crate) fn report_try(exchange: &Exchange, error: &BoxError) {
    report(exchange, &**error);
}

/// Records that no peer was there, as the try that it would have been (nginx: the group's name in `$upstream_addr`).
pub(crate) fn record_nobody(exchange: &Exchange, error: &BoxError) {
    use propylon_balance::Error as Nobody;
    let Some(Nobody::NoLivePeers { group } | Nobody::QueueFull { group } | Nobody::QueueTimeout { group }) =
        error.downcast_ref()
    else {
        return;
    };
    exchange.open_try(group.clone()).failed(status(&**error));
}

/// Says in the error log why a response was cut after its head had been sent.
pub(crate) fn report_cut(exchange: &Exchange, error: &BoxError) {
    report(exchange, &**error);
}

/// Says in the error log what an upstream has to say.
pub(crate) fn report_upstream(exchange: &Exchange, text: &str) {
    say(exchange, LogLevel::Error, upstream(exchange).as_deref(), text);
}

/// Says in the error log why a tunnel ended before its time.
pub(crate) fn report_tunnel(exchange: &Exchange, text: &str) {
    say(exchange, LogLevel::Info, upstream(exchange).as_deref(), text);
}

/// Says in the error log that a response does not fit into memory, or that it does not even get into a file.
pub(crate) fn report_spill(exchange: &Exchange, error: Option<&std::io::Error>) {
    let upstream = upstream(exchange);
    match error {
        None => {
            let text = "an upstream response is buffered to a temporary file while reading upstream";
            say(exchange, LogLevel::Warn, upstream.as_deref(), text);
        }
        Some(error) => {
            let text = format!(
                "cannot use a temporary file: {error}; the upstream is read as fast as the client receives while reading upstream"
            );
            say(exchange, LogLevel::Error, upstream.as_deref(), &text);
        }
    }
}

/// Says in the error log what is wrong on the gateway's own side, in a file or the like.
pub(crate) fn report_text(exchange: &Exchange, text: &str) {
    report_at(exchange, LogLevel::Error, text);
}

/// Says something in the error log, at this level.
pub(crate) fn report_at(exchange: &Exchange, level: LogLevel, text: &str) {
    say(exchange, level, None, text);
}

/// Says in these error logs what is wrong with a request that has come to no location.
pub(crate) fn report_in(logs: Option<&Arc<ErrorLogs>>, exchange: &Exchange, text: &str) {
    error_log::at(logs, || write(exchange, LogLevel::Info, None, text));
}

fn report(exchange: &Exchange, error: &(dyn std::error::Error + 'static)) {
    let level = if status(error).is_client_error() { LogLevel::Info } else { LogLevel::Error };
    say(exchange, level, upstream(exchange).as_deref(), &describe(error));
}

/// Says something of a request in the error logs of where it is. `upstream`: where it went last.
fn say(exchange: &Exchange, level: LogLevel, upstream: Option<&str>, text: &str) {
    error_log::of(exchange, || write(exchange, level, upstream, text));
}

/// A line of the error log that says which request it is about, as nginx does: tools go by that.
fn write(exchange: &Exchange, level: LogLevel, upstream: Option<&str>, text: &str) {
    let server = exchange.server_name().cloned().unwrap_or_default();
    let head = exchange.head().filter(|_| !exchange.is_stream());
    let field = |name: &HeaderName| {
        head.and_then(|head| head.headers.value(name))
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let (request, host, referrer) = (request(exchange), field(&HOST), field(&REFERER));
    let host = host.or_else(|| exchange.host().map(|host| String::from_utf8_lossy(host).into_owned()));
    let [request, host, referrer] = [&request, &host, &referrer].map(|value| value.as_ref().map(display));
    let upstream = upstream.map(display);
    let (connection, client) = (exchange.connection().id, exchange.client());
    macro_rules! write {
        ($level:ident) => {
            write!($level, "propylon_gateway")
        };
        ($level:ident, $target:expr) => {
            tracing::$level!(
                target: $target, connection, %client, server = &*server, request, upstream, host, referrer, "{text}"
            )
        };
    }
    match level {
        LogLevel::Debug => write!(debug),
        LogLevel::Info => write!(info),
        LogLevel::Notice => write!(info, error_log::NOTICE),
        LogLevel::Warn => write!(warn),
        _ => write!(error),
    }
}

/// The request's line. A stream has none.
fn request(exchange: &Exchange) -> Option<String> {
    (!exchange.is_stream()).then(|| String::from_utf8_lossy(&exchange.request_line()).into_owned())
}

/// Where the request went last, as nginx prints it; none: nowhere yet.
fn upstream(exchange: &Exchange) -> Option<String> {
    let peer = exchange.last_peer()?;
    if exchange.is_stream() {
        return Some(peer.to_string());
    }
    let target = exchange.proxy_target().unwrap_or_default();
    let scheme = exchange.proxy().map_or("http", |proxy| proxy.scheme);
    let colon = if peer.starts_with("unix:") { ":" } else { "" };
    Some(format!("{scheme}://{peer}{colon}{}", String::from_utf8_lossy(&target)))
}

/// What went wrong, in the words that operators of nginx look for.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    use propylon_timeout::Error as Timeout;
    use propylon_upstream::Error as Upstream;
    match (error.downcast_ref::<Timeout>(), error.downcast_ref::<Upstream>()) {
        (Some(Timeout::SendTimeout(_)), _) => format!("{TIMED_OUT} while sending request to upstream"),
        (Some(Timeout::HeadTimeout(_)), _) => {
            format!("{TIMED_OUT} while reading response header from upstream")
        }
        (Some(_), _) => format!("{TIMED_OUT} while reading upstream"),
        (None, Some(Upstream::RequestBody { source })) => describe(&**source),
        (None, Some(upstream)) => upstream.to_string(),
        (None, None) => match error.source() {
            Some(source) => {
                let (text, cause) = (error.to_string(), describe(source));
                // Some say their cause by themselves.
                if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
            }
            None => error.to_string(),
        },
    }
}

const TIMED_OUT: &str = "upstream timed out (110: Connection timed out)";

/// Turns the errors of what is beneath into responses.
#[derive(Clone, Debug)]
pub(crate) struct RescueLayer {
    face: Arc<Face>,
}

impl RescueLayer {
    pub(crate) fn new(face: Face) -> Self {
        Self { face: Arc::new(face) }
    }
}

impl<S> Layer<S> for RescueLayer {
    type Service = Rescue<S>;

    fn layer(&self, inner: S) -> Rescue<S> {
        Rescue { inner, face: self.face.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rescue<S> {
    inner: S,
    face: Arc<Face>,
}

impl<S> Service<Request<Body>> for Rescue<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = RescueFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = request.extensions().get::<Exchange>().cloned();
        RescueFuture { inner: self.inner.call(request), exchange, face: self.face.clone() }
    }
}

pin_project! {
    pub(crate) struct RescueFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
        face: Arc<Face>,
    }
}

impl<F> Future for RescueFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(Err(_)) = polled {
            let exchange = this.exchange.as_ref();
            polled = polled.map(|result| result.or_else(|error| rescue(error, exchange, this.face)));
        }
        polled // where it is: a response is large
    }
}

/// The answer to a request whose body did not come.
pub(crate) fn refusal(error: &BoxError, exchange: &Exchange, face: &Face) -> Found {
    match told(error, exchange) {
        Ok(()) => Found::with(status(&**error), fields(error, Some(exchange), face)),
        Err(Closed) => Found::close(),
    }
}

/// Says in the error log what went wrong. An error: nobody is left to be answered.
fn told(error: &BoxError, exchange: &Exchange) -> Result<(), Closed> {
    report(exchange, &**error);
    if client_left(&**error) {
        exchange.responded(status(&**error), &HeaderMap::new());
        exchange.ended(End::ClientClosed);
        return Err(Closed);
    }
    Ok(())
}

/// What the answer to an error tells of it.
fn fields(error: &BoxError, exchange: Option<&Exchange>, face: &Face) -> HeaderMap {
    let Some(name) = &face.proxy_status else { return HeaderMap::new() };
    let peer = exchange.and_then(Exchange::last_peer);
    let field = proxy_status::field(name, &**error, peer.as_deref(), &describe(&**error));
    field.map(|field| (PROXY_STATUS, field)).into_iter().collect()
}

/// What the client gets in the place of an error.
#[cold]
pub(crate) fn rescue(
    error: BoxError,
    exchange: Option<&Exchange>,
    face: &Face,
) -> Result<Response<Body>, BoxError> {
    if error.is::<Closed>() {
        return Err(error);
    }
    if let Some(exchange) = exchange {
        record_nobody(exchange, &error);
        told(&error, exchange)?;
    }
    let error = match error.downcast::<Unsafe>() {
        Ok(order) => return Ok(order.answer()),
        Err(error) => error,
    };
    let mut response = page::error(status(&*error), face);
    response.headers_mut().extend(fields(&error, exchange, face));
    Ok(response)
}
