//! The servers of an address: which of them is meant.

use std::sync::Arc;

use bytes::Bytes;
use propylon_config as config;

use super::Server;
use crate::acme;
use crate::client::Engine;
use crate::error::BuildError;
use crate::error_log::ErrorLogs;
use crate::routing::{Captures, ServerNames};
use crate::tls::Serving;
use crate::upstreams::Upstreams;

/// The servers that share a listening address.
pub(crate) struct Listener {
    names: ServerNames,
    servers: Vec<Arc<Server>>,
    default: Arc<Server>,
    /// Whether it takes a name to know which server is meant, or what the name's regex captures.
    has_names: bool,
    /// Whether its clients speak TLS.
    pub(crate) tls: bool,
    /// Whether their connections begin with a header of the PROXY protocol.
    pub(crate) proxy_protocol: bool,
    /// Whether any of its servers has an error log of its own.
    has_error_logs: bool,
    /// How its connections are served: as the default server says.
    pub(crate) engine: Arc<Engine>,
    /// Where an authority may look for challenges of TLS.
    pub(crate) challenges: Option<propylon_acme::Challenges>,
}

impl Listener {
    pub(super) fn build(
        listener: &config::Listener,
        servers: &[Arc<Server>],
        upstreams: &Upstreams<'_>,
    ) -> Result<Self, BuildError> {
        let mut names = ServerNames::builder();
        let mut here = Vec::new();
        for &index in &listener.servers {
            let (Some(server), Some(written)) = (servers.get(index), upstreams.config.servers.get(index))
            else {
                continue;
            };
            for name in &written.names {
                // A name that another server has already keeps its first owner, as in nginx; `check` has warned.
                let _ = names
                    .add(here.len(), name.value.as_str())
                    .map_err(BuildError::value("invalid server name", name.span))?;
            }
            here.push(server.clone());
        }
        let default = servers.get(listener.default_server).or(here.first()).cloned();
        let default = default.ok_or(BuildError::NoServer)?;
        let heads = here.iter().map(|server| server.settings.limit.head);
        let head = heads.fold(default.settings.limit.head, |most, head| config::HeadLimit {
            line: most.line.max(head.line),
            size: most.size.max(head.size),
            fields: most.fields.max(head.fields),
        });
        let written = upstreams.config.servers.get(listener.default_server).ok_or(BuildError::NoServer)?;
        let engine = Arc::new(Engine::new(upstreams.config.runtime.http1, listener.http2, written, head));
        let names = names.build();
        Ok(Self {
            has_names: here.len() > 1 || names.has_regexes(),
            names,
            has_error_logs: here.iter().any(|server| server.fallback.errors.is_some()),
            servers: here,
            default,
            tls: listener.tls,
            proxy_protocol: listener.proxy_protocol,
            engine,
            challenges: acme::shaking(upstreams, listener),
        })
    }

    pub(crate) fn default_server(&self) -> &Arc<Server> {
        &self.default
    }

    /// How the server with this name speaks TLS, or else the default server.
    pub(crate) fn serving(&self, name: Option<&str>) -> Option<Arc<Serving>> {
        let named = self.asked_for(name).and_then(|server| server.serving.clone());
        named.or_else(|| self.default.serving.clone())
    }

    /// The server that a client asked for when it began to speak TLS.
    pub(crate) fn asked_for(&self, name: Option<&str>) -> Option<&Arc<Server>> {
        let (server, _) = self.find(&Bytes::copy_from_slice(name?.as_bytes()))?;
        Some(server)
    }

    /// The error logs of the server that a client asked for when it began to speak TLS, or else of the default server.
    pub(crate) fn error_logs(&self, name: Option<&str>) -> Option<Arc<ErrorLogs>> {
        if !self.has_error_logs {
            return None;
        }
        self.asked_for(name).unwrap_or(&self.default).fallback.errors.clone()
    }

    /// Whether there is anything to [find](Self::find) but the default server.
    pub(crate) fn has_names(&self) -> bool {
        self.has_names
    }

    /// The server with this name, and what its regex captured; `None`: the default server.
    pub(crate) fn find(&self, host: &Bytes) -> Option<(&Arc<Server>, Option<Captures>)> {
        let found = self.names.find(host)?;
        Some((self.servers.get(found.server)?, found.captures))
    }
}
