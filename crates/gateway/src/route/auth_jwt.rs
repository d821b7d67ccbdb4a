//! `auth_jwt`: configuration to keys and a check, and what a token says to variables.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Component;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use propylon_auth_jwt::{KeyError, KeyFile, KeySet, Refused, Token, bearer, challenge};
use propylon_config::{Require, Settings, Template};
use propylon_exchange::{End, Exchange};
use propylon_vars::TokenPart;
use tokio::time::Instant;

use super::auth_request::bytes;
use super::{Found, LimitsSeen};
use crate::client::Closed;
use crate::dispatch::{Beside, Parent};
use crate::rescue;
use crate::routing::Path;

/// Whose tokens a location lets in.
#[derive(Clone)]
pub(crate) struct AuthJwt(Arc<Inner>);

struct Inner {
    realm: Template,
    token: Option<Template>,
    sources: Vec<Source>,
    /// How long keys are used.
    cache: Option<Duration>,
    leeway: Duration,
    require: Vec<Require>,
}

/// Where keys are, and those that are used for some time.
enum Source {
    File(Arc<KeyFile>, Kept),
    /// Which file it is depends on the request.
    Each(Template),
    Request((Bytes, Option<Bytes>), Kept),
}

type Kept = Mutex<Option<(Instant, Arc<KeySet>)>>;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("auth_jwt: invalid response from \"{uri}\": {why}")]
    Answer { uri: String, why: Box<dyn std::error::Error + Send + Sync> },
    #[error("auth_jwt: no keys are available")]
    None,
    #[error("auth_jwt: the path \"{0}\" contains \"..\"")]
    Outside(String),
    #[error("auth_jwt: the location of the keys closes the connection")]
    Closed,
}

/// What comes of a look at a request's token.
pub(crate) enum Judged {
    /// Nobody is asked.
    Unasked,
    /// It may come in, and what it says is known.
    Good,
    /// It may not, and nobody hears what it says.
    Refused(Found),
}

/// A token, for variables.
struct Said(Token);

impl propylon_vars::Token for Said {
    fn value(&self, part: TokenPart, path: &[Box<str>]) -> Option<Bytes> {
        match part {
            TokenPart::Header => self.0.header(path),
            TokenPart::Claims => self.0.claim(path),
        }
    }

    fn payload(&self) -> Option<Bytes> {
        Some(self.0.payload().clone())
    }
}

fn parse(token: Option<&Template>, exchange: &Exchange) -> Result<Token, Refused> {
    match token {
        Some(token) => Token::parse(&token.eval(exchange)),
        None => {
            let head = exchange.head();
            let value = head.and_then(|head| head.headers.value(&AUTHORIZATION));
            Token::parse(value.and_then(bearer).unwrap_or_default())
        }
    }
}

impl AuthJwt {
    /// Nothing, where nobody is asked.
    pub(crate) fn new(settings: &Settings) -> Option<Self> {
        let config = &settings.auth_jwt;
        let realm = config.realm.as_ref()?.value.clone();
        let files = config.key_file.iter().map(|file| match file.as_static() {
            Some(path) => Source::File(Arc::new(KeyFile::new(OsStr::from_bytes(path))), Kept::default()),
            None => Source::Each(file.clone()),
        });
        let requests =
            config.key_request.iter().map(|uri| Source::Request(bytes(&uri.value), Kept::default()));
        Some(Self(Arc::new(Inner {
            realm,
            token: config.token.clone(),
            sources: files.chain(requests).collect(),
            cache: config.key_cache,
            leeway: config.leeway,
            require: config.require.clone(),
        })))
    }

    /// Whether another location is asked for keys.
    pub(crate) fn asks(&self) -> bool {
        self.0.sources.iter().any(|source| matches!(source, Source::Request(..)))
    }

    /// Looks at the token of a request. What limits see of who is asked for keys they have seen of the request.
    pub(crate) async fn run(
        &self,
        parent: &Parent<'_>,
        path: &Path,
        seen: &mut Option<Box<LimitsSeen>>,
    ) -> Judged {
        let exchange = parent.exchange;
        let realm = self.0.realm.eval(exchange);
        if realm == "off" {
            return Judged::Unasked;
        }
        let Err(why) = self.0.check(parent, path, seen).await else { return Judged::Good };
        propylon_vars::set_token(exchange, None);
        let (status, invalid) = match why {
            Not::Token(Refused::NoToken) => (StatusCode::UNAUTHORIZED, false),
            Not::Token(why) => {
                rescue::report_text(exchange, &why.to_string());
                (StatusCode::UNAUTHORIZED, true)
            }
            Not::Required(status) => {
                rescue::report_text(exchange, "the JSON Web Token does not meet `auth_jwt.require`");
                (status, true)
            }
            Not::Keys(Missing::Closed) => return Judged::Refused(Found::close()),
            Not::Keys(why) => {
                rescue::report_text(exchange, &why.to_string());
                (StatusCode::INTERNAL_SERVER_ERROR, false)
            }
        };
        let mut fields = HeaderMap::new();
        if status == StatusCode::UNAUTHORIZED
            && let Some(challenge) = challenge(&realm, invalid)
        {
            fields.insert(WWW_AUTHENTICATE, challenge);
        }
        Judged::Refused(Found::with(status, fields))
    }
}

/// Why a request may not come in.
enum Not {
    Token(Refused),
    Required(StatusCode),
    Keys(Missing),
}

impl Inner {
    async fn check(
        &self,
        parent: &Parent<'_>,
        path: &Path,
        seen: &mut Option<Box<LimitsSeen>>,
    ) -> Result<(), Not> {
        let exchange = parent.exchange;
        let token = parse(self.token.as_ref(), exchange).map_err(Not::Token)?;
        let said = Arc::new(Said(token));
        let mut sets = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            sets.push(source.keys(parent, path, seen, self.cache, &said).await.map_err(Not::Keys)?);
        }
        if sets.is_empty() {
            return Err(Not::Keys(Missing::None));
        }
        let sets = sets.iter().map(AsRef::as_ref);
        KeySet::verify(sets, &said.0, now(), self.leeway).map_err(Not::Token)?;
        propylon_vars::set_token(exchange, Some(said)); // what is required of it is made of it
        let fails = |require: &&Require| {
            require.values.iter().any(|value| matches!(&*value.eval(exchange), b"" | b"0"))
        };
        self.require.iter().find(fails).map_or(Ok(()), |require| Err(Not::Required(require.error)))
    }
}

#[expect(clippy::disallowed_methods, reason = "what tokens say of their time is said of the wall's")]
fn now() -> SystemTime {
    SystemTime::now()
}

impl Source {
    async fn keys(
        &self,
        parent: &Parent<'_>,
        path: &Path,
        seen: &mut Option<Box<LimitsSeen>>,
        cache: Option<Duration>,
        token: &Arc<Said>,
    ) -> Result<Arc<KeySet>, Missing> {
        let kept = match self {
            Self::Each(file) => {
                let file =
                    propylon_vars::with_token(parent.exchange, token.clone(), || file.eval(parent.exchange));
                let file = inside(&file)?;
                return Ok(Arc::new(KeyFile::new(file)).look().await?);
            }
            Self::File(_, kept) | Self::Request(_, kept) => kept,
        };
        if let Some(cache) = cache
            && let Some((at, keys)) = &*kept.lock()
            && at.elapsed() < cache
        {
            return Ok(keys.clone());
        }
        let keys = match self {
            Self::Request(uri, _) => Arc::new(ask(parent, path, uri, seen).await?),
            Self::File(file, _) => file.look().await?,
            Self::Each(_) => return Err(Missing::None),
        };
        if cache.is_some() {
            *kept.lock() = Some((Instant::now(), keys.clone()));
        }
        Ok(keys)
    }
}

/// A file whose name may be written in a token that nobody has found good.
fn inside(file: &[u8]) -> Result<&std::path::Path, Missing> {
    let path = std::path::Path::new(OsStr::from_bytes(file));
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(Missing::Outside(path.display().to_string()));
    }
    Ok(path)
}

/// Asks another location for keys.
async fn ask(
    parent: &Parent<'_>,
    path: &Path,
    (uri, args): &(Bytes, Option<Bytes>),
    seen: &mut Option<Box<LimitsSeen>>,
) -> Result<KeySet, Missing> {
    let to = path.clone().redirected(uri.clone(), args.clone());
    let mut beside = Beside::keys(parent, to, seen.take());
    let answer = beside.open().await;
    *seen = beside.limits();
    let (head, body) = answer.map_err(|Closed| Missing::Closed)?.into_parts();
    propylon_vars::give_back(beside.exchange(), parent.exchange);
    let wrong = |why| Missing::Answer { uri: String::from_utf8_lossy(uri).into_owned(), why };
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let body = Limited::new(body, KeySet::LARGEST).collect().await;
    let end = if body.is_ok() { End::Complete } else { End::Truncated };
    beside.exchange().ended(end);
    if head.status != StatusCode::OK {
        return Err(wrong(format!("unexpected status {}", head.status.as_u16()).into()));
    }
    let body = body.map_err(wrong)?;
    KeySet::parse(&body.to_bytes()).map_err(|why| wrong(why.into()))
}
