//! The effective configuration as text.

use std::fmt::Write;

use crate::balance::{Upstream, UpstreamServer};
use crate::cache_zone::CacheZone;
use crate::config::Config;
use crate::effective::Effective;
use crate::geoip::GeoipDatabase;
use crate::keyval::KeyvalZone;
use crate::limit_zone::LimitZone;
use crate::location::Location;
use crate::reader::quote;
use crate::resolver::Resolver;
use crate::server_only;
use crate::source::Source;

impl Config {
    /// The effective configuration in the form of the file: every key of every level, inheritance done, each with a note
    /// of where its value comes from. Maps, `keyval`, `geoip` and log formats, which inherit nothing, are left out.
    ///
    /// ```
    /// let text = "[defaults]\ntimeout.read = \"5s\"\n[[server]]\nreturn = [204]\n";
    /// let dump = propylon_config::parse(text, "propylon.toml").unwrap().config.dump();
    /// assert!(dump.contains("[[server]] # line 3\nlisten = [\"80\"] # default\n"));
    /// assert!(dump.contains("\ntimeout.read = \"5s\" # line 2, [defaults]\n"));
    /// assert!(dump.contains("\n# upstream.body = (none) # default\n"));
    /// ```
    #[must_use]
    pub fn dump(&self) -> String {
        let mut text = format!("# {}: the effective configuration\n", self.source.name());
        let source = &self.source;
        settings(&mut text, source, &self.process);
        if let Some(admin) = &self.admin {
            settings(&mut text, source, &admin.effective);
        }
        if let Some(acme) = &self.acme {
            settings(&mut text, source, &acme.effective);
        }
        if let Some(exporter) = &self.trace_exporter {
            settings(&mut text, source, &exporter.effective);
        }
        resolver(&mut text, &self.resolver);
        self.limit_zones.values().for_each(|zone| limit_zone(&mut text, source, zone));
        self.keyval_zones.values().for_each(|zone| keyval_zone(&mut text, source, zone));
        self.geoip_databases.values().for_each(|database| geoip_database(&mut text, source, database));
        self.cache_zones.values().for_each(|zone| cache_zone(&mut text, source, zone));
        self.upstreams.values().for_each(|upstream| group(&mut text, source, upstream));
        for server in &self.servers {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n[[server]] # {}", source.line_of(server.span));
            settings(&mut text, source, &server.settings.effective);
            server
                .locations
                .iter()
                .for_each(|location| self.location(&mut text, "server.location", location));
        }
        for stream in &self.streams {
            let _ = writeln!(text, "\n[[stream]] # {}", source.line_of(stream.span));
            settings_that(&mut text, source, &stream.settings.effective, |key| stream.has_meaning(key));
        }
        text
    }

    fn location(&self, text: &mut String, table: &str, location: &Location) {
        let _ = writeln!(text, "\n[[{table}]] # {}", self.source.line_of(location.span));
        settings_that(text, &self.source, &location.settings.effective, |key| !server_only::has(key));
        let table = format!("{table}.location");
        location.locations.iter().for_each(|inner| self.location(text, &table, inner));
    }
}

fn settings(text: &mut String, source: &Source, effective: &Effective) {
    settings_that(text, source, effective, |_| true);
}

/// What has no meaning where it stands is a comment.
fn settings_that(
    text: &mut String,
    source: &Source,
    effective: &Effective,
    has_meaning: impl Fn(&str) -> bool,
) {
    let nowhere = ["access_log", "error_log"].map(|log| (format!("{log}."), format!("{log}.path")));
    let nowhere = nowhere.map(|(log, path)| {
        effective.find(&path).filter(|path| path.value.is_empty()).map(|_| log).unwrap_or_default()
    });
    for setting in effective.iter() {
        // A key without a value is a comment, and so are those of a log that goes nowhere.
        let unlogged = nowhere.iter().any(|log| !log.is_empty() && setting.key.starts_with(&**log));
        let hidden = setting.value.is_empty() || unlogged || !has_meaning(&setting.key);
        let _ = writeln!(text, "{}{}", if hidden { "# " } else { "" }, setting.line(source));
    }
}

fn resolver(text: &mut String, resolver: &Resolver) {
    match resolver_keys(resolver) {
        Some(keys) => drop(write!(text, "\n[resolver]\n{}\n", keys.join("\n"))),
        // A key after the tables of the process would be theirs.
        None => text.insert_str(text.find('\n').map_or(0, |end| end + 1), "resolver = false\n"),
    }
}

pub(crate) fn resolver_keys(resolver: &Resolver) -> Option<Vec<String>> {
    let Resolver::On { servers, valid, timeout, ipv4, ipv6 } = resolver else { return None };
    let servers: Vec<String> = servers.iter().map(|server| quote(&server.to_string())).collect();
    let mut keys = vec![format!("servers = [{}]", servers.join(", "))];
    keys.extend(valid.map(|valid| format!("valid = \"{}ms\"", valid.as_millis())));
    keys.push(format!("timeout = \"{}ms\"", timeout.as_millis()));
    keys.extend([format!("ipv4 = {ipv4}"), format!("ipv6 = {ipv6}")]);
    Some(keys)
}

fn limit_zone(text: &mut String, source: &Source, zone: &LimitZone) {
    let (name, line) = (quote(&zone.name), source.line_of(zone.span));
    let _ = write!(
        text,
        "\n[limit_zone.{name}] # {line}\nkey = {}\nsize = {}\n",
        quote(zone.key.source()),
        zone.size
    );
    if let Some(rate) = zone.rate {
        let _ = writeln!(text, "rate = \"{}r/{}\"", rate.requests, if rate.minute { "m" } else { "s" });
    }
}

fn keyval_zone(text: &mut String, source: &Source, zone: &KeyvalZone) {
    let (name, line) = (quote(&zone.name), source.line_of(zone.span));
    let kind = quote(zone.kind.as_str());
    let _ = write!(text, "\n[keyval_zone.{name}] # {line}\ntype = {kind}\nsize = {}\n", zone.size);
    if let Some(timeout) = zone.timeout {
        let _ = writeln!(text, "timeout = \"{}ms\"", timeout.as_millis());
    }
    if let Some(state) = &zone.state {
        let _ = writeln!(text, "state = {}", quote(&state.to_string_lossy()));
    }
}

fn geoip_database(text: &mut String, source: &Source, database: &GeoipDatabase) {
    let (name, line) = (quote(&database.name), source.line_of(database.span));
    let path = quote(&database.path.to_string_lossy());
    let _ = write!(text, "\n[geoip_database.{name}] # {line}\npath = {path}\n");
    if let Some(every) = database.auto_reload {
        let _ = writeln!(text, "auto_reload = \"{}ms\"", every.as_millis());
    }
}

fn cache_zone(text: &mut String, source: &Source, zone: &CacheZone) {
    let _ = writeln!(text, "\n[cache_zone.{}] # {}", quote(&zone.name), source.line_of(zone.span));
    for setting in zone.settings() {
        let hidden = if setting.value.is_empty() { "# " } else { "" };
        let _ = writeln!(text, "{hidden}{}", setting.line(source));
    }
}

fn group(text: &mut String, source: &Source, upstream: &Upstream) {
    let servers: Vec<String> = upstream.servers.iter().map(UpstreamServer::table).collect();
    let (name, line) = (quote(&upstream.name), source.line_of(upstream.span));
    let _ = writeln!(text, "\n[upstream.{name}] # {line}\nserver = [{}]", servers.join(", "));
    for setting in upstream.settings() {
        let hidden = if setting.value.is_empty() { "# " } else { "" };
        let _ = writeln!(text, "{hidden}{}", setting.line(source));
    }
}
