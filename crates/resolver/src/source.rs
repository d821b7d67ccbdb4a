//! Who is asked: DNS servers, or the operating system.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use crate::answer::{Endpoint, Found, Question};
use crate::dns::Dns;
use crate::error::Error;

/// How long what the operating system says is used: it does not tell.
pub(crate) const SYSTEM_TTL: Duration = Duration::from_secs(30);

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
    pub(crate) fn wants(self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        }
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
        Self { families, services: Dns::system(families) }
    }

    async fn addresses(&self, name: &str) -> Result<Found, Error> {
        match tokio::net::lookup_host((name, 0)).await {
            Ok(found) => {
                let wanted = found.map(|address| address.ip()).filter(|&ip| self.families.wants(ip));
                Ok(Found { endpoints: wanted.map(Endpoint::from).collect(), ttl: SYSTEM_TTL, partial: None })
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
                (Question::Service(_), Some(dns)) => dns.ask(question).await,
                (Question::Service(name), None) => {
                    Err(Error::failed(name, "the system has no DNS servers for SRV records"))
                }
            }
        })
    }
}
