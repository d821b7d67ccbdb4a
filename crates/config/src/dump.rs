//! The effective configuration as text.

use std::fmt::Write;

use propylon_vars::Template;

use crate::balance::{
    Better, HeaderMatch, HealthCheck, Method, Sticky, StickyExpires, Upstream, UpstreamServer, ValueMatch,
};
use crate::config::Config;
use crate::effective::Effective;
use crate::limit_zone::LimitZone;
use crate::location::Location;
use crate::reader::quote;
use crate::resolver::Resolver;
use crate::source::Source;

impl Config {
    /// The effective configuration in the form of the file: every key of every level, inheritance done, each with a note
    /// of where its value comes from. Maps and log formats, which inherit nothing, are left out.
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
        resolver(&mut text, &self.resolver);
        self.limit_zones.values().for_each(|zone| limit_zone(&mut text, source, zone));
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
        text
    }

    fn location(&self, text: &mut String, table: &str, location: &Location) {
        let _ = writeln!(text, "\n[[{table}]] # {}", self.source.line_of(location.span));
        settings(text, &self.source, &location.settings.effective);
        let table = format!("{table}.location");
        location.locations.iter().for_each(|inner| self.location(text, &table, inner));
    }
}

fn settings(text: &mut String, source: &Source, effective: &Effective) {
    let unlogged = effective.find("access_log.path").is_some_and(|path| path.value.is_empty());
    for setting in effective.iter() {
        // A key without a value is a comment, and so are those of a log that goes nowhere.
        let hidden = setting.value.is_empty() || (unlogged && setting.key.starts_with("access_log."));
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

fn resolver_keys(resolver: &Resolver) -> Option<Vec<String>> {
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

fn group(text: &mut String, source: &Source, upstream: &Upstream) {
    let servers: Vec<String> = upstream.servers.iter().map(server).collect();
    let _ = write!(
        text,
        "\n[upstream.{}] # {}\nserver = [{}]\nmethod = {}\n",
        quote(&upstream.name),
        source.line_of(upstream.span),
        servers.join(", "),
        method(&upstream.method),
    );
    if let Some(queue) = upstream.queue {
        let timeout = queue.timeout.as_millis();
        let _ = writeln!(text, "queue = {{ size = {}, timeout = \"{timeout}ms\" }}", queue.size);
    }
    if let Some(sticky) = &upstream.sticky {
        let _ = writeln!(text, "sticky = {}", sticky_table(sticky));
    }
    if let Some(resolver) = &upstream.resolver {
        let keys = resolver_keys(resolver).map(|keys| format!("{{ {} }}", keys.join(", ")));
        let _ = writeln!(text, "resolver = {}", keys.as_deref().unwrap_or("false"));
    }
    if let Some(check) = &upstream.health_check {
        let _ = writeln!(text, "health_check = {}", health_check(check));
    }
    let _ = write!(
        text,
        "keepalive = {}\nkeepalive_requests = {}\nkeepalive_time = \"{}ms\"\nkeepalive_timeout = \"{}ms\"\nmax_streams = {}\n",
        upstream.keepalive,
        upstream.keepalive_requests,
        upstream.keepalive_time.as_millis(),
        upstream.keepalive_timeout.as_millis(),
        upstream.max_streams,
    );
}

fn server(server: &UpstreamServer) -> String {
    let mut text = format!(
        "{{ address = {}, weight = {}, max_conns = {}, max_fails = {}, fail_timeout = \"{}ms\", slow_start = \"{}ms\"",
        quote(&server.written),
        server.weight,
        server.max_conns,
        server.max_fails,
        server.fail_timeout.as_millis(),
        server.slow_start.as_millis(),
    );
    let flags = [
        ("backup", server.backup),
        ("down", server.down),
        ("drain", server.drain),
        ("resolve", server.resolve),
    ];
    for (name, _) in flags.iter().filter(|(_, on)| *on) {
        let _ = write!(text, ", {name} = true");
    }
    for (name, value) in [("service", &server.service), ("route", &server.route)] {
        if let Some(value) = value {
            let _ = write!(text, ", {name} = {}", quote(value));
        }
    }
    text + " }"
}

fn health_check(check: &HealthCheck) -> String {
    let ranges = [("", &check.status), ("!", &check.not_status)];
    let status: Vec<String> = ranges
        .into_iter()
        .flat_map(|(not, ranges)| ranges.iter().map(move |(first, last)| format!("\"{not}{first}-{last}\"")))
        .collect();
    let headers: Vec<String> = check.headers.iter().map(header).collect();
    let body = check.body.as_ref().map_or_else(String::new, |body| {
        let not = if body.found { "" } else { "!" };
        format!(", body = {}", quote(&format!("{not}{}", body.pattern)))
    });
    let port = check.port.map_or_else(String::new, |port| format!(", port = {port}"));
    format!(
        "{{ interval = \"{}ms\", jitter = \"{}ms\", fails = {}, passes = {}, uri = {}{port}, timeout = \"{}ms\", \
         mandatory = {}, persistent = {}, match = {{ status = [{}], headers = [{}]{body} }} }}",
        check.interval.as_millis(),
        check.jitter.as_millis(),
        check.fails,
        check.passes,
        quote(&check.uri),
        check.timeout.as_millis(),
        check.mandatory,
        check.persistent,
        status.join(", "),
        headers.join(", "),
    )
}

fn header(header: &HeaderMatch) -> String {
    let not = if header.is { "" } else { "!" };
    quote(&match &header.value {
        None => format!("{not}{}", header.name),
        Some(ValueMatch::Equals(text)) => format!("{} {not}= {text}", header.name),
        Some(ValueMatch::Matches(regex)) => format!("{} {not}~ {regex}", header.name),
    })
}

fn sticky_table(sticky: &Sticky) -> String {
    let list = |templates: &[Template]| {
        let texts: Vec<String> = templates.iter().map(|template| quote(template.source())).collect();
        format!("[{}]", texts.join(", "))
    };
    match sticky {
        Sticky::Route(templates) => format!("{{ route = {} }}", list(templates)),
        Sticky::Learn(learn) => format!(
            "{{ learn = {{ create = {}, lookup = {}, zone = {}, timeout = \"{}ms\", header = {} }} }}",
            list(&learn.create),
            list(&learn.lookup),
            learn.zone,
            learn.timeout.as_millis(),
            learn.header,
        ),
        Sticky::Cookie(cookie) => {
            let mut text = format!("{{ cookie = {{ name = {}", quote(&cookie.name));
            let expires = cookie.expires.map(|expires| match expires {
                StickyExpires::Max => "max".into(),
                StickyExpires::After(time) => format!("{}ms", time.as_millis()),
            });
            let domain = cookie.domain.as_ref().map(|domain| domain.source().to_owned());
            let samesite = cookie.samesite.as_ref().map(|samesite| samesite.source().to_owned());
            let path = cookie.path.as_ref().map(|path| path.to_string());
            let keys = [("expires", expires), ("domain", domain), ("path", path), ("samesite", samesite)];
            for (name, value) in keys.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                let _ = write!(text, ", {name} = {}", quote(&value));
            }
            format!("{text}, secure = {}, httponly = {} }} }}", cookie.secure, cookie.httponly)
        }
    }
}

fn method(method: &Method) -> String {
    let better = |better: &Better| match better {
        Better::LeastConn => "least_conn",
        Better::Header | Better::HeaderInflight => "header",
        Better::LastByte | Better::LastByteInflight => "last_byte",
    };
    match method {
        Method::RoundRobin => quote("round_robin"),
        Method::LeastConn => quote("least_conn"),
        Method::IpHash => quote("ip_hash"),
        Method::Random => quote("random"),
        Method::PeakEwma => quote("peak_ewma"),
        Method::Hash { key, consistent } => {
            format!("{{ hash = {}, consistent = {consistent} }}", quote(key.source()))
        }
        Method::RandomTwo(Better::LeastConn) => "{ random = \"two\", by = \"least_conn\" }".into(),
        Method::RandomTwo(by) => format!("{{ random = \"two\", by = \"least_time={}\" }}", better(by)),
        Method::LeastTime(by) => {
            let inflight = matches!(by, Better::HeaderInflight | Better::LastByteInflight);
            format!("{{ least_time = {}, inflight = {inflight} }}", quote(better(by)))
        }
    }
}
