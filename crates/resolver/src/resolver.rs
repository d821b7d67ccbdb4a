//! The resolver: a cache in front of who knows.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::answer::{Endpoint, Endpoints, Found, Question};
use crate::cache::{Cache, Look, NEGATIVE};
use crate::dns::Dns;
use crate::error::{BuildError, Error};
use crate::source::{Families, Source, System};
use crate::watch::Watch;

/// The longest wait for an answer while an old one is there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Resolves names, and remembers the answers. A clone is the same resolver; workers share one.
///
/// See the [crate's documentation](crate) for what it does.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    source: Box<dyn Source>,
    cache: Cache,
    valid: Option<Duration>,
    timeout: Duration,
    runtime: Handle,
}

/// How names are resolved: a builder.
#[derive(Clone, Debug)]
pub struct Builder {
    servers: Vec<SocketAddr>,
    valid: Option<Duration>,
    timeout: Duration,
    families: Families,
    names: usize,
    runtime: Option<Handle>,
}

impl Builder {
    fn new() -> Self {
        Self {
            servers: Vec::new(),
            valid: None,
            timeout: Duration::from_secs(30),
            families: Families { v4: true, v6: true },
            names: 4096,
            runtime: None,
        }
    }

    /// The DNS servers to ask. Without any the operating system is asked (nginx: `resolver`'s addresses).
    #[must_use]
    pub fn servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.servers = servers.into_iter().collect();
        self
    }

    /// How long an answer is used, whatever its time to live says. Default: its time to live; 30 s for what the operating
    /// system says (nginx: `valid=`).
    #[must_use]
    pub fn valid(mut self, valid: Duration) -> Self {
        self.valid = Some(valid);
        self
    }

    /// How long to wait for an answer, all tries together. Default 30 s (nginx: `resolver_timeout`).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether IPv4 addresses are asked for. Default true (nginx: `ipv4=`).
    #[must_use]
    pub fn ipv4(mut self, on: bool) -> Self {
        self.families.v4 = on;
        self
    }

    /// Whether IPv6 addresses are asked for. Default true (nginx: `ipv6=`).
    #[must_use]
    pub fn ipv6(mut self, on: bool) -> Self {
        self.families.v6 = on;
        self
    }

    /// How many names are remembered. Default 4096.
    #[must_use]
    pub fn names(mut self, names: usize) -> Self {
        self.names = names;
        self
    }

    /// Where queries run. Default: the runtime that [`build`](Self::build) is called in. A query outlives who asked, so a
    /// runtime that ends before the resolver is the wrong one.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// The resolver. Nothing is asked yet.
    ///
    /// # Errors
    /// If no kind of address is wanted, or there is no runtime.
    pub fn build(self) -> Result<Resolver, BuildError> {
        let families = self.families;
        if !families.v4 && !families.v6 {
            return Err(BuildError::NoFamily);
        }
        let runtime = match &self.runtime {
            Some(runtime) => runtime.clone(),
            None => Handle::try_current().map_err(|_| BuildError::NoRuntime)?,
        };
        let _entered = runtime.enter();
        let source: Box<dyn Source> = if self.servers.is_empty() {
            Box::new(System::new(families))
        } else {
            Box::new(Dns::new(&self.servers, families))
        };
        Ok(self.with(source, runtime.clone()))
    }

    pub(crate) fn with(&self, source: Box<dyn Source>, runtime: Handle) -> Resolver {
        let cache = Cache::new(self.names);
        Resolver(Arc::new(Inner { source, cache, valid: self.valid, timeout: self.timeout, runtime }))
    }
}

impl Resolver {
    /// A resolver that asks the operating system, until [`Builder::servers`] says otherwise.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The endpoints of a name: from memory while they may be used, else asked for, once for all who wait.
    ///
    /// While the servers do not answer, the last good answer is given, at once or after a second at most.
    ///
    /// # Errors
    /// If the servers say that there is nothing, or none answers and nothing is remembered.
    pub async fn resolve(&self, question: &Question) -> Result<Endpoints, Error> {
        if let Question::Host(name) = question
            && let Some(ip) = literal(name)
        {
            return Ok(Arc::from([Endpoint::from(ip)]));
        }
        if !valid(question.name()) {
            return Err(Error::Invalid { name: question.name().into() });
        }
        let (mut answer, stale) = match self.0.cache.look(question, Instant::now()) {
            Look::Fresh(answer) => return answer,
            Look::Waiting { answer, stale } => (answer, stale),
            Look::Asking { answer, stale, sender } => {
                let (resolver, question) = (self.clone(), question.clone());
                drop(self.0.runtime.spawn(async move {
                    let answer = resolver.ask(&question).await;
                    let _ = sender.send(Some(answer)); // nobody waits: it is remembered all the same
                }));
                (answer, stale)
            }
        };
        let wait = async {
            match answer.wait_for(Option::is_some).await {
                Ok(answer) => answer.clone(),
                Err(_) => None, // the query's runtime has ended
            }
        };
        let gone = || Error::failed(question.name(), "the resolver has stopped");
        match stale {
            None => wait.await.unwrap_or_else(|| Err(gone())),
            Some(stale) => match tokio::time::timeout(PATIENCE, wait).await {
                Ok(Some(answer)) => answer,
                Ok(None) | Err(_) => Ok(stale),
            },
        }
    }

    /// The addresses of a host, IPv4 first. An IP address is its own answer, in brackets or not.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        let found = self.resolve(&Question::host(name)).await?;
        Ok(found.iter().map(|endpoint| endpoint.ip).collect())
    }

    /// Follows a name: tells when what it stands for has changed.
    #[must_use]
    pub fn watch(&self, question: Question) -> Watch {
        Watch::new(self.clone(), question)
    }

    /// Asks now, and remembers what was said.
    async fn ask(&self, question: &Question) -> Result<Endpoints, Error> {
        let asked = tokio::time::timeout(self.0.timeout, self.0.source.ask(question)).await;
        let found = match asked {
            Ok(found) => found.map(Found::sorted),
            Err(_) => Err(Error::Timeout { name: question.name().into() }),
        };
        let found = found.and_then(|found| {
            if found.endpoints.is_empty() {
                return Err(Error::NotFound { name: question.name().into() });
            }
            let ttl = self.0.valid.unwrap_or(found.ttl);
            let ttl = if found.partial.is_some() { ttl.min(NEGATIVE) } else { ttl };
            Ok((Endpoints::from(found.endpoints), ttl, found.partial))
        });
        self.0.cache.store(question, found, Instant::now())
    }

    /// When to ask again for what is remembered.
    pub(crate) fn due(&self, question: &Question) -> Instant {
        self.0.cache.due(question).unwrap_or_else(Instant::now)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("valid", &self.0.valid).finish_non_exhaustive()
    }
}

fn literal(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse().ok()
}

/// What may be asked of DNS (RFC 1035 2.3.4, with the underscore that services need).
fn valid(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
