//! Who is asked: DNS servers, or the operating system.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::answer::{Endpoint, Found, Question};
use crate::error::{BuildError, Error};

/// How long what the operating system says is used: it does not tell.
pub(crate) const SYSTEM_TTL: Duration = Duration::from_secs(30);

/// How many hosts of one service are looked up.
const MAX_TARGETS: usize = 256;

pub(crate) type Asking<'a> = Pin<Box<dyn Future<Output = Result<Found, Error>> + Send + 'a>>;

/// Somebody who knows names. An empty answer says that there is nothing.
pub(crate) trait Source: Send + Sync {
    fn ask<'a>(&'a self, question: &'a Question) -> Asking<'a>;
}

/// Which kinds of addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Families {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl Families {
    fn wants(self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        }
    }
}

/// DNS servers.
pub(crate) struct Dns {
    client: TokioResolver,
    families: Families,
}

impl Dns {
    pub(crate) fn new(servers: &[SocketAddr], families: Families) -> Result<Self, BuildError> {
        let servers = servers.iter().map(|server| {
            let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
            (udp.port, tcp.port) = (server.port(), server.port());
            // "No" is asked of one server: others would only say so again.
            NameServerConfig::new(server.ip(), true, vec![udp, tcp])
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        Self::with(config, families)
    }

    /// The servers of the system's configuration.
    pub(crate) fn system(families: Families) -> Result<Self, BuildError> {
        let system = |error: NetError| BuildError::System(std::io::Error::other(error));
        let (config, _) = hickory_resolver::system_conf::read_system_conf().map_err(system)?;
        let (_, _, servers) = config.into_parts();
        Self::with(ResolverConfig::from_parts(None, Vec::new(), servers), families)
    }

    fn with(config: ResolverConfig, families: Families) -> Result<Self, BuildError> {
        let mut options = ResolverOpts::default();
        options.cache_size = 0; // ours is exact
        options.use_hosts_file = ResolveHosts::Never; // as nginx's `resolver`
        options.case_randomization = false; // some servers take another case for another name
        options.try_tcp_on_error = true;
        options.timeout = Duration::from_secs(2); // one try; all of them have the resolver's timeout
        options.attempts = 3;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let client = builder.build().map_err(|error| BuildError::System(std::io::Error::other(error)))?;
        Ok(Self { client, families })
    }

    /// The records of one kind, and how long they may be used.
    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<(Vec<T>, Option<Duration>), Error> {
        let mut parsed = Name::from_utf8(name).map_err(|_| Error::Invalid { name: name.into() })?;
        parsed.set_fqdn(true); // no search list
        match self.client.lookup(parsed, kind).await {
            Ok(lookup) => {
                let records = lookup.answers().iter();
                let ttl = records.clone().map(|record| record.ttl).min();
                let found = records.filter_map(|record| read(&record.data)).collect();
                Ok((found, ttl.map(|seconds| Duration::from_secs(seconds.into()))))
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok((Vec::new(), None)),
            Err(NetError::Timeout) => Err(Error::Timeout { name: name.into() }),
            Err(error) => Err(Error::failed(name, error)),
        }
    }

    async fn addresses(&self, name: &str) -> Result<Found, Error> {
        let v4 = async {
            if !self.families.v4 {
                return Ok((Vec::new(), None));
            }
            let read = |data: &RData| match data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                _ => None,
            };
            self.records(name, RecordType::A, read).await
        };
        let v6 = async {
            if !self.families.v6 {
                return Ok((Vec::new(), None));
            }
            let read = |data: &RData| match data {
                RData::AAAA(a) => Some(IpAddr::V6(a.0)),
                _ => None,
            };
            self.records(name, RecordType::AAAA, read).await
        };
        let (v4, v6) = tokio::join!(v4, v6);
        // One kind is enough, if there is any of it: a broken server for AAAA must not take the A records away.
        let (found, ttls): (Vec<_>, Vec<_>) = match (v4, v6) {
            (Err(error), Ok((none, _))) | (Ok((none, _)), Err(error)) if none.is_empty() => {
                return Err(error);
            }
            (Err(error), Err(_)) => return Err(error),
            (v4, v6) => v4.into_iter().chain(v6).unzip(),
        };
        Ok(Found {
            endpoints: found.into_iter().flatten().map(Endpoint::from).collect(),
            ttl: ttls.into_iter().flatten().min().unwrap_or_default(),
        })
    }

    async fn service(&self, name: &str) -> Result<Found, Error> {
        let read = |data: &RData| match data {
            // A target of "." says that the service is not offered (RFC 2782).
            RData::SRV(srv) if !srv.target.is_root() => {
                Some((srv.priority, srv.weight, srv.port, srv.target.to_utf8()))
            }
            _ => None,
        };
        let (targets, ttl) = self.records(name, RecordType::SRV, read).await?;
        let mut endpoints = Vec::new();
        let mut ttl = ttl.unwrap_or_default();
        let mut failure = None;
        for (priority, weight, port, target) in targets.into_iter().take(MAX_TARGETS) {
            match self.addresses(&target).await {
                Ok(found) => {
                    if !found.endpoints.is_empty() {
                        ttl = ttl.min(found.ttl);
                    }
                    let addressed = found.endpoints.into_iter();
                    endpoints.extend(addressed.map(|at| Endpoint {
                        priority,
                        weight,
                        port: Some(port),
                        ..at
                    }));
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if endpoints.is_empty() => Err(error),
            _ => Ok(Found { endpoints, ttl }),
        }
    }
}

impl Source for Dns {
    fn ask<'a>(&'a self, question: &'a Question) -> Asking<'a> {
        Box::pin(async move {
            match question {
                Question::Host(name) => self.addresses(name).await,
                Question::Service(name) => self.service(name).await,
            }
        })
    }
}

/// The operating system, as every other program asks it: `/etc/hosts`, its name services, its DNS servers. Services are
/// asked of those servers directly.
pub(crate) struct System {
    families: Families,
    services: Option<Dns>,
}

impl System {
    pub(crate) fn new(families: Families) -> Self {
        // A machine without DNS still has hosts.
        Self { families, services: Dns::system(families).ok() }
    }

    async fn addresses(&self, name: &str) -> Result<Found, Error> {
        match tokio::net::lookup_host((name, 0)).await {
            Ok(found) => {
                let wanted = found.map(|address| address.ip()).filter(|&ip| self.families.wants(ip));
                Ok(Found { endpoints: wanted.map(Endpoint::from).collect(), ttl: SYSTEM_TTL })
            }
            // The operating system's library does not tell "no" from "no answer" through std.
            Err(error) => Err(Error::failed(name, error)),
        }
    }
}

impl Source for System {
    fn ask<'a>(&'a self, question: &'a Question) -> Asking<'a> {
        Box::pin(async move {
            match (question, &self.services) {
                (Question::Host(name), _) => self.addresses(name).await,
                (Question::Service(name), Some(dns)) => dns.service(name).await,
                (Question::Service(name), None) => {
                    Err(Error::failed(name, "the system has no DNS servers to ask for a service"))
                }
            }
        })
    }
}
