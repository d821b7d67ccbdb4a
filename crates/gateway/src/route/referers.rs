//! `valid_referers`: which pages requests may come from.

use std::sync::Arc;

use propylon_config::{Referers, Server, ServerName, Settings};
use propylon_pattern::Pattern;
use propylon_vars::RefererCheck;

use crate::error::BuildError;

/// The longest host that is looked at (nginx's limit).
const LONGEST: usize = 256;

/// The check, if not every page is valid.
pub(crate) fn check(settings: &Settings, server: &Server) -> Result<Option<Arc<RefererCheck>>, BuildError> {
    let Some(referers) = &settings.referers else { return Ok(None) };
    let valid = Valid::build(referers, server)?;
    Ok(Some(Arc::new(move |referer| valid.takes(referer))))
}

/// What is valid, with regexes compiled.
struct Valid {
    none: bool,
    blocked: bool,
    hosts: Vec<(ServerName, Box<str>)>,
    /// For the host alone.
    names: Vec<Pattern>,
    /// For all that follows the scheme.
    patterns: Vec<Pattern>,
}

impl Valid {
    fn build(referers: &Referers, server: &Server) -> Result<Self, BuildError> {
        let own = server.names.iter().filter(|_| referers.server_names);
        let (mut hosts, mut names) = (referers.hosts.clone(), Vec::new());
        for name in own {
            match &name.value {
                ServerName::Regex(regex) => {
                    let regex = regex.strip_prefix('~').unwrap_or(regex);
                    names.push(
                        Pattern::caseless(regex).map_err(BuildError::value("this is no regex", name.span))?,
                    );
                }
                name => hosts.push((name.clone(), "".into())),
            }
        }
        let compile = |regex: &propylon_config::Spanned<Box<str>>| {
            Pattern::caseless(&regex.value).map_err(BuildError::value("this is no regex", regex.span))
        };
        let patterns = referers.patterns.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { none: referers.none, blocked: referers.blocked, hosts, names, patterns })
    }

    fn takes(&self, referer: Option<&[u8]>) -> bool {
        let Some(referer) = referer else { return self.none };
        let Some(rest) = after_scheme(referer) else { return self.blocked };
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b':')).unwrap_or(rest.len());
        if end > LONGEST {
            return false;
        }
        let (host, more) = rest.split_at(end);
        let host = host.to_ascii_lowercase();
        if let Some((_, path)) = self.find(&host) {
            // A port may stand before the path.
            let path_of = more.iter().position(|byte| *byte == b'/').unwrap_or(more.len());
            return more.get(path_of..).unwrap_or_default().starts_with(path.as_bytes());
        }
        self.names.iter().any(|pattern| pattern.is_match(&host))
            || self.patterns.iter().any(|pattern| pattern.is_match(rest))
    }

    /// The name that fits best: exactly, then the longest wildcard in front, then the longest behind.
    fn find(&self, host: &[u8]) -> Option<&(ServerName, Box<str>)> {
        let rank = |name: &ServerName| match name {
            ServerName::Exact(name) => (name.as_bytes() == host).then_some((2, 0)),
            ServerName::Dot(name) if name.as_bytes().strip_prefix(b".") == Some(host) => Some((2, 0)),
            ServerName::Dot(name) => host.ends_with(name.as_bytes()).then_some((1, name.len())),
            ServerName::LeadingWildcard(name) => {
                let end = name.strip_prefix('*').unwrap_or(name);
                (host.len() > end.len() && host.ends_with(end.as_bytes())).then_some((1, end.len()))
            }
            ServerName::TrailingWildcard(name) => {
                let start = name.strip_suffix('*').unwrap_or(name);
                (host.len() > start.len() && host.starts_with(start.as_bytes())).then_some((0, start.len()))
            }
            ServerName::Regex(_) => None,
        };
        let ranked = self.hosts.iter().filter_map(|host| Some((rank(&host.0)?, host)));
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, host)| host)
    }
}

/// What follows `http://` or `https://`; nothing else names a page.
fn after_scheme(referer: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = referer.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}
