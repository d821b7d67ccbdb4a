//! The relying party: all that is known and kept for one provider, and what its users are answered.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response};
use propylon_auth_jwt::{KeySet, Refused, Token};
use tokio::time::Instant;
use tower_service::Service;

use crate::answer::{Answer, Cookies};
use crate::ask::{self, Tokens};
use crate::claims::{self, Subject};
use crate::form::Arguments;
use crate::known::Known;
use crate::login::{Login, browser};
use crate::metadata::Metadata;
use crate::secrets::{Secrets, base64, fingerprint, random};
use crate::used::Used;
use crate::{Error, Memory, Provider, Session, Store};

/// What lasts longer than a [`RelyingParty`], whose settings may change: its sessions, and the logins that are under way.
#[derive(Clone)]
pub struct Kept(Arc<Lasting>);

struct Lasting {
    store: Arc<dyn Store>,
    secrets: Secrets,
    used: Used,
}

impl Kept {
    /// Nothing yet, with sessions in this store.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(store: Arc<dyn Store>) -> Result<Self, std::io::Error> {
        let secrets =
            Secrets::new().ok_or_else(|| std::io::Error::other("random numbers are unavailable"))?;
        Ok(Self(Arc::new(Lasting { store, secrets, used: Used::default() })))
    }

    /// The same in memory, 8 MiB of it.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn in_memory() -> Result<Self, std::io::Error> {
        Self::new(Arc::new(Memory::default()))
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// What is asked by a path that is the provider's business, not the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A user comes back from the provider.
    Callback,
    /// A user wants to leave.
    Logout,
    /// The provider says that a user has left.
    FrontChannel,
}

/// What a request says, for as much as it is of interest.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Scheme and host as the browser sees them: `https://app.example.com`.
    pub origin: &'a str,
    /// Path and query as they came: where a user comes back to.
    pub target: &'a [u8],
    /// The query alone.
    pub query: &'a [u8],
    /// The fields `Cookie`.
    pub cookies: &'a [&'a [u8]],
}

/// A service's end of OpenID Connect with one provider, which it asks through a client. Clones share everything.
#[derive(Debug)]
pub struct RelyingParty<C> {
    inner: Arc<Inner>,
    client: C,
}

impl<C: Clone> Clone for RelyingParty<C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), client: self.client.clone() }
    }
}

#[derive(Debug)]
struct Inner {
    provider: Provider,
    /// Whose sessions are ours.
    whose: Box<str>,
    kept: Kept,
    metadata: Known<Metadata>,
    keys: Known<KeySet>,
}

impl<C> RelyingParty<C> {
    /// One for this provider, which is asked through this client: it verifies whom it talks to, has limits of time and size, and follows no
    /// redirects.
    #[must_use]
    pub fn new(provider: Provider, kept: Kept, client: C) -> Self {
        let whose = format!("{} {}", provider.issuer, provider.client_id).into();
        let inner = Inner { provider, whose, kept, metadata: Known::new(), keys: Known::new() };
        Self { inner: Arc::new(inner), client }
    }

    /// What outlives it.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.inner.kept
    }

    /// The session of a request with these fields `Cookie`.
    #[must_use]
    pub fn session<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Option<Arc<Session>> {
        let id = cookie(cookies, &self.inner.provider.cookie_name)?;
        self.inner.lasting().store.get(&fingerprint(id)).filter(|found| found.is_of(&self.inner.whose, now()))
    }

    /// What a request for this path, decoded, asks for, if that is the provider's business.
    #[must_use]
    pub fn step(&self, path: &[u8]) -> Option<Step> {
        let provider = &self.inner.provider;
        let is = |uri: Option<&str>| uri.is_some_and(|uri| uri.as_bytes() == path);
        if is(Some(provider.callback())) {
            Some(Step::Callback)
        } else if is(provider.logout_uri.as_deref()) {
            Some(Step::Logout)
        } else if is(provider.frontchannel_logout_uri.as_deref()) {
            Some(Step::FrontChannel)
        } else {
            None
        }
    }
}

impl Inner {
    fn lasting(&self) -> &Lasting {
        &self.kept.0
    }

    fn origin<'a>(&'a self, asked: &Asked<'a>) -> &'a str {
        self.provider.origin().unwrap_or(asked.origin)
    }

    fn redirect_uri(&self, asked: &Asked<'_>) -> String {
        format!("{}{}", self.origin(asked), self.provider.callback())
    }

    fn cookies(&self, asked: &Asked<'_>) -> Cookies {
        Cookies { secure: self.origin(asked).starts_with("https://") }
    }
}

impl<C> RelyingParty<C>
where
    C: Service<Request<Bytes>, Response = Response<Bytes>> + Clone,
    C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends somebody to the provider who has no session.
    pub async fn login(&self, asked: &Asked<'_>) -> Answer {
        self.send_to_login(asked).await.unwrap_or_else(Answer::error)
    }

    async fn send_to_login(&self, asked: &Asked<'_>) -> Result<Answer, Error> {
        let inner = &*self.inner;
        let metadata = self.metadata().await?;
        let name = inner.provider.login_cookie();
        let no_luck = || Error::Full("random numbers are unavailable".into());
        let browser = browser(cookie(asked.cookies.iter().copied(), &name)).ok_or_else(no_luck)?;
        let login = Login::begin(asked.target, now()).ok_or_else(no_luck)?;
        let secrets = &inner.lasting().secrets;
        let to = login.url(&inner.provider, &metadata, secrets, &inner.redirect_uri(asked), &browser);
        let cookie = inner.cookies(asked).login(&name, &browser);
        Ok(Answer::redirect(&to.ok_or_else(no_luck)?).cookie(&cookie))
    }

    /// Answers what is the provider's business.
    pub async fn answer(&self, step: Step, asked: &Asked<'_>) -> Answer {
        match step {
            Step::Callback => self.callback(asked).await.unwrap_or_else(Answer::error),
            Step::Logout => self.logout(asked).await,
            Step::FrontChannel => self.front_channel(asked),
        }
    }

    /// OpenID Connect Core, 3.1.2.5 and what follows.
    async fn callback(&self, asked: &Asked<'_>) -> Result<Answer, Error> {
        let (inner, now) = (&*self.inner, now());
        let Lasting { store, secrets, used } = inner.lasting();
        let provider = &inner.provider;
        let arguments = Arguments::parse(asked.query);
        let login_cookie = provider.login_cookie();
        let browser = cookie(asked.cookies.iter().copied(), &login_cookie)
            .ok_or(Error::State("the browser sent no login cookie"))?;
        let state = arguments.one("state").ok_or(Error::State("`state` is missing"))?;
        let login = Login::of(state, secrets, provider, browser, now)?;
        if !used.first(login.random) {
            return Err(Error::State("`state` has already been used"));
        }
        let metadata = self.metadata().await?;
        // RFC 9207, 2.4: else another provider's answer could be passed off as this one's.
        match arguments.one("iss") {
            Some(iss) if iss != &*provider.issuer => {
                return Err(Error::State("`iss` names another provider"));
            }
            None if metadata.names_itself => return Err(Error::State("`iss` is missing")),
            _ => {}
        }
        if arguments.has("error") {
            let text = |name| arguments.one(name).unwrap_or_default().chars().take(256).collect::<String>();
            return Err(Error::Denied {
                error: text("error").into(),
                description: text("error_description").into(),
            });
        }
        let code = arguments.one("code").ok_or(Error::State("`code` is missing"))?;
        let session =
            self.begin_session(&metadata, code, &login, browser, &inner.redirect_uri(asked), now).await?;
        // A new name for each session: nobody can have given it to the browser before (session fixation).
        let id =
            random::<32>().map(base64).ok_or_else(|| Error::Full("random numbers are unavailable".into()))?;
        if let Some(before) = cookie(asked.cookies.iter().copied(), &provider.cookie_name) {
            store.remove(&fingerprint(before));
        }
        store.put(fingerprint(&id), Arc::new(session), provider.session_timeout).map_err(Error::Full)?;
        let cookie = inner.cookies(asked).session(&provider.cookie_name, &id);
        // Who stands before us may have another scheme and host: a path would do, if nobody made a URL of it.
        let way = format!("{}{}", provider.origin().unwrap_or_default(), login.way());
        Ok(Answer::redirect(&way).cookie(&cookie))
    }

    /// The session that a code is good for.
    async fn begin_session(
        &self,
        metadata: &Metadata,
        code: &str,
        login: &Login,
        browser: &str,
        redirect_uri: &str,
        now: SystemTime,
    ) -> Result<Session, Error> {
        let (provider, secrets) = (&self.inner.provider, &self.inner.lasting().secrets);
        let verifier = metadata.binds_codes(provider).then(|| login.verifier(secrets, browser));
        let request = ask::tokens(provider, metadata, code, redirect_uri, verifier.as_deref())?;
        let tokens = ask::read_tokens(&self.send(request, "the response of the token endpoint").await?)?;
        let token = Token::parse(tokens.id.as_bytes())?;
        let nonce = login.nonce(secrets, browser);
        let Subject { subject, sid } = self.judge(metadata, &token, &nonce, &tokens, now).await?;
        let userinfo = match &metadata.userinfo_endpoint {
            _ if !provider.userinfo => None,
            None => return Err(Error::Lacks("`userinfo_endpoint`")),
            Some(url) => {
                let request = ask::userinfo(url, &tokens.access)?;
                let json = ask::body(self.send(request, ask::USERINFO).await?, ask::USERINFO)?;
                let claims = ask::read_userinfo(&json, &subject)?;
                Some((ask::one_line(&json), claims))
            }
        };
        let ends = now.checked_add(provider.session_timeout).unwrap_or(now + crate::known::FRESH);
        let session = Session::new(self.inner.whose.clone(), token, &tokens.access, ends);
        Ok(session.with_userinfo(userinfo).with_sid(sid))
    }

    /// Judges a token with the keys that are known, and with newer ones if it is of none of these: providers change them.
    async fn judge(
        &self,
        metadata: &Metadata,
        token: &Token,
        nonce: &str,
        tokens: &Tokens,
        now: SystemTime,
    ) -> Result<Subject, Error> {
        const WHAT: &str = "the provider's key set";
        let since = Instant::now();
        let fetch = || async {
            let answer = self.send(ask::get(&metadata.jwks_uri, WHAT)?, WHAT).await?;
            KeySet::parse(&ask::body(answer, WHAT)?).map_err(|error| Error::answer(WHAT, &error))
        };
        let judge =
            |keys: &KeySet| claims::check(token, keys, &self.inner.provider, nonce, &tokens.access, now);
        let known = &self.inner.keys;
        match judge(&*known.get(fetch).await?) {
            Err(Error::Token(Refused::NoKey | Refused::Signature)) => {
                judge(&*known.fetch(Some(since), fetch).await?)
            }
            judged => judged,
        }
    }

    /// RP-Initiated Logout, 2. Ours is over whatever the provider says.
    async fn logout(&self, asked: &Asked<'_>) -> Answer {
        let (inner, provider) = (&*self.inner, &self.inner.provider);
        let session = self.session(asked.cookies.iter().copied());
        self.end(asked);
        let after = provider.post_logout_uri.as_deref().map(|uri| match uri.starts_with('/') {
            true => format!("{}{uri}", inner.origin(asked)),
            false => uri.to_owned(),
        });
        let (there, why) = match self.metadata().await {
            Ok(metadata) => (metadata.end_session_endpoint.clone(), None),
            Err(why) => (None, Some(why)),
        };
        let answer = match (there, after) {
            (Some(url), after) => {
                let mut pairs = vec![("client_id", &*provider.client_id)];
                pairs.extend(after.as_deref().map(|after| ("post_logout_redirect_uri", after)));
                let hint = session.as_ref().filter(|_| provider.logout_token_hint);
                pairs.extend(hint.map(|session| ("id_token_hint", session.id_token())));
                Answer::redirect(&crate::form::with_arguments(&url, &crate::form::join(&pairs)))
            }
            (None, Some(after)) => Answer::redirect(&after),
            (None, None) => Answer::page(LOGGED_OUT),
        };
        answer.because(why).cookie(&inner.cookies(asked).gone(&provider.cookie_name))
    }

    /// Front-Channel Logout, 3: of the session with a name, or else of the browser's.
    fn front_channel(&self, asked: &Asked<'_>) -> Answer {
        let (inner, provider) = (&*self.inner, &self.inner.provider);
        let arguments = Arguments::parse(asked.query);
        match (arguments.one("iss"), arguments.one("sid")) {
            (Some(iss), Some(sid)) if iss == &*provider.issuer => inner.lasting().store.remove_named(sid),
            (None, None) if !arguments.has("iss") && !arguments.has("sid") => self.end(asked),
            _ => return Answer::error(Error::Logout),
        }
        Answer::page("").cookie(&inner.cookies(asked).gone(&provider.cookie_name))
    }

    fn end(&self, asked: &Asked<'_>) {
        if let Some(id) = cookie(asked.cookies.iter().copied(), &self.inner.provider.cookie_name) {
            self.inner.lasting().store.remove(&fingerprint(id));
        }
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        const WHAT: &str = "the provider's metadata";
        let fetch = || async {
            let provider = &self.inner.provider;
            let answer = self.send(ask::get(&provider.metadata_url(), WHAT)?, WHAT).await?;
            Metadata::parse(&ask::body(answer, WHAT)?, provider)
        };
        self.inner.metadata.get(fetch).await
    }

    async fn send(&self, request: Request<Bytes>, what: &'static str) -> Result<Response<Bytes>, Error> {
        let mut client = self.client.clone();
        let unreachable = |error: C::Error| Error::Unreachable { what, source: error.into().into() };
        poll_fn(|cx| client.poll_ready(cx)).await.map_err(unreachable)?;
        client.call(request).await.map_err(unreachable)
    }
}

const LOGGED_OUT: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Logged out</title></head>\
                          <body><p>You are logged out.</p></body></html>\n";

/// The value of a cookie, which is one that was made here.
fn cookie<'a>(fields: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<&'a str> {
    let pairs = fields.into_iter().flat_map(|field| field.split(|&byte| byte == b';'));
    pairs.into_iter().find_map(|pair| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value.trim_ascii_end()).ok().filter(|value| !value.is_empty())
    })
}

#[expect(clippy::disallowed_methods, reason = "what tokens say of their time is said of the wall's")]
fn now() -> SystemTime {
    SystemTime::now()
}
