//! Servers that come while the gateway runs: from operators, and from the file in which `state` keeps them.

use std::path::Path;
use std::sync::Arc;

use super::server::server;
use super::tables::SERVER;
use super::{Method, Upstream, UpstreamServer};
use crate::address::Address;
use crate::config::add_syntax;
use crate::include;
use crate::key::{Key, Kind, Need, Table};
use crate::reader::Context;
use crate::report::Report;
use crate::shape;
use crate::source::Source;

static FILE: Table = Table {
    name: "",
    doc: "Servers.",
    keys: &[Key {
        name: "server",
        kind: Kind::List(&Kind::Table(&SERVER)),
        need: Need::Optional,
        nginx: "server",
        doc: "The servers.",
    }],
    unbuilt: &[],
};

/// Reads servers as they stand in `[upstream.NAME]`, and nothing else: what the file of `state` holds.
///
/// ```
/// let servers = propylon_config::read_servers("server = [{ address = \"10.0.0.1:80\", weight = 2 }]", "app.state").unwrap();
/// assert_eq!(servers[0].weight, 2);
/// assert_eq!(propylon_config::read_servers(&propylon_config::write_servers(&servers), "app.state").unwrap(), servers);
/// ```
///
/// # Errors
/// A report of everything that is wrong.
pub fn read_servers(text: &str, name: &str) -> Result<Vec<UpstreamServer>, Report> {
    let source = Arc::new(Source::new(name, text));
    let mut cx = Context::new(source.clone());
    let (root, syntax) = include::parse(&mut cx, &source);
    shape::check(&mut cx, &root, 0..0, &FILE);
    let items = root.get("server").and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    let servers = items.filter_map(|item| server(&mut cx, item.get_ref())).collect();
    let mut report = cx.report;
    add_syntax(&source, &mut report, &syntax);
    report.sort();
    if report.has_errors() { Err(report) } else { Ok(servers) }
}

/// The text that [`read_servers`] reads.
#[must_use]
pub fn write_servers(servers: &[UpstreamServer]) -> String {
    let lines: String = servers.iter().map(|server| format!("    {},\n", server.table())).collect();
    format!("server = [\n{lines}]\n")
}

impl Upstream {
    /// Whether a server may be added while the gateway runs.
    ///
    /// # Errors
    /// Why it may not, in words.
    pub fn takes(&self, server: &UpstreamServer) -> Result<(), String> {
        if matches!(server.address.value, Address::Name { .. }) {
            return Err(format!(
                "`{}` is a host name; expected an IP address with an optional port, or \"unix:/path\": host names can be used only in the configuration",
                server.written.escape_debug()
            ));
        }
        match self.method.without_backups() {
            Some(method) if server.backup => Err(format!("`{method}` does not support backup servers")),
            _ => Ok(()),
        }
    }

    /// The file that keeps servers which are added while the gateway runs.
    #[must_use]
    pub fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }
}

impl Method {
    /// What it is called, if backups make no sense with it: every server has its own keys or its own chance.
    pub(super) fn without_backups(&self) -> Option<&'static str> {
        Some(match self {
            Self::IpHash => "ip_hash",
            Self::Hash { .. } => "hash",
            Self::Random | Self::RandomTwo(_) => "random",
            Self::PeakEwma => "peak_ewma",
            Self::RoundRobin | Self::LeastConn | Self::LeastTime(_) => return None,
        })
    }
}
