//! `sticky` of an upstream: how its clients come back to the peer that they had.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use propylon_balance::{Binding, Cookie, Memory, SameSite, Session, Sessions};
use propylon_config::{self as config, StickyExpires, Template};
use propylon_exchange::Exchange;
use propylon_stack::Body;

use crate::error_log;
use crate::upstreams::LeafBody;

/// How clients of an upstream come back.
#[derive(Clone, Debug)]
pub(crate) struct Bond(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Cookie { cookie: Cookie, domain: Option<Template>, same_site: Option<Template> },
    Route(Vec<Template>),
    Learn { lookup: Vec<Template>, create: Vec<Template>, memory: Memory },
}

/// What a session takes of the zone's memory, about.
const SESSION: u64 = 128;

/// How many sessions a zone of this size has.
pub(crate) fn sessions(zone: u64) -> usize {
    usize::try_from(zone / SESSION).unwrap_or(usize::MAX)
}

impl Bond {
    /// As `sticky` says; `sessions` makes the table of learnt ones, which has room for so many.
    pub(crate) fn new(sticky: &config::Sticky, table: impl FnOnce(usize) -> Sessions) -> Self {
        Self(Arc::new(match sticky {
            config::Sticky::Cookie(cookie) => {
                let (domain, same_site) = (cookie.domain.clone(), cookie.samesite.clone());
                Kind::Cookie { cookie: fixed(cookie), domain, same_site }
            }
            config::Sticky::Route(routes) => Kind::Route(routes.clone()),
            config::Sticky::Learn(learn) => Kind::Learn {
                memory: Memory::new(table(sessions(learn.zone))).timeout(learn.timeout).at_head(learn.header),
                lookup: learn.lookup.clone(),
                create: learn.create.clone(),
            },
        }))
    }
}

/// What does not depend on the request.
fn fixed(cookie: &config::StickyCookie) -> Cookie {
    let fixed = Cookie::new(cookie.name.clone()).secure(cookie.secure).http_only(cookie.httponly);
    let fixed = match cookie.expires {
        None => fixed,
        Some(StickyExpires::Max) => fixed.expires_never(),
        Some(StickyExpires::After(time)) => fixed.expires(time),
    };
    fixed.path(cookie.path.clone().unwrap_or_default())
}

/// The first that is not empty.
fn first(templates: &[Template], exchange: &Exchange) -> Option<Bytes> {
    templates.iter().map(|template| template.eval(exchange)).find(|value| !value.is_empty())
}

impl Binding<Body> for Bond {
    type Session = Bound;

    fn wanted(&self, request: &Request<Body>) -> (Option<Arc<[u8]>>, Bound) {
        let exchange = request.extensions().get::<Exchange>();
        let mut session = None;
        let peer = exchange.and_then(|exchange| match &*self.0 {
            // What the client said, whatever is passed on of it.
            Kind::Cookie { cookie, .. } => {
                cookie.find(exchange.head()?.headers.values(&COOKIE)).map(Arc::from)
            }
            Kind::Route(routes) => first(routes, exchange).map(|route| Arc::from(&*route)),
            Kind::Learn { lookup, memory, .. } => {
                session = first(lookup, exchange);
                memory.find(session.as_ref()?).map(Into::into)
            }
        });
        (peer, Bound { bond: self.clone(), exchange: exchange.cloned(), session })
    }
}

/// One request's bond.
pub(crate) struct Bound {
    bond: Bond,
    exchange: Option<Exchange>,
    /// The session that the request names.
    session: Option<Bytes>,
}

impl Session<LeafBody> for Bound {
    fn served(self, peer: &Arc<str>, response: &mut Response<LeafBody>) {
        let Some(exchange) = &self.exchange else { return };
        match &*self.bond.0 {
            Kind::Cookie { cookie, domain, same_site } => {
                set_cookie(cookie, domain.as_ref(), same_site.as_ref(), exchange, peer, response);
            }
            Kind::Route(_) => {}
            Kind::Learn { create, memory, .. } => {
                memory.clone().served(first(create, exchange), self.session, peer, response);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "wall-clock time for text only: nothing is decided by it")]
fn set_cookie(
    cookie: &Cookie,
    domain: Option<&Template>,
    same_site: Option<&Template>,
    exchange: &Exchange,
    peer: &str,
    response: &mut Response<LeafBody>,
) {
    let text = |template: &Template| template.eval(exchange);
    let domain = domain.map(text).unwrap_or_default();
    let same_site = same_site.map(text).filter(|name| !name.is_empty());
    // A value that variables made and that means nothing is the strictest (nginx).
    let same_site = same_site.map(|name| SameSite::from_name(&name).unwrap_or(SameSite::Strict));
    let cookie = cookie.clone().domain(String::from_utf8_lossy(&domain)).same_site(same_site);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match cookie.field(peer, now) {
        Some(field) => drop(response.headers_mut().append(SET_COOKIE, field)),
        None => error_log::of(exchange, || {
            tracing::error!(
                target: "propylon_gateway", client = %exchange.client(), "the sticky cookie cannot be set: invalid domain"
            );
        }),
    }
}
