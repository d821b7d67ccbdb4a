//! `userid`: configuration to layer, and what variables show of it.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::COOKIE;
use propylon_config::{Settings, Template, UserIdExpires, UserIdFlag, UserIdMode};
use propylon_exchange::{Exchange, Keep};
use propylon_userid::{Expires, Got, Id, Issuer, Rules, SameSite, Set, UserIdLayer, Version, Visitor};
use propylon_vars::UserIds;

use super::Site;
use crate::error_log;

/// The layer, if clients get a cookie.
pub(super) fn layer(settings: &Settings, site: &Site) -> Option<UserIdLayer> {
    gives(settings).then(|| UserIdLayer::new(rules(settings), site.issuer.clone()))
}

/// Who knows the clients of a location, if anybody does.
pub(super) fn users(settings: &Settings, site: &Site) -> Option<Arc<Users>> {
    let userid = &settings.userid;
    (userid.mode != UserIdMode::Off).then(|| {
        Arc::new(Users {
            rules: rules(settings),
            issuer: site.issuer.clone(),
            gives: gives(settings),
            reset: userid.reset.clone(),
        })
    })
}

/// What the template needs to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    super::carry::needs(&settings.userid.reset)
}

fn gives(settings: &Settings) -> bool {
    matches!(settings.userid.mode, UserIdMode::On | UserIdMode::V1)
}

fn rules(settings: &Settings) -> Rules {
    let userid = &settings.userid;
    let mut rules = Rules::new(userid.name.clone()).path(userid.path.clone());
    if let Some(domain) = &userid.domain {
        rules = rules.domain(domain.clone());
    }
    if let Some(expires) = userid.expires {
        rules = rules.expires(match expires {
            UserIdExpires::Max => Expires::Max,
            UserIdExpires::After(time) => Expires::After(time),
        });
    }
    if let Some(mark) = userid.mark {
        rules = rules.mark(mark);
    }
    if let Some(p3p) = &userid.p3p {
        rules = rules.p3p(p3p.clone());
    }
    if let Some(service) = userid.service {
        rules = rules.service(service);
    }
    if userid.mode == UserIdMode::V1 {
        rules = rules.version(Version::One);
    }
    userid.flags.iter().fold(rules, |rules, flag| match flag {
        UserIdFlag::Secure => rules.secure(),
        UserIdFlag::HttpOnly => rules.http_only(),
        UserIdFlag::SameSiteStrict => rules.same_site(SameSite::Strict),
        UserIdFlag::SameSiteLax => rules.same_site(SameSite::Lax),
        UserIdFlag::SameSiteNone => rules.same_site(SameSite::None),
    })
}

/// Who knows the clients of a location.
#[derive(Debug)]
pub(crate) struct Users {
    rules: Rules,
    issuer: Issuer,
    gives: bool,
    reset: Option<Template>,
}

impl Users {
    /// The request's client is known by this one from here on. What was found out of it `before`, in another location, stays.
    pub(crate) fn introduce(self: &Arc<Self>, exchange: &Exchange, before: Option<&dyn UserIds>) {
        let before = before.and_then(|before| before.as_any().downcast_ref::<Known>());
        let visitor = before.map(|before| before.visitor.clone()).unwrap_or_default();
        propylon_vars::set_user_ids(exchange, Arc::new(Known { users: self.clone(), visitor }));
    }

    /// What is known of a request's client: for the layer, which asks for no variables.
    pub(crate) fn visitor(&self, exchange: &Exchange) -> Option<Visitor> {
        let ids = propylon_vars::user_ids(exchange).filter(|_| self.gives)?;
        let known = ids.as_any().downcast_ref::<Known>()?;
        known.given(exchange);
        Some(known.visitor.clone())
    }

    /// Whether whoever has this cookie is to get another id.
    fn resets(&self, exchange: &Exchange, got: &Got) -> bool {
        let Some(reset) = &self.reset else { return false };
        let reset = reset.eval(exchange);
        if reset == "log" {
            error_log::of(exchange, || {
                tracing::info!(
                    target: "propylon_gateway", client = %exchange.client(),
                    "userid cookie \"{}={}\" was reset", self.rules.name(), got.id()
                );
            });
        }
        !reset.is_empty() && reset != "0"
    }
}

/// What one location knows of the client of a request.
struct Known {
    users: Arc<Users>,
    visitor: Visitor,
}

impl Known {
    /// What the client gets.
    fn given(&self, exchange: &Exchange) -> Option<&Set> {
        let Users { rules, issuer, gives, .. } = &*self.users;
        let resets = |got: &Got| self.users.resets(exchange, got);
        let set = || self.visitor.set(rules, issuer, lines(exchange), resets, local(exchange));
        gives.then(set)?
    }

    fn shown(&self, id: Id) -> Bytes {
        format!("{}={id}", self.users.rules.name()).into()
    }
}

impl UserIds for Known {
    fn got(&self, exchange: &Exchange) -> Option<Bytes> {
        let got = self.visitor.got(&self.users.rules, lines(exchange))?;
        Some(self.shown(got.id()))
    }

    fn set(&self, exchange: &Exchange) -> Option<Bytes> {
        Some(self.shown(self.given(exchange)?.id()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The lines of `Cookie`, as they came.
fn lines(exchange: &Exchange) -> impl Iterator<Item = &[u8]> {
    exchange.head().into_iter().flat_map(|head| head.headers.values(&COOKIE))
}

/// The end of the address that the client is connected to.
fn local(exchange: &Exchange) -> [u8; 4] {
    match exchange.connection().local.as_ip() {
        Some(IpAddr::V4(ip)) => ip.octets(),
        Some(IpAddr::V6(ip)) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
        None => [0; 4],
    }
}
