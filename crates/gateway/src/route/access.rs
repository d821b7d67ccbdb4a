//! `access`, `auth_oidc`, `auth_jwt` and `auth_request`: configuration to rules, and what they decide to answers.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use propylon_access::{Access, Client, Delay, Login, Refused, Rules, UserFile, Verdict, Whom};
use propylon_auth_request::Verdict as Said;
use propylon_config::{self as config, AccessRule, BasicAuth, Peer, Settings, Template};
use propylon_exchange::Exchange;
use tokio::sync::Semaphore;

use super::auth_jwt::{AuthJwt, Judged};
use super::auth_oidc::{AuthOidc, Came};
use super::auth_request::AuthRequest;
use super::{Found, LimitsSeen};
use crate::client::Closed;
use crate::dispatch::Parent;
use crate::error_log;
use crate::rescue;
use crate::routing::Path;
use crate::upstreams::Upstreams;

/// Who may come in at a location.
#[derive(Clone)]
pub(crate) struct Guard {
    usual: Gate,
    /// What holds for all methods but these.
    except: Option<(Vec<Method>, Gate)>,
    /// Where users log in.
    oidc: Option<AuthOidc>,
    /// Whose tokens are good.
    jwt: Option<AuthJwt>,
    /// Who is asked besides.
    request: Option<AuthRequest>,
    /// Whether one of all these is enough.
    any: bool,
    /// How long a 401 takes, whoever says so.
    delay: Delay,
}

#[derive(Clone)]
struct Gate {
    access: Access,
    basic: Option<Basic>,
}

#[derive(Clone)]
struct Basic {
    realm: Template,
    users: Users,
    turns: Arc<Semaphore>,
}

#[derive(Clone)]
enum Users {
    One(Arc<UserFile>),
    /// Which file it is depends on the request.
    Each(Template),
}

impl Guard {
    /// Nothing, where everybody may come in.
    pub(crate) fn new(settings: &Settings, upstreams: &Upstreams<'_>) -> Option<Self> {
        let config = &settings.access;
        let (jwt, request) = (AuthJwt::new(settings), AuthRequest::new(settings));
        let oidc = AuthOidc::new(settings, upstreams);
        if config.is_open() && oidc.is_none() && jwt.is_none() && request.is_none() {
            return None;
        }
        let gate = |rules: &[AccessRule], basic: Option<&BasicAuth>| Gate {
            access: Access::new(self::rules(rules)).satisfy_any(config.satisfy_any),
            basic: basic.map(|basic| Basic::new(basic, &upstreams.password_turns)),
        };
        Some(Self {
            usual: gate(&config.rules, config.basic.as_ref()),
            except: config.limit_except.as_ref().map(|limit: &config::LimitExcept| {
                (limit.methods.clone(), gate(&limit.rules, limit.basic.as_ref()))
            }),
            oidc,
            jwt,
            request,
            any: config.satisfy_any,
            delay: Delay::new(config.delay.unwrap_or_default()),
        })
    }

    /// Whether who is asked may say how fast the response goes.
    pub(crate) fn sets_rate(&self) -> bool {
        self.request.as_ref().is_some_and(AuthRequest::sets_rate)
    }

    /// Finds the session that the request is of: for those who want to know before `run`.
    pub(crate) fn look_at_session(&self, exchange: &Exchange) {
        if let Some(oidc) = &self.oidc {
            oidc.look(exchange);
        }
    }

    /// What comes of the request's token, where that is known without asking another location: for those who want to know before `run`.
    pub(crate) async fn look_at_token(&self, parent: &Parent<'_>, path: &Path) -> Option<Judged> {
        let jwt = self.jwt.as_ref().filter(|jwt| !jwt.asks())?;
        Some(jwt.run(parent, path, &mut None).await)
    }

    /// Decides about a request, of whose `token` something may be known; the answer is that of one who may not come in, when it is time for it.
    pub(crate) async fn run(
        &self,
        parent: &Parent<'_>,
        method: &Method,
        path: &mut Path,
        seen: &mut Option<Box<LimitsSeen>>,
        token: Option<Judged>,
    ) -> Option<Found> {
        let due = self.delay.begin();
        let found = self.judge(parent, method, path, seen, token).await;
        if let Some(Found::With(status, _) | Found::Page(status, _)) = found
            && due.waits(status)
        {
            error_log::of(parent.exchange, || {
                tracing::info!(
                    target: "propylon_gateway",
                    client = %parent.exchange.client(),
                    "delaying unauthorized request"
                );
            });
            due.wait(status).await;
        }
        found
    }

    /// Decides about a request, as fast as it can.
    async fn judge(
        &self,
        parent: &Parent<'_>,
        method: &Method,
        path: &mut Path,
        seen: &mut Option<Box<LimitsSeen>>,
        token: Option<Judged>,
    ) -> Option<Found> {
        let exchange = parent.exchange;
        let gate = match &self.except {
            Some((methods, gate)) if !methods.contains(method) => gate,
            _ => &self.usual,
        };
        let client = exchange.client().as_ip().map_or(Client::Unix, Client::Ip);
        let login = gate.basic.as_ref().and_then(|basic| basic.login(exchange));
        // Whether somebody vouches for the client when it is let in: where either is enough, that nobody refuses it is not.
        let address = gate.access.address(client);
        let vouched = login.is_some() || address == Some(true);
        let verdict = gate.access.decide(address, login).await;
        let asks = match verdict.status() {
            None => !(self.any && vouched),
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => self.any,
            Some(_) => false,
        };
        if !asks || self.oidc.is_none() && self.jwt.is_none() && self.request.is_none() {
            // Who is let in already may have a session all the same, and comes back and leaves like everybody else.
            if let (None, Some(oidc)) = (verdict.status(), &self.oidc)
                && let Came::Step(found) = oidc.run(exchange, path).await
            {
                return Some(found);
            }
            return refusal(exchange, verdict);
        }
        let so_far = match verdict {
            Verdict::Forbidden => Some(Found::page(StatusCode::FORBIDDEN)), // that is not the last word
            verdict => refusal(exchange, verdict),
        };
        let Some(oidc) = &self.oidc else { return self.ask(parent, path, seen, token, so_far).await };
        match oidc.run(exchange, path).await {
            Came::Step(found) => Some(found),
            Came::In if self.any => None,
            Came::In => self.ask(parent, path, seen, token, so_far).await,
            Came::Unknown if !self.any => Some(oidc.login(exchange, path).await),
            Came::Unknown => {
                let nobody = Found::page(StatusCode::UNAUTHORIZED);
                let found = self.ask(parent, path, seen, token, Some(either(so_far, nobody))).await;
                // Nobody lets it in: then it may log in.
                match found {
                    Some(found) if found.refuses() => Some(oidc.login(exchange, path).await),
                    found => found,
                }
            }
        }
    }

    /// Asks about a request that is not let in yet: `so_far` is how those refuse who would have been enough.
    async fn ask(
        &self,
        parent: &Parent<'_>,
        path: &mut Path,
        seen: &mut Option<Box<LimitsSeen>>,
        token: Option<Judged>,
        mut so_far: Option<Found>,
    ) -> Option<Found> {
        let exchange = parent.exchange;
        if let Some(jwt) = &self.jwt {
            let judged = match token {
                Some(judged) => judged,
                None => jwt.run(parent, path, seen).await,
            };
            match judged {
                Judged::Good if self.any => return None,
                Judged::Good | Judged::Unasked => {}
                Judged::Refused(found) if self.any && found.refuses() => so_far = Some(either(so_far, found)),
                Judged::Refused(found) => return Some(found),
            }
        }
        let Some(request) = &self.request else { return last(exchange, so_far) };
        match request.run(parent, path, seen).await {
            Ok(said) => joined(exchange, so_far, said),
            Err(Closed) => Some(Found::close()),
        }
    }
}

/// What rules and passwords alone lead to.
fn refusal(exchange: &Exchange, verdict: Verdict) -> Option<Found> {
    let status = verdict.status();
    match verdict {
        Verdict::Allowed { user } => {
            if let Some(user) = user {
                exchange.set_user(user);
            }
            None
        }
        Verdict::Forbidden => {
            report_forbidden(exchange);
            Some(Found::page(StatusCode::FORBIDDEN))
        }
        Verdict::Unauthorized { challenge, why } => {
            if !matches!(why, Refused::NoUser) {
                rescue::report_text(exchange, &why.to_string());
            }
            let fields = challenge.map(|challenge| (WWW_AUTHENTICATE, challenge));
            Some(Found::with(StatusCode::UNAUTHORIZED, fields.into_iter().collect()))
        }
        Verdict::Failed(why) => {
            rescue::report_text(exchange, &why.to_string());
            Some(Found::page(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)))
        }
    }
}

/// What two of them lead to who would each have been enough: a 401 of any is one of all.
fn either(first: Option<Found>, second: Found) -> Found {
    match (first, second) {
        (Some(Found::With(status, mut fields)), Found::With(_, more)) => {
            for challenge in more.get_all(WWW_AUTHENTICATE) {
                fields.append(WWW_AUTHENTICATE, challenge.clone());
            }
            Found::With(status, fields)
        }
        (Some(first @ Found::With(..)), Found::Page(..)) => first,
        (Some(first), Found::Page(StatusCode::FORBIDDEN, _)) => first,
        (_, second) => second,
    }
}

/// The last word.
fn last(exchange: &Exchange, found: Option<Found>) -> Option<Found> {
    if matches!(found, Some(Found::Page(StatusCode::FORBIDDEN, _))) {
        report_forbidden(exchange);
    }
    found
}

/// What all of it leads to. `so_far`: how those refuse who would have been enough; a 401 of any of them is one of all.
fn joined(exchange: &Exchange, so_far: Option<Found>, said: Said) -> Option<Found> {
    match said {
        Said::Allowed => None,
        Said::Unexpected(_) => Some(Found::page(StatusCode::INTERNAL_SERVER_ERROR)),
        Said::Unauthorized { challenges } => {
            let mut fields = match so_far {
                Some(Found::With(_, first)) => *first,
                _ => HeaderMap::new(),
            };
            fields.extend(challenges.into_iter().map(|challenge| (WWW_AUTHENTICATE, challenge)));
            Some(Found::with(StatusCode::UNAUTHORIZED, fields))
        }
        Said::Forbidden => match so_far {
            Some(found @ (Found::With(..) | Found::Page(StatusCode::UNAUTHORIZED, _))) => Some(found),
            so_far => {
                if so_far.is_some() {
                    report_forbidden(exchange);
                }
                Some(Found::page(StatusCode::FORBIDDEN))
            }
        },
    }
}

/// Says in the error log that a rule keeps a client out.
pub(crate) fn report_forbidden(exchange: &Exchange) {
    rescue::report_text(exchange, &Refused::Address.to_string());
}

impl Basic {
    fn new(config: &BasicAuth, turns: &Arc<Semaphore>) -> Self {
        let users = match config.users.as_static() {
            Some(path) => Users::One(Arc::new(UserFile::new(OsStr::from_bytes(path)))),
            None => Users::Each(config.users.clone()),
        };
        Self { realm: config.realm.clone(), users, turns: turns.clone() }
    }

    /// How this request is asked; nothing if its realm is "off".
    fn login(&self, exchange: &Exchange) -> Option<Login> {
        let realm = self.realm.eval(exchange);
        if realm == "off" {
            return None;
        }
        let users = match &self.users {
            Users::One(users) => users.clone(),
            Users::Each(path) => Arc::new(UserFile::new(OsStr::from_bytes(&path.eval(exchange)))),
        };
        let authorization = exchange.head().and_then(|head| head.headers.value(&AUTHORIZATION));
        let authorization = authorization.and_then(|value| HeaderValue::from_bytes(value).ok());
        Some(Login { realm, users, turns: self.turns.clone(), authorization })
    }
}

/// Who may come in, by address.
pub(crate) fn rules(rules: &[AccessRule]) -> Rules {
    rules.iter().fold(Rules::new(), |all, rule| {
        let whom = match &rule.whom {
            None => Whom::All,
            Some(Peer::Net(net)) => Whom::Net(*net),
            Some(Peer::Unix) => Whom::Unix,
        };
        if rule.allow { all.allow(whom) } else { all.deny(whom) }
    })
}
