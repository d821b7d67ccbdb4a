//! Examples as guides to nginx have them, written with the layers themselves: buffering, WebSocket, advanced directives. Each
//! is around a plain service that stands for the upstream.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test; its bodies are short"
)]

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, EXPIRES, LOCATION, REFRESH, SET_COOKIE, UPGRADE};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request};
use http_body_util::{BodyExt, Empty, Full};
use propylon_buffer::{Mode, RequestBody, RequestBufferLayer, ResponseBufferLayer};
use propylon_cookie::{CookieLayer, Flags, SameSite};
use propylon_error_page::{ErrorPageLayer, Failure, Pages, ShownStatus};
use propylon_headers::{RequestField, RequestHeadersLayer, ResponseHeadersLayer};
use propylon_limit::{Rate, RateBody, RateLayer};
use propylon_redirect::RedirectLayer;
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tunnel::{BoxError, Limits, Policy, Tunnel, UpgradeLayer};
use propylon_upstream::{Bind, Client, Keepalive, Peer, Pool, Transport};
use regex::bytes::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

const HOST: &str = "example.com";

const X_RUNTIME: HeaderName = HeaderName::from_static("x-runtime");
const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
const X_ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");
const X_ACCEL_LIMIT_RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");

/// The fields that come through a layer, of a response that has these.
async fn fields<L>(layer: L, sent: &[(HeaderName, &'static str)]) -> HeaderMap
where
    L: Layer<Upstream>,
    L::Service: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let sent = sent.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    let mut response = Response::new(());
    response.headers_mut().extend(sent);
    response.extensions_mut().insert(HOST);
    let service = layer.layer(Upstream(response));
    service.oneshot(Request::new(())).await.unwrap().headers().clone()
}

/// Always the same response.
#[derive(Clone)]
struct Upstream(Response<()>);

impl Service<Request<()>> for Upstream {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(self.0.clone()))
    }
}

/// The value of one field behind a layer.
async fn field<L>(layer: L, name: HeaderName, value: &'static str) -> String
where
    L: Layer<Upstream>,
    L::Service: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let found = fields(layer, &[(name.clone(), value)]).await;
    found[name].to_str().unwrap().to_owned()
}

/// `proxy_buffers 8 16k; proxy_busy_buffers_size 32k; proxy_max_temp_file_size 1024m; proxy_temp_file_write_size 64k`, and
/// `proxy_buffering off`.
#[tokio::test]
async fn buffering() {
    let layer = ResponseBufferLayer::new(std::env::temp_dir())
        .count(8)
        .size(16 << 10)
        .busy_size(32 << 10)
        .max_temp_file_size(1024 << 20)
        .temp_file_write_size(64 << 10);
    for on in [true, false] {
        let script = (0..100).fold(Script::new(), |script, _| script.data(vec![b'x'; 10_000]));
        let watch = script.watch();
        let body = Mutex::new(Some(script));
        let upstream = service_fn(move |_: Request<()>| {
            let body = body.lock().unwrap().take().unwrap();
            async { Ok::<_, BoxError>(Response::new(body)) }
        });
        let response = layer.clone().on(on).layer(upstream).oneshot(Request::new(())).await.unwrap();
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        if on {
            // The client reads no more, and the upstream is free.
            while !watch.dropped() {
                tokio::task::yield_now().await;
            }
        } else {
            assert_eq!(watch.polls(), 1, "as it comes");
        }
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(first.len() + rest.len(), 1_000_000, "{on}");
    }
}

/// `proxy_request_buffering on` and `off`.
#[tokio::test]
async fn request_buffering() {
    for (mode, early) in [(Mode::Whole, false), (Mode::Stream, true)] {
        let (gate, asked) = (Gate::new(), Gate::new());
        let upstream = service_fn({
            let asked = asked.clone();
            move |request: Request<RequestBody<Script>>| {
                asked.open();
                async { Ok::<_, BoxError>(Response::new(request.into_body().collect().await?.to_bytes())) }
            }
        });
        let layer = RequestBufferLayer::new(std::env::temp_dir()).mode(mode);
        let body = Script::new().data("first").wait(&gate).data("later");
        let mut answer = Box::pin(layer.layer(upstream).oneshot(Request::new(body)));
        while !gate.was_reached() {
            assert!(is_pending(&mut answer).await);
        }
        assert_eq!(asked.is_open(), early, "{mode:?}");
        gate.open();
        assert_eq!(answer.await.unwrap().into_body(), "firstlater");
    }
}

/// Whether it goes on after one look at it.
async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::task::yield_now().await;
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()))
        .await
}

/// An end of a connection as an extension: whoever takes it has it.
#[derive(Clone)]
struct End(Arc<Mutex<Option<DuplexStream>>>);

impl End {
    fn pair() -> (Self, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        (Self(Arc::new(Mutex::new(Some(ours)))), theirs)
    }
}

#[derive(Clone)]
struct Join;

impl Policy<()> for Join {
    type Client = DuplexStream;

    fn client(&self, request: &mut Extensions) -> Option<DuplexStream> {
        request.remove::<End>()?.0.lock().ok()?.take()
    }

    fn join(&self, client: DuplexStream, response: Response<()>) -> Result<Response<()>, BoxError> {
        let end = response.extensions().get::<End>().ok_or("no stream")?;
        let upstream = end.0.lock().ok().and_then(|mut end| end.take()).ok_or("no stream")?;
        let limits = Limits::new().read(Duration::from_secs(3600));
        tokio::spawn(Tunnel::new(client, upstream).limits(limits));
        Ok(response)
    }
}

/// `proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 3600s`, with a `map`.
#[tokio::test]
async fn websocket() {
    let asked = |head: &request::Parts| head.headers.get(UPGRADE).cloned();
    let headers = RequestHeadersLayer::new().set(RequestField::computed(UPGRADE, asked)).set(
        RequestField::computed(CONNECTION, move |head| {
            Some(HeaderValue::from_static(if asked(head).is_some() { "upgrade" } else { "close" }))
        }),
    );
    for (wanted, expected) in [(Some("websocket"), "upgrade"), (None, "close")] {
        let (end, mut server) = End::pair();
        let upstream = service_fn(move |request: Request<()>| {
            let fields = request.headers();
            assert_eq!(fields.get(UPGRADE).map(HeaderValue::as_bytes), wanted.map(str::as_bytes));
            assert_eq!(fields[CONNECTION], expected);
            let status = if wanted.is_some() { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::OK };
            let response = Response::builder().status(status).extension(end.clone()).body(());
            async { response.map_err(BoxError::from) }
        });
        let (end, mut browser) = End::pair();
        let mut request = Request::builder().header(CONNECTION, "Upgrade").extension(end);
        if let Some(protocol) = wanted {
            request = request.header(UPGRADE, protocol);
        }
        let service = UpgradeLayer::new(Join).layer(headers.layer(upstream));
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), if wanted.is_some() { 101 } else { 200 });
        if wanted.is_some() {
            let mut heard = [0; 5];
            browser.write_all(b"hello").await.unwrap();
            server.read_exact(&mut heard).await.unwrap();
            server.write_all(&heard).await.unwrap();
            browser.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"hello");
        }
    }
}

/// `proxy_bind 127.0.0.2`.
#[tokio::test]
async fn bind() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = Client::new(Pool::new(Keepalive::off()), Transport::new().special(true));
    let address: IpAddr = [127, 0, 0, 2].into();
    let request = Request::get("/")
        .header("host", HOST)
        .extension(Peer::from(listener.local_addr().unwrap()))
        .extension(Bind { address: SocketAddr::new(address, 0), transparent: false })
        .body(Empty::<Bytes>::new());
    let answer = tokio::spawn(client.oneshot(request.unwrap()));
    let (mut stream, from) = listener.accept().await.unwrap();
    assert_eq!(from.ip(), address);
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
}

/// `proxy_buffer_size 4k`: how long the head of a response may be.
#[tokio::test]
async fn heads_of_responses() {
    for (long, is_ok) in [(3000, true), (5000, false)] {
        let peer = RawPeer::tcp(move |_| {
            let long = "x".repeat(long);
            Plan::new().answer(move |_| format!("HTTP/1.1 204 No Content\r\nX-Long: {long}\r\n\r\n"))
        });
        let client = Client::new(Pool::new(Keepalive::off()), Transport::new().max_head(4 << 10));
        let request = Request::get("/").header("host", HOST).extension(Peer::from(peer.addr()));
        let answer = client.oneshot(request.body(Empty::<Bytes>::new()).unwrap()).await;
        assert_eq!(answer.is_ok(), is_ok, "{long}: {answer:?}");
    }
}

/// `proxy_intercept_errors on; error_page 500 502 503 504 /50x.html`.
#[tokio::test]
async fn intercepted_errors() {
    let statuses = [500, 502, 503, 504].map(|status| StatusCode::from_u16(status).unwrap());
    let pages = Pages::new().page(statuses, ShownStatus::Original, "/50x.html");
    for (intercept, status, expected) in
        [(true, 503, "/50x.html"), (true, 500, "/50x.html"), (true, 404, "own"), (false, 503, "own")]
    {
        let layer = ErrorPageLayer::new(pages.clone(), |failure: Failure<'_, &'static str, &'static str>| {
            let mut response = Response::new(*failure.target);
            *response.status_mut() = failure.shown.of(failure.head.status, StatusCode::OK);
            response
        });
        let layer = if intercept { layer } else { layer.intercept(|_| false) };
        let service = layer.layer(service_fn(move |_: Request<()>| async move {
            Response::builder().status(status).body("own")
        }));
        let response = service.oneshot(Request::new(())).await.unwrap();
        assert_eq!((response.status().as_u16(), *response.body()), (status, expected));
    }
}

/// `proxy_hide_header`, `proxy_pass_header`, `proxy_ignore_headers`.
#[tokio::test(start_paused = true)]
async fn fields_of_upstreams() {
    let sent = [
        (X_POWERED_BY, "a"),
        (X_RUNTIME, "b"),
        (X_ACCEL_REDIRECT, "/inside"),
        (X_ACCEL_LIMIT_RATE, "1"),
        (X_ACCEL_EXPIRES, "0"),
        (CACHE_CONTROL, "no-store"),
        (EXPIRES, "0"),
    ];
    let layer = ResponseHeadersLayer::new()
        .hide(X_POWERED_BY)
        .hide(X_RUNTIME)
        .pass(&X_ACCEL_REDIRECT)
        .pass(&X_ACCEL_LIMIT_RATE);
    let seen = fields(layer, &sent).await;
    let mut names: Vec<_> = seen.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "expires", "x-accel-limit-rate", "x-accel-redirect"]);
    let hidden = fields(ResponseHeadersLayer::new(), &sent).await;
    assert!(!hidden.contains_key(X_ACCEL_REDIRECT) && !hidden.contains_key(X_ACCEL_LIMIT_RATE));

    // A layer that takes orders is told whether it does.
    for (obeyed, seconds) in [(true, 10), (false, 0)] {
        let layer = RateLayer::with(|_| None).accel(obeyed);
        let service = layer.layer(service_fn(|_: Request<()>| async {
            Response::builder().header(X_ACCEL_LIMIT_RATE, "100").body(Full::<Bytes>::from(vec![0; 1000]))
        }));
        let (_, passed) = timed(service.oneshot(Request::new(())).await.unwrap().into_body()).await;
        assert!(passed.abs_diff(seconds * 1000) <= seconds * 100, "{obeyed}: {passed} ms");
    }
}

/// How long a body is, and how many milliseconds it takes.
async fn timed<B: http_body_util::BodyExt>(body: B) -> (usize, u64)
where
    B::Error: std::fmt::Debug,
{
    let began = Instant::now();
    let length = body.collect().await.unwrap().to_bytes().len();
    (length, u64::try_from(began.elapsed().as_millis()).unwrap())
}

/// `proxy_limit_rate 100k`.
#[tokio::test(start_paused = true)]
async fn rates() {
    let rate = Rate::new(NonZeroU64::new(100 << 10).unwrap());
    let upstream = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(vec![0; 500 << 10])))
    });
    let service = upstream.map_response(move |response| response.map(|body| RateBody::new(body, Some(rate))));
    let (length, passed) = timed(service.oneshot(Request::new(())).await.unwrap().into_body()).await;
    assert_eq!(length, 500 << 10);
    assert!((4500..=5500).contains(&passed), "{passed} ms");
}

/// `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`.
#[tokio::test]
async fn cookies() {
    let strict = Flags::new().http_only().secure().same_site(SameSite::Strict);
    let lax = Flags::new().same_site(SameSite::Lax);
    let flags = || CookieLayer::new().flags("session", strict).flags_with(move |_, _| Some(lax));
    let all = || flags().domain("localhost", "example.com").path("/foo/", "/bar/");
    for (layer, from, to) in [
        (CookieLayer::new(), "a=1; Domain=localhost; Path=/foo/", "a=1; Domain=localhost; Path=/foo/"),
        (
            CookieLayer::new().domain("localhost", "example.com"),
            "a=1; domain=localhost",
            "a=1; domain=example.com",
        ),
        (CookieLayer::new().path("/foo/", "/bar/"), "a=1; path=/foo/x", "a=1; path=/bar/x"),
        (
            flags(),
            "theme=dark; Domain=localhost; Path=/foo/",
            "theme=dark; Domain=localhost; Path=/foo/; SameSite=Lax",
        ),
        (all(), "theme=dark; Path=/other/", "theme=dark; Path=/other/; SameSite=Lax"),
        (
            all(),
            "session=1; Domain=localhost; Path=/foo/a",
            "session=1; Domain=example.com; Path=/bar/a; Secure; HttpOnly; SameSite=Strict",
        ),
    ] {
        assert_eq!(field(layer, SET_COOKIE, from).await, to);
    }
}

/// `proxy_redirect default`, `off`, with a text and with a regular expression.
#[tokio::test]
async fn redirects() {
    let default = || RedirectLayer::new().replace("http://backend/inner/", "/default/");
    let regex = Regex::new("^http://([^/]+)/(.+)$").unwrap();
    let custom = || {
        let regex = regex.clone();
        RedirectLayer::new()
            .rule(|head, url| {
                let host = head.extensions.get::<&'static str>()?;
                propylon_redirect::replace_start(
                    url,
                    b"http://localhost:8080/",
                    format!("http://{host}/").as_bytes(),
                )
            })
            .rule(move |head, url| {
                let path = regex.captures(url)?.get(2)?.as_bytes();
                Some([b"http://", head.extensions.get::<&'static str>()?.as_bytes(), b"/", path].concat())
            })
    };
    for (layer, name, from, to) in [
        (default(), LOCATION, "http://backend/inner/y", "/default/y"),
        (default(), REFRESH, "5; url=http://backend/inner/y", "5; url=/default/y"),
        (default(), LOCATION, "http://backend/outer/", "http://backend/outer/"),
        (RedirectLayer::new(), LOCATION, "http://backend/inner/y", "http://backend/inner/y"),
        (custom(), LOCATION, "http://localhost:8080/", "http://example.com/"),
        (custom(), REFRESH, "0; url=http://localhost:8080/a", "0; url=http://example.com/a"),
        (custom(), LOCATION, "http://other.test/a/b", "http://example.com/a/b"),
        (custom(), LOCATION, "http://other.test/", "http://other.test/"),
    ] {
        assert_eq!(field(layer, name, from).await, to);
    }
}
