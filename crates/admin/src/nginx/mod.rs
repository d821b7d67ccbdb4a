//! The REST API of nginx Plus, in a location of the gateway: its paths, its shapes and its errors, on the same numbers as all else here.

mod bases;
mod fault;
mod keyvals;
mod resource;
mod servers;
mod state;
mod upstreams;
mod zones;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};
use propylon_gateway::insight::Insight;
use propylon_gateway::{Answering, Api, Question};
use serde_json::{Map, Value};

use crate::api::argument;
use crate::guard::{check_name, check_origin};

use bases::Bases;
use fault::Fault;
use resource::Resource;
use servers::Group;

/// The last version of the API; those before it are spoken as well.
const NEWEST: u8 = 9;

/// The REST API of nginx Plus, for [`Start::api`](propylon_gateway::Start::api).
#[derive(Debug, Default)]
pub struct NginxApi(Arc<Bases>);

impl NginxApi {
    /// One whose statistics nobody has reset.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Api for NginxApi {
    fn answer(&self, insight: Insight, question: Question) -> Answering {
        let bases = Arc::clone(&self.0);
        Box::pin(async move {
            let asked = Arc::new(Asked { insight, bases, question });
            match asked.answer().await {
                Ok(answer) => response(answer.status, answer.body.as_ref()),
                Err(fault) => asked.refused(&fault),
            }
        })
    }
}

/// What is asked, and what it is answered from.
struct Asked {
    insight: Insight,
    bases: Arc<Bases>,
    question: Question,
}

/// What is to be done.
enum Order<'q> {
    /// To say which versions there are.
    Versions,
    Look(u8, Resource<'q>),
    Change(Resource<'q>),
}

/// What a question gets that is not refused.
struct Answer {
    status: StatusCode,
    body: Option<Value>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body) }
    }

    /// It is done, and there is nothing to say.
    fn done() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }
}

impl Asked {
    /// The version that is spoken, and what is asked for; none: which versions there are.
    fn find(&self) -> Result<Option<(u8, Resource<'_>)>, Fault> {
        let mut parts = self.question.path.split('/').filter(|part| !part.is_empty());
        let Some(version) = parts.next() else { return Ok(None) };
        let version = version.parse().ok().filter(|version| (1..=NEWEST).contains(version));
        let version = version.ok_or(Fault::missing("UnknownVersion", "unknown version"))?;
        let parts: Vec<&str> = parts.collect();
        let resource = Resource::find(version, &parts);
        Ok(Some((version, resource.ok_or(Fault::missing("PathNotFound", "path not found"))?)))
    }

    /// What is to be done, if whoever asks may have it done.
    fn order(&self) -> Result<Order<'_>, Fault> {
        let method = &self.question.method;
        let looks = matches!(*method, Method::GET | Method::HEAD);
        let Some((version, resource)) = self.find()? else {
            return if looks { Ok(Order::Versions) } else { Err(Fault::disabled()) };
        };
        if looks {
            return Ok(Order::Look(version, resource));
        }
        if !self.question.write || !resource.methods().contains(method) {
            return Err(Fault::disabled());
        }
        self.check_browser()?;
        Ok(Order::Change(resource))
    }

    /// Each peer or connection may have to be looked at, and a file be written: the worker goes on meanwhile.
    async fn answer(self: &Arc<Self>) -> Result<Answer, Fault> {
        if let Order::Change(Resource::Keyval(zone)) = self.order()? {
            return self.change_keys(zone).await; // which waits for others itself
        }
        let asked = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || asked.answer_at_once()).await;
        done.unwrap_or_else(|error| {
            tracing::error!(target: "propylon_admin", "the API: {error}");
            Err(Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "internal error"))
        })
    }

    fn answer_at_once(&self) -> Result<Answer, Fault> {
        match self.order()? {
            Order::Versions => Ok(Answer::ok((1..=NEWEST).collect())),
            Order::Look(version, resource) => self.look(version, resource).map(Answer::ok),
            Order::Change(resource) => self.change(resource),
        }
    }

    /// A browser carries orders of any page to wherever that page says, and a page's own name may lead here. Over a unix socket there is none.
    fn check_browser(&self) -> Result<(), Fault> {
        let Question { headers, address, names, .. } = &self.question;
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if address.is_some() {
            check_name(host, names, "server.name")
                .map_err(|refusal| Fault::new(refusal.status, "UnknownHost", refusal.text))?;
        }
        check_origin(headers, host).map_err(|refusal| Fault::new(refusal.status, "Forbidden", refusal.text))
    }

    /// What is there.
    fn look(&self, version: u8, resource: Resource<'_>) -> Result<Value, Fault> {
        let fields = self.argument("fields");
        let fields = fields.as_deref();
        let of_one = |value: Value| select(value, fields);
        Ok(match resource {
            Resource::Endpoints => resource::endpoints(version),
            Resource::Part(part) => part.endpoints(version),
            Resource::Nginx => of_one(state::nginx(&self.insight, self.question.address.as_deref())),
            Resource::Processes => of_one(state::processes()),
            Resource::Connections => of_one(self.since("connections", state::connections(&self.insight))),
            Resource::Ssl => of_one(self.since("ssl", state::ssl(&self.insight))),
            Resource::Requests => of_one(self.since("http/requests", state::requests(&self.insight))),
            Resource::Workers(None) => {
                let all = state::workers(&self.insight).into_iter().enumerate();
                all.map(|(id, worker)| of_one(self.since(&format!("workers/{id}"), worker))).collect()
            }
            Resource::Workers(Some(id)) => of_one(self.since(&format!("workers/{id}"), self.worker(id)?)),
            Resource::Zones(kind, None) => {
                let all = zones::all(&self.insight, kind, version).into_iter();
                let all = all.map(|(name, zone)| (self.since(&kind.path(&name), zone), name));
                collection(all.map(|(zone, name)| (name, zone)), fields)
            }
            Resource::Zones(kind, Some(name)) => {
                of_one(self.since(&kind.path(name), zones::one(&self.insight, kind, version, name)?))
            }
            Resource::Upstreams(part) => {
                collection(upstreams::all(&self.insight, part, &self.bases).into_iter(), fields)
            }
            Resource::Upstream(part, name) => of_one(upstreams::one(&self.insight, part, &self.bases, name)?),
            Resource::Servers(part, upstream) => Group(&self.insight, part, upstream).servers()?,
            Resource::Server(part, upstream, id) => Group(&self.insight, part, upstream).server(id)?,
            Resource::Keyvals => keyvals::all(&self.insight, fields),
            Resource::Keyval(zone) => keyvals::one(&self.insight, zone, self.argument("key").as_deref())?,
        })
    }

    fn body(&self) -> Result<&Bytes, Fault> {
        self.question.body.as_ref().map_err(|status| Fault::unread(*status))
    }

    async fn change_keys(&self, zone: &str) -> Result<Answer, Fault> {
        let (method, body, insight) = (&self.question.method, self.body()?, &self.insight);
        match *method {
            Method::DELETE => keyvals::clear(insight, zone).await,
            Method::PATCH => keyvals::change(insight, zone, body).await,
            _ => keyvals::add(insight, zone, body).await,
        }
    }

    fn change(&self, resource: Resource<'_>) -> Result<Answer, Fault> {
        let (method, body, insight) = (&self.question.method, self.body()?, &self.insight);
        match (method, resource) {
            (_, Resource::Servers(part, upstream)) => Group(insight, part, upstream).add(body),
            (&Method::DELETE, Resource::Server(part, upstream, id)) => {
                Group(insight, part, upstream).remove(id)
            }
            (_, Resource::Server(part, upstream, id)) => Group(insight, part, upstream).change(id, body),
            (_, resource) => self.reset(resource),
        }
    }

    /// Statistics begin anew, for this API: what `[admin]` shows goes on.
    fn reset(&self, resource: Resource<'_>) -> Result<Answer, Fault> {
        let insight = &self.insight;
        match resource {
            Resource::Connections => self.bases.set("connections", state::connections(insight)),
            Resource::Ssl => self.bases.set("ssl", state::ssl(insight)),
            Resource::Requests => self.bases.set("http/requests", state::requests(insight)),
            Resource::Workers(None) => (state::workers(insight).into_iter().enumerate())
                .for_each(|(id, worker)| self.bases.set(&format!("workers/{id}"), worker)),
            Resource::Workers(Some(id)) => self.bases.set(&format!("workers/{id}"), self.worker(id)?),
            Resource::Zones(kind, Some(name)) => {
                self.bases.set(&kind.path(name), zones::one(insight, kind, NEWEST, name)?);
            }
            Resource::Upstream(part, name) => upstreams::reset(insight, part, &self.bases, name)?,
            _ => {} // nothing is counted there that could begin anew
        }
        Ok(Answer::done())
    }

    fn worker(&self, id: &str) -> Result<Value, Fault> {
        let found = id.parse().ok().and_then(|id| state::workers(&self.insight).into_iter().nth(id));
        found.ok_or(Fault::missing("WorkerNotFound", "worker not found"))
    }

    fn since(&self, what: &str, now: Value) -> Value {
        self.bases.since(what, now)
    }

    fn argument(&self, name: &str) -> Option<String> {
        argument(self.question.query.as_deref(), name)
    }

    fn refused(&self, fault: &Fault) -> Response<Bytes> {
        let version =
            self.question.path.split('/').find(|part| !part.is_empty()).and_then(|part| part.parse().ok());
        let mut response = response(fault.status, Some(&fault.json(&self.question.id, version)));
        if fault.status == StatusCode::METHOD_NOT_ALLOWED {
            let resource = self.find().ok().flatten().map(|(_, resource)| resource);
            let more = resource
                .filter(|_| self.question.write)
                .map(|resource| resource.methods())
                .unwrap_or_default();
            let all = [Method::GET, Method::HEAD].iter().chain(more).map(Method::as_str).collect::<Vec<_>>();
            if let Ok(all) = HeaderValue::from_str(&all.join(", ")) {
                response.headers_mut().insert(ALLOW, all);
            }
        }
        response
    }
}

fn response(status: StatusCode, body: Option<&Value>) -> Response<Bytes> {
    let mut response = Response::new(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The fields of an object that are asked for: all, if none is named.
fn select(mut value: Value, fields: Option<&str>) -> Value {
    if let (Some(fields), Some(object)) = (fields, value.as_object_mut()) {
        object.retain(|key, _| fields.split(',').any(|field| field == key));
    }
    value
}

/// Objects by their names, with the fields that are asked for; where that is none, the names alone.
fn collection(all: impl Iterator<Item = (String, Value)>, fields: Option<&str>) -> Value {
    if fields == Some("") {
        return all.map(|(name, _)| Value::from(name)).collect();
    }
    all.map(|(name, value)| (name, select(value, fields))).collect::<Map<_, _>>().into()
}
