//! Who answers where the action of a location is `api`: whoever starts the gateway brings it, for what it says is nothing of the gateway's.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};

use crate::insight::{Insight, WeakInsight};

/// Answers requests for locations with the action `api`, on the threads of the workers: it must not block them.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use propylon_gateway::{Answering, Api, Question, Start, insight::Insight, log::Sinks};
///
/// /// Says how many workers there are.
/// struct Workers;
///
/// impl Api for Workers {
///     fn answer(&self, insight: Insight, _: Question) -> Answering {
///         let text = Bytes::from(insight.workers().to_string());
///         Box::pin(async { Response::new(text) })
///     }
/// }
/// # fn main() -> std::io::Result<()> {
/// let start = Start::new(Sinks::spawn(propylon_gateway::report_trouble)?).api(Workers);
/// # let _ = start; Ok(()) }
/// ```
pub trait Api: Send + Sync {
    /// Answers a question from what the gateway tells of itself.
    fn answer(&self, insight: Insight, question: Question) -> Answering;
}

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// A request for a location with the action `api`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Question {
    /// Its method.
    pub method: Method,
    /// Its fields.
    pub headers: HeaderMap,
    /// What of its path is behind what the location matches, decoded; it may begin with a slash. What is no UTF-8 is replaced.
    pub path: String,
    /// Its arguments, as they came, but for what is no UTF-8.
    pub query: Option<String>,
    /// Its body, if it is to change something; or the status for one that is too long (413) or did not come whole (400).
    pub body: Result<Bytes, StatusCode>,
    /// Whether the location lets it change something.
    pub write: bool,
    /// The IP address that it came to, if it came over IP.
    pub address: Option<String>,
    /// The names that its server answers for and nobody else may have: no wildcards, and not `_`.
    pub names: Arc<[Box<str>]>,
    /// What logs call it (`$request_id`).
    pub id: String,
}

/// Where questions are answered, if somebody does.
#[derive(Default)]
pub(crate) struct Desk {
    api: Option<Arc<dyn Api>>,
    /// What the gateway tells of itself, as soon as there is something to tell. Weak: it has the desk.
    insight: OnceLock<WeakInsight>,
}

impl Desk {
    pub(crate) fn of(api: Option<Arc<dyn Api>>) -> Self {
        Self { api, insight: OnceLock::new() }
    }

    /// The gateway runs.
    pub(crate) fn opens(&self, insight: &Insight) {
        let _ = self.insight.set(insight.downgrade()); // once
    }

    /// None: nobody is there to answer.
    pub(crate) fn ask(&self, question: Question) -> Option<Answering> {
        let insight = self.insight.get()?.upgrade()?;
        Some(self.api.as_ref()?.answer(insight, question))
    }
}
