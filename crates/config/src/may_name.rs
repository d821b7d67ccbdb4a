//! Whether a `proxy_pass` goes to an upstream, or may: variables give names that nobody knows before.

use crate::proxy_pass::{Destination, ProxyPass};
use crate::stream::StreamPass;

impl ProxyPass {
    /// Whether requests go to the upstream of this name, or may: what stands before the first variable of a host tells of some that
    /// they do not.
    #[must_use]
    pub fn may_name(&self, upstream: &str) -> bool {
        match self {
            Self::Static(target) => is(&target.to, upstream),
            Self::Template(url) => match host(url.source()) {
                Host::Whole(host) => host.eq_ignore_ascii_case(upstream),
                Host::Start(start) => begins(upstream, start),
            },
        }
    }

    /// Whether requests go to the upstream of this name for certain.
    pub(crate) fn names(&self, upstream: &str) -> bool {
        match self {
            Self::Static(target) => is(&target.to, upstream),
            Self::Template(url) => {
                matches!(host(url.source()), Host::Whole(host) if host.eq_ignore_ascii_case(upstream))
            }
        }
    }
}

impl StreamPass {
    /// Whether connections go to the upstream of this name, or may: what stands around the variables tells of some that they do not.
    #[must_use]
    pub fn may_name(&self, upstream: &str) -> bool {
        match self {
            Self::Static { to, .. } => is(to, upstream),
            Self::Dynamic { target, .. } => around(target.source())
                .is_none_or(|(before, behind)| begins(upstream, before) && ends(upstream, behind)),
        }
    }
}

/// What is known of the host of a URL with variables.
enum Host<'a> {
    Whole(&'a str),
    Start(&'a str),
}

fn host(url: &str) -> Host<'_> {
    let Some((_, rest)) = url.split_once("://") else { return Host::Start("") };
    let (host, behind) = rest.split_at(rest.find(['/', '$']).unwrap_or(rest.len()));
    if behind.starts_with('$') { Host::Start(host) } else { Host::Whole(host) }
}

fn is(to: &Destination, upstream: &str) -> bool {
    matches!(to, Destination::Upstream(name) if **name == *upstream)
}

fn begins(name: &str, with: &str) -> bool {
    name.split_at_checked(with.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(with))
}

fn ends(name: &str, with: &str) -> bool {
    let at = name.len().checked_sub(with.len()).and_then(|at| name.split_at_checked(at));
    at.is_some_and(|(_, end)| end.eq_ignore_ascii_case(with))
}

/// The text before the first variable, and the one behind the last.
fn around(text: &str) -> Option<(&str, &str)> {
    let (before, _) = text.split_once('$')?;
    let (_, last) = text.rsplit_once('$')?;
    let behind = match last.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?.1,
        None => last.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_'),
    };
    Some((before, behind))
}

#[cfg(test)]
mod tests {
    use propylon_vars::{Context, Definitions, Template};

    use super::*;

    fn template(text: &str) -> Template {
        Definitions::default()
            .template(text, Context::Request)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn what_stands_around_variables_rules_names_out() {
        let check = |text: &str, expected| {
            let pass = StreamPass::Dynamic { secure: false, target: template(text) };
            assert_eq!(pass.may_name("db_one"), expected, "{text}");
        };
        for may in
            ["$hostname", "${hostname}", "DB_$hostname", "${pid}_ONE", "d$pid${hostname}e", "db_one$pid"]
        {
            check(may, true);
        }
        for not in
            ["$hostname:443", "${hostname}:443", "x$pid", "$pid.one", "db_one_$pid", "longer_db_one$pid"]
        {
            check(not, false);
        }
    }

    #[test]
    fn hosts_of_urls_are_looked_at_alone() {
        let check = |text: &str, expected| {
            assert_eq!(ProxyPass::Template(template(text)).may_name("web"), expected, "{text}");
        };
        for may in [
            "http://$host",
            "http://$host/a",
            "$scheme://WEB/$uri",
            "http://web$uri",
            "http://w$pid/",
            "$http_x",
        ] {
            check(may, true);
        }
        for not in [
            "http://other/$uri",
            "https://webs/$uri",
            "http://webs$uri",
            "http://x$pid/web",
            "http://web:80/$uri",
        ] {
            check(not, false);
        }
    }
}
