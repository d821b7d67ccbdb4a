//! Names by DNS: aliases, both kinds of addresses, services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use hickory_proto::rr::{Name, RData, RecordType};

use crate::answer::{Endpoint, Found, Question};
use crate::client::Client;
use crate::error::Error;
use crate::source::{Asking, Families, SYSTEM_TTL, Source};
use crate::wire::{Answer, MAX_ALIASES};

const DNS_PORT: u16 = 53;

/// How many hosts of one service are looked up, and how many at once.
const MAX_TARGETS: usize = 256;
const MAX_AT_ONCE: usize = 16;

/// DNS servers.
pub(crate) struct Dns {
    client: Client,
    families: Families,
}

/// Who failed, and what was found all the same.
type Partly<T> = (T, Option<Error>);

impl Dns {
    pub(crate) fn new(servers: &[SocketAddr], families: Families) -> Self {
        Self { client: Client::new(servers), families }
    }

    /// The servers of the system's configuration, if it names any.
    pub(crate) fn system(families: Families) -> Option<Self> {
        let servers = system_servers(&std::fs::read_to_string("/etc/resolv.conf").ok()?);
        (!servers.is_empty()).then(|| Self::new(&servers, families))
    }

    /// The records of one kind.
    async fn records<T>(
        &self,
        name: &Name,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Answer<T>, Error> {
        let answer = self.client.ask(name, kind, read).await;
        answer.map_err(|error| failed(name, error))
    }

    /// The addresses of a name, or of what it stands for.
    ///
    /// A name that has addresses of one kind is asked for no further: that is all that it has.
    async fn addresses(&self, name: Name) -> Result<Found, Error> {
        let (mut name, mut ttl) = (name, None);
        for _ in 0..MAX_ALIASES {
            if let Some(found) = loopback(&name, self.families) {
                return Ok(found);
            }
            let (v4, v6) = tokio::join!(
                self.family(self.families.v4, &name, RecordType::A),
                self.family(self.families.v6, &name, RecordType::AAAA)
            );
            let (answers, partial) = either(v4, v6)?;
            ttl = answers.iter().filter_map(|answer| answer.ttl).chain(ttl).min();
            let endpoints: Vec<_> =
                answers.iter().flat_map(|answer| &answer.records).copied().map(Endpoint::from).collect();
            let alias = answers.into_iter().rev().find_map(|answer| answer.alias);
            if endpoints.is_empty()
                && let Some(error) = partial
            {
                return Err(error);
            }
            match alias.filter(|_| endpoints.is_empty()) {
                Some(alias) => name = alias,
                None => return Ok(Found { endpoints, ttl: seconds(ttl), partial }),
            }
        }
        Err(too_many(&name))
    }

    async fn family(
        &self,
        wanted: bool,
        name: &Name,
        kind: RecordType,
    ) -> Result<Option<Answer<IpAddr>>, Error> {
        if !wanted {
            return Ok(None);
        }
        let read = |data: &RData| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        };
        let read = |data: &RData| read(data).filter(|ip| ip.is_ipv4() == (kind == RecordType::A));
        self.records(name, kind, read).await.map(Some)
    }

    /// The hosts of a service, and their addresses.
    async fn service(&self, name: Name) -> Result<Found, Error> {
        let answer = self.hosts(name).await?;
        let mut ttl = answer.ttl;
        let hosts = answer
            .records
            .into_iter()
            .take(MAX_TARGETS)
            .map(|(host, target)| async move { (host, self.addresses(target).await) });
        let mut hosts = futures_util::stream::iter(hosts).buffered(MAX_AT_ONCE);
        let (mut endpoints, mut partial) = (Vec::new(), None);
        while let Some((host, found)) = hosts.next().await {
            match found {
                Ok(found) => {
                    if !found.endpoints.is_empty() {
                        let seconds = u32::try_from(found.ttl.as_secs()).unwrap_or(u32::MAX);
                        ttl = ttl.into_iter().chain([seconds]).min();
                    }
                    endpoints.extend(found.endpoints.iter().map(|at| Endpoint { ip: at.ip, ..host }));
                    partial = partial.or(found.partial);
                }
                Err(error) => partial = Some(error),
            }
        }
        match partial {
            Some(error) if endpoints.is_empty() => Err(error),
            partial => Ok(Found { endpoints, ttl: seconds(ttl), partial }),
        }
    }

    /// The records of a service, or of what its name stands for: all of a host but its address, and its name.
    async fn hosts(&self, name: Name) -> Result<Answer<(Endpoint, Name)>, Error> {
        let read = |data: &RData| match data {
            // A target of "." says that the service is not offered (RFC 2782).
            RData::SRV(srv) if !srv.target.is_root() => {
                let ip = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                let host = Endpoint { priority: srv.priority, weight: srv.weight, ip, port: Some(srv.port) };
                Some((host, srv.target.clone()))
            }
            _ => None,
        };
        let (mut name, mut ttl) = (name, None);
        for _ in 0..MAX_ALIASES {
            let answer = self.records(&name, RecordType::SRV, read).await?;
            ttl = answer.ttl.into_iter().chain(ttl).min();
            match answer.alias {
                Some(alias) => name = alias,
                None => return Ok(Answer { ttl, ..answer }),
            }
        }
        Err(too_many(&name))
    }
}

/// Both answers, or one of two, and what became of the other. Nothing, if one failed and the other is empty.
fn either(
    v4: Result<Option<Answer<IpAddr>>, Error>,
    v6: Result<Option<Answer<IpAddr>>, Error>,
) -> Result<Partly<Vec<Answer<IpAddr>>>, Error> {
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => Ok((v4.into_iter().chain(v6).collect(), None)),
        // A server that is broken for one kind must not take the other away.
        (Ok(one), Err(error)) | (Err(error), Ok(one)) => Ok((one.into_iter().collect(), Some(error))),
        (Err(error), Err(_)) => Err(error),
    }
}

fn too_many(name: &Name) -> Error {
    failed(name, "too many aliases")
}

fn failed(name: &Name, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::failed(name.to_utf8().trim_end_matches('.'), error)
}

fn seconds(ttl: Option<u32>) -> Duration {
    Duration::from_secs(ttl.unwrap_or_default().into())
}

/// This machine, which nobody has to be asked for (RFC 6761 6.3).
fn loopback(name: &Name, families: Families) -> Option<Found> {
    let last = name.iter().next_back()?;
    last.eq_ignore_ascii_case(b"localhost").then(|| {
        let ips = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let endpoints = ips.into_iter().filter(|&ip| families.wants(ip)).map(Endpoint::from).collect();
        Found { endpoints, ttl: SYSTEM_TTL, partial: None }
    })
}

/// The servers in the text of a resolv.conf(5).
fn system_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let ip: IpAddr = words.next().filter(|word| *word == "nameserver").and(words.next())?.parse().ok()?;
        Some(SocketAddr::new(ip, DNS_PORT))
    };
    text.lines().filter_map(server).collect()
}

impl Source for Dns {
    fn ask<'a>(&'a self, question: &'a Question) -> Asking<'a> {
        Box::pin(async move {
            let text = question.name();
            let mut name = Name::from_utf8(text).map_err(|_| Error::Invalid { name: text.into() })?;
            name.set_fqdn(true); // no search list
            match question {
                Question::Host(_) => self.addresses(name).await,
                Question::Service(_) => self.service(name).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_servers() {
        let text = "# a comment\nsearch a.test\nnameserver 10.0.0.1\n nameserver\t2001:db8::1 \nnameserver x\n#nameserver 10.0.0.2\n";
        let servers: Vec<_> = system_servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[2001:db8::1]:53"]);
    }

    #[test]
    fn this_machine() {
        let found = |name: &str, v4, v6| {
            let name = Name::from_utf8(name).unwrap();
            Some(
                loopback(&name, Families { v4, v6 })?
                    .endpoints
                    .iter()
                    .map(|at| at.ip.to_string())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(found("localhost.", true, true).unwrap(), ["127.0.0.1", "::1"]);
        assert_eq!(found("a.LOCALHOST.", false, true).unwrap(), ["::1"]);
        assert_eq!(found("localhost.test.", true, true), None);
    }
}
