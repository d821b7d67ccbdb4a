//! Who gets a request: the servers of an upstream, how one of them is chosen, and when another one is.

use propylon_config::{
    self as config, Address, Better, Config, Destination, Level, Method, Origin, ProxyPass, Setting,
    Settings, Spanned, Upstream, UpstreamServer,
};

use crate::upstreams::{fixed_host, written};

/// The upstream that a `proxy_pass` names, if it can be no other.
pub(super) fn named<'a>(config: &'a Config, pass: &Spanned<ProxyPass>) -> Option<&'a Upstream> {
    let name = match &pass.value {
        ProxyPass::Static(target) => match &target.to {
            Destination::Upstream(name) => name,
            Destination::Address(_) => return None,
        },
        ProxyPass::Template(url) => fixed_host(url.source())?,
    };
    let mut all = config.upstreams.iter();
    all.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, upstream)| &**upstream)
}

/// Who is tried, and when another one is.
pub(super) fn tries(
    lines: &mut Vec<String>,
    config: &Config,
    pass: &Spanned<ProxyPass>,
    settings: &Settings,
    method: &str,
) {
    let mut peers = None;
    if let Some(upstream) = named(config, pass) {
        let servers: Vec<String> = upstream.servers.iter().map(server).collect();
        lines.push(format!("peers     {}, {}", servers.join(", "), config.source.line_of(upstream.span)));
        lines.push(format!("method    {}", chosen(&upstream.method)));
        if upstream
            .servers
            .iter()
            .all(|server| !server.resolve && !matches!(server.address.value, Address::Name { .. }))
        {
            peers = Some(upstream.servers.iter().filter(|server| !server.down && !server.drain).count());
        }
    } else {
        match &pass.value {
            ProxyPass::Template(_) => lines.push(format!("peers     {}", candidates(config, settings))),
            ProxyPass::Static(target) => match &target.to {
                Destination::Address(Address::Name { .. }) | Destination::Upstream(_) => {}
                Destination::Address(_) => peers = Some(1),
            },
        }
    }
    let text = retry(settings, peers, method);
    let retries = !text.starts_with("never");
    lines.push(format!("retry     {text}"));
    if let Some(budget) = settings.retry.budget.filter(|_| retries) {
        let config::RetryBudget { percent, floor } = budget;
        lines.push(format!("budget    {percent} % of the requests of ten seconds, and {floor} a second"));
    }
}

fn server(server: &UpstreamServer) -> String {
    let mut text = server.written.to_string();
    let marks = [
        ("backup", server.backup),
        ("down", server.down),
        ("drain", server.drain),
        ("resolve", server.resolve),
    ];
    let weight = (server.weight != 1).then(|| format!("weight {}", server.weight));
    let marks = marks.into_iter().filter(|(_, on)| *on).map(|(mark, _)| mark.to_owned());
    for mark in weight.into_iter().chain(marks) {
        text = format!("{text} {mark}");
    }
    text
}

/// How a server is chosen, in words.
fn chosen(method: &Method) -> String {
    let better = |by: &Better| match by {
        Better::LeastConn => "the fewest active requests",
        Better::Header => "the shortest time to the response head",
        Better::LastByte => "the shortest response time",
        Better::HeaderInflight => "the shortest time to the response head, including active requests",
        Better::LastByteInflight => "the shortest response time, including active requests",
    };
    match method {
        Method::RoundRobin => "round robin, by weight".to_owned(),
        Method::LeastConn => "the fewest active requests, by weight".to_owned(),
        Method::IpHash => "by the client's address".to_owned(),
        Method::Hash { key, consistent } => {
            let ring = if *consistent { ", consistent" } else { "" };
            format!("by a hash of \"{}\"{ring}", key.source())
        }
        Method::Random => "random, by weight".to_owned(),
        Method::RandomTwo(by) => format!("of two random servers, the one with {}", better(by)),
        Method::LeastTime(by) => format!("the one with {}", better(by)),
        Method::PeakEwma => {
            "of two random servers, the one with the shortest response time and the fewest active requests"
                .to_owned()
        }
    }
}

/// Whom a `proxy_pass` with variables may name.
fn candidates(config: &Config, settings: &Settings) -> String {
    let mut names: Vec<String> = config.upstreams.keys().map(|name| format!("upstream \"{name}\"")).collect();
    names.extend(written(config).map(|address| address.to_string()));
    let resolver = settings.resolver.as_ref().unwrap_or(&config.resolver);
    names.push(match resolver {
        config::Resolver::Off => "any IP address; 502 for other names, as there is no resolver".to_owned(),
        config::Resolver::On { .. } => "any IP address, and any name that the resolver finds".to_owned(),
    });
    format!("chosen per request: {}", names.join(", "))
}

/// The keys of an upstream, each server with its own.
pub(super) fn settings(upstream: &Upstream) -> Vec<Setting> {
    let servers = upstream.servers.iter().map(|server| Setting {
        key: "server".into(),
        value: server.table().into(),
        origin: Origin::Set { level: Level::Upstream, span: server.address.span },
    });
    servers.chain(upstream.settings()).collect()
}

fn retry(settings: &Settings, peers: Option<usize>, method: &str) -> String {
    let retry = &settings.retry;
    if retry.on.is_empty() {
        return "never: retries are off".to_owned();
    }
    if peers == Some(1) || retry.tries == 1 {
        let why = if retry.tries == 1 { "only one try is allowed" } else { "there is only one peer" };
        return format!("never: {why}");
    }
    let conditions: Vec<&str> = retry.on.iter().copied().filter(|name| *name != "non_idempotent").collect();
    let mut text = format!("with the next peer after {}", conditions.join(", "));
    if matches!(method, "POST" | "LOCK" | "PATCH") && !retry.on.contains(&"non_idempotent") {
        text = format!("{text}; a {method} only if it provably reached no peer");
    }
    if !settings.buffer.request {
        text.push_str("; not after part of the request body has been sent");
    }
    if retry.tries > 1 {
        text = format!("{text}; {} tries at most", retry.tries);
    }
    if let Some(timeout) = retry.timeout {
        text = format!("{text}; none later than {timeout:?} after the first");
    }
    text
}
