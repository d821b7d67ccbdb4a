//! `auth_oidc`: who has logged in at a provider, and where everybody else does.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::COOKIE;
use propylon_auth_oidc::{Answer, Asked, Session};
use propylon_config::Settings;
use propylon_exchange::Exchange;
use propylon_vars::LoginPart;

use super::Found;
use crate::oidc::Party;
use crate::rescue;
use crate::routing::Path;
use crate::upstreams::Upstreams;

/// Where users of a location log in.
#[derive(Clone)]
pub(crate) struct AuthOidc {
    /// None: nobody comes in.
    party: Option<Party>,
}

/// What comes of a look at a request.
pub(crate) enum Came {
    /// It is of somebody who has logged in.
    In,
    /// It is of nobody who is known.
    Unknown,
    /// It is the provider's business, and this is the answer.
    Step(Found),
}

/// A session, for variables.
struct Said(Arc<Session>);

impl propylon_vars::Login for Said {
    fn claim(&self, name: &str) -> Option<Bytes> {
        self.0.claim(name)
    }

    fn part(&self, part: LoginPart) -> Option<Bytes> {
        match part {
            LoginPart::IdToken => Some(Bytes::copy_from_slice(self.0.id_token().as_bytes())),
            LoginPart::AccessToken => Some(self.0.access_token().clone()),
            LoginPart::Userinfo => self.0.userinfo().cloned(),
        }
    }
}

impl AuthOidc {
    /// Nothing, where nobody has to log in.
    pub(crate) fn new(settings: &Settings, upstreams: &Upstreams<'_>) -> Option<Self> {
        let provider = settings.auth_oidc.as_ref()?;
        Some(Self { party: upstreams.runtime.oidc.party(provider, &upstreams.config.resolver) })
    }

    /// Finds the session of a request; what is known of it is heard from here on. Whether there is one.
    pub(crate) fn look(&self, exchange: &Exchange) -> bool {
        let session = self.party.as_ref().and_then(|party| {
            let head = exchange.head()?;
            party.session(head.headers.values(&COOKIE))
        });
        let found = session.is_some();
        propylon_vars::set_login(exchange, session.map(|session| Arc::new(Said(session)) as _));
        found
    }

    /// Looks at a request, and answers it where it is for the provider's sake.
    pub(crate) async fn run(&self, exchange: &Exchange, path: &Path) -> Came {
        let is_in = self.look(exchange);
        let step = self.party.as_ref().and_then(|party| Some((party, party.step(path.decoded())?)));
        match step {
            Some((party, step)) => {
                // In a box, for it is large and rare.
                let answer = Box::pin(with(exchange, path, async |asked| party.answer(step, asked).await));
                Came::Step(found(exchange, answer.await))
            }
            None if is_in => Came::In,
            None => Came::Unknown,
        }
    }

    /// Sends somebody to log in.
    pub(crate) async fn login(&self, exchange: &Exchange, path: &Path) -> Found {
        let Some(party) = &self.party else {
            rescue::report_text(exchange, "auth_oidc: the provider is not available");
            return Found::page(StatusCode::INTERNAL_SERVER_ERROR);
        };
        found(exchange, Box::pin(with(exchange, path, async |asked| party.login(asked).await)).await)
    }
}

/// What a request says, for `look`.
async fn with(exchange: &Exchange, path: &Path, look: impl AsyncFnOnce(&Asked<'_>) -> Answer) -> Answer {
    let Some(head) = exchange.head() else { return look(&NOTHING).await };
    let (scheme, host) =
        (if exchange.connection().tls.is_some() { "https" } else { "http" }, exchange.host());
    let host = String::from_utf8_lossy(host.map(|host| &host[..]).unwrap_or_default());
    let port = propylon_vars::request_port(exchange);
    let port = port.map(|port| format!(":{}", String::from_utf8_lossy(port))).unwrap_or_default();
    let cookies: Vec<&[u8]> = head.headers.values(&COOKIE).collect();
    let asked = Asked {
        origin: &format!("{scheme}://{host}{port}"),
        target: propylon_vars::request_uri(&head.target),
        query: path.args().map(|args| &args[..]).unwrap_or_default(),
        cookies: &cookies,
    };
    look(&asked).await
}

const NOTHING: Asked<'_> = Asked { origin: "", target: b"/", query: b"", cookies: &[] };

fn found(exchange: &Exchange, answer: Answer) -> Found {
    if let Some(why) = &answer.why {
        rescue::report_text(exchange, &format!("auth_oidc: {why}"));
    }
    match answer.status {
        StatusCode::OK => Found::Fields(Box::new(answer.headers), answer.body),
        status => Found::with(status, answer.headers),
    }
}
