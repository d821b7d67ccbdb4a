//! A cache around an origin that says what a test told it to say, on a clock that a test moves.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "not every test needs all of it"
)]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request,
    response,
};
use http_body_util::{BodyExt, Full, Limited};
use propylon_cache::policy::{Failure, Rules};
use propylon_cache::store::{Key, Limits, Purge, Zone};
use propylon_cache::{BoxError, ByUri, Cache, CacheLayer, Event, Policy, ResponseBody, Status};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use propylon_testkit::service::Checked;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

/// 2018-01-02 00:00:00 GMT
pub const START: u64 = 1_514_851_200_000;

pub type Fields<'a> = [(&'static str, &'a str)];

/// What the origin does with a request.
pub struct Act {
    pub after: Option<Duration>,
    pub gate: Option<Gate>,
    pub result: Result<Response<Script>, Broken>,
}

#[derive(Debug)]
pub struct Broken(pub Failure);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the origin is broken")
    }
}

impl std::error::Error for Broken {}

#[derive(Clone, Default)]
pub struct Origin {
    acts: Arc<Mutex<VecDeque<Act>>>,
    pub seen: Arc<Mutex<Vec<request::Parts>>>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Script>, Broken>> + Send>>;
type Inner = Checked<Box<dyn Fnc>>;

/// A closure that can be cloned.
pub trait Fnc: FnMut(Request<Full<Bytes>>) -> Answer + Send {
    fn again(&self) -> Box<dyn Fnc>;
}

impl<F: FnMut(Request<Full<Bytes>>) -> Answer + Send + Clone + 'static> Fnc for F {
    fn again(&self) -> Box<dyn Fnc> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Fnc> {
    fn clone(&self) -> Self {
        (**self).again()
    }
}

/// Knows the origin's errors; `X-Bypass` in a request and `X-No-Cache` in a response mean what they say.
pub struct Asked {
    by: ByUri,
    pub told: Arc<Mutex<Vec<Status>>>,
    remembers: bool,
}

impl Policy for Asked {
    fn find(&self, request: &request::Parts) -> Option<(Zone, Key)> {
        if request.uri.path() == "/past" { None } else { self.by.find(request) }
    }

    fn purge(&self, key: Key) -> Purge {
        let many = key.as_bytes().ends_with(b"/many/");
        if many { Purge::Prefix(key.into_bytes()) } else { Purge::Key(key) }
    }

    fn bypass(&self, request: &request::Parts) -> bool {
        request.headers.contains_key("x-bypass")
    }

    fn no_store(&self, _: &Extensions, response: &response::Parts) -> bool {
        response.headers.contains_key("x-no-cache")
    }

    fn failure(&self, error: &BoxError) -> Option<Failure> {
        error.downcast_ref::<Broken>().map(|broken| broken.0)
    }

    fn status_of(&self, _: &BoxError) -> Option<StatusCode> {
        self.remembers.then_some(StatusCode::BAD_GATEWAY)
    }

    fn observe(&self, _: &Extensions, event: Event<'_>) {
        if let Event::Status(status) = event {
            self.told.lock().unwrap().push(status);
        }
    }
}

/// The cache, and what is around it.
pub struct Bench {
    pub cache: Cache<Inner, Asked>,
    pub origin: Origin,
    pub zone: Zone,
    pub told: Arc<Mutex<Vec<Status>>>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(|layer| layer)
    }

    pub fn nginx() -> Self {
        Self::rules(Rules::nginx())
    }

    pub fn rules(rules: Rules) -> Self {
        Self::with(|layer| layer.rules(rules))
    }

    pub fn with(build: impl FnOnce(CacheLayer<Asked>) -> CacheLayer<Asked>) -> Self {
        Self::in_zone(Zone::memory(Limits::default()), build)
    }

    pub fn in_zone(zone: Zone, build: impl FnOnce(CacheLayer<Asked>) -> CacheLayer<Asked>) -> Self {
        Self::made(zone, true, build)
    }

    /// Nothing is done in the background.
    pub fn alone(build: impl FnOnce(CacheLayer<Asked>) -> CacheLayer<Asked>) -> Self {
        Self::made(Zone::memory(Limits::default()), false, build)
    }

    fn made(zone: Zone, spawns: bool, build: impl FnOnce(CacheLayer<Asked>) -> CacheLayer<Asked>) -> Self {
        let told = Arc::default();
        let policy = Asked { by: ByUri::new(zone.clone()), told: Arc::clone(&told), remembers: true };
        let start = Instant::now();
        let clock = move || START + u64::try_from(start.elapsed().as_millis()).unwrap();
        let mut layer = CacheLayer::new(policy).clock(clock).name(Some("test"));
        if spawns {
            layer = layer.spawner(|work| drop(tokio::spawn(work)));
        }
        let origin = Origin::default();
        let (acts, seen) = (Arc::clone(&origin.acts), Arc::clone(&origin.seen));
        let answer = move |request: Request<Full<Bytes>>| -> Answer {
            seen.lock().unwrap().push(request.into_parts().0);
            let act = acts.lock().unwrap().pop_front().expect("the origin is asked for more than it has");
            Box::pin(async move {
                if let Some(after) = act.after {
                    tokio::time::sleep(after).await;
                }
                if let Some(gate) = act.gate {
                    std::future::poll_fn(|cx| gate.poll_opened(cx)).await;
                }
                act.result
            })
        };
        let inner: Inner = Checked::new(Box::new(answer));
        Self { cache: build(layer).layer(inner), origin, zone, told }
    }

    /// The origin's next answer.
    pub fn says(&self, status: u16, fields: &Fields<'_>, body: &'static str) {
        self.acts(act(status, fields, Script::new().data(body).exact()));
    }

    pub fn says_body(&self, fields: &Fields<'_>, body: Script) {
        self.acts(act(200, fields, body));
    }

    pub fn breaks(&self, failure: Failure) {
        self.acts(Act { after: None, gate: None, result: Err(Broken(failure)) });
    }

    pub fn acts(&self, act: Act) {
        self.origin.acts.lock().unwrap().push_back(act);
    }

    /// The origin's next answer will not be asked for.
    pub fn forget(&self) {
        self.origin.acts.lock().unwrap().pop_back();
    }

    /// What the origin was asked since the last time.
    pub fn asked(&self) -> Vec<request::Parts> {
        std::mem::take(&mut *self.origin.seen.lock().unwrap())
    }

    pub async fn call(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<ResponseBody<Script>>, BoxError> {
        let mut cache = self.cache.clone();
        cache.ready().await?.call(request).await
    }

    pub async fn send(&self, method: Method, path: &str, fields: &Fields<'_>) -> Reply {
        let response = self.call(ask(method, path, fields)).await.unwrap();
        Reply::read(response).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[]).await
    }

    pub async fn get_with(&self, path: &str, fields: &Fields<'_>) -> Reply {
        self.send(Method::GET, path, fields).await
    }

    /// A request that runs by itself.
    pub fn spawn(&self, path: &'static str) -> tokio::task::JoinHandle<Reply> {
        let mut cache = self.cache.clone();
        tokio::spawn(async move {
            let response = cache.ready().await.unwrap().call(ask(Method::GET, path, &[])).await.unwrap();
            Reply::read(response).await
        })
    }
}

pub fn act(status: u16, fields: &Fields<'_>, body: Script) -> Act {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = map(fields);
    Act { after: None, gate: None, result: Ok(response) }
}

pub fn map(fields: &Fields<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

pub fn ask(method: Method, path: &str, fields: &Fields<'_>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    *request.headers_mut() = map(fields);
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("example.com"));
    request
}

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub cache: Option<Status>,
    /// None: it was cut short.
    pub body: Option<String>,
    pub error: Option<String>,
}

impl Reply {
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    pub async fn read(response: Response<ResponseBody<Script>>) -> Self {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, 10 << 20).collect().await;
        let (body, error) = match body {
            Ok(body) => (Some(String::from_utf8(body.to_bytes().to_vec()).unwrap()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let cache = head.extensions.get().copied();
        Self { status: head.status.as_u16(), headers: head.headers, cache, body, error }
    }

    #[track_caller]
    pub fn is(&self, cache: Status, body: &str) -> &Self {
        assert_eq!((self.cache, self.body.as_deref()), (Some(cache), Some(body)), "{self:?}");
        self
    }

    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Self {
        let found: Vec<_> =
            self.headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        assert_eq!(found.join(" | "), value, "{name}: {self:?}");
        self
    }

    #[track_caller]
    pub fn status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// Lets all tasks run that can.
pub async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

pub async fn seconds(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// For what is only there to be polled once.
pub fn noop() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

pub fn is_pending<T>(poll: &Poll<T>) -> bool {
    poll.is_pending()
}
