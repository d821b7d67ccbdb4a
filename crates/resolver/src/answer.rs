//! What a name stands for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

/// Where one host listens, as DNS tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Lower is preferred (RFC 2782); 0 for an address.
    pub priority: u16,
    /// The share among those of the same priority; 0 for an address.
    pub weight: u16,
    /// The address.
    pub ip: IpAddr,
    /// The port, which only a service record tells.
    pub port: Option<u16>,
}

impl From<IpAddr> for Endpoint {
    fn from(ip: IpAddr) -> Self {
        Self { priority: 0, weight: 0, ip, port: None }
    }
}

/// All endpoints of a name, sorted, each once; a clone is a refcount bump. Never empty.
pub type Endpoints = Arc<[Endpoint]>;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// The addresses of a host (A and AAAA).
    Host(Box<str>),
    /// The hosts that offer a service (SRV), and their addresses. The whole name: `_http._tcp.example.com`.
    Service(Box<str>),
}

impl Question {
    /// The addresses of `name`. A trailing dot is dropped, case does not matter.
    #[must_use]
    pub fn host(name: &str) -> Self {
        Self::Host(normal(name))
    }

    /// The service records of `service` at `name`, put together as nginx's `service=` does: `http` becomes
    /// `_http._tcp.name`; with a dot in it, it is prefixed as it is.
    ///
    /// ```
    /// use propylon_resolver::Question;
    ///
    /// assert_eq!(Question::service("http", "example.com").name(), "_http._tcp.example.com");
    /// assert_eq!(Question::service("_http._udp", "example.com").name(), "_http._udp.example.com");
    /// ```
    #[must_use]
    pub fn service(service: &str, name: &str) -> Self {
        let name = normal(name);
        Self::Service(if service.contains('.') {
            format!("{}.{name}", normal(service)).into()
        } else {
            format!("_{}._tcp.{name}", normal(service)).into()
        })
    }

    /// The name that DNS is asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Host(name) | Self::Service(name) => name,
        }
    }
}

fn normal(name: &str) -> Box<str> {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}

/// What a source found: nothing, if it says for certain that there is nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) endpoints: Vec<Endpoint>,
    /// How long this may be used.
    pub(crate) ttl: Duration,
    /// What became of a part that is missing.
    pub(crate) partial: Option<Error>,
}

impl Found {
    /// In an order of its own, so that two answers with the same content are the same.
    pub(crate) fn sorted(mut self) -> Self {
        self.endpoints.sort_unstable();
        self.endpoints.dedup();
        self
    }
}
