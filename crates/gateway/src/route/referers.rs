//! `valid_referers`: which pages requests may come from.

use std::sync::Arc;

use bytes::Bytes;
use propylon_config::{Referers, Server, ServerName, Settings};
use propylon_pattern::Pattern;
use propylon_vars::RefererCheck;

use crate::error::BuildError;
use crate::routing::ServerNames;

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
    /// Each with the number of its path.
    hosts: ServerNames,
    paths: Vec<Box<str>>,
    /// For the host alone.
    names: Vec<Pattern>,
    /// For all that follows the scheme.
    patterns: Vec<Pattern>,
}

impl Valid {
    fn build(referers: &Referers, server: &Server) -> Result<Self, BuildError> {
        let (mut builder, mut paths, mut names) = (ServerNames::builder(), Vec::new(), Vec::new());
        let mut add = |name: &ServerName, path: &str| {
            // The configuration has judged the name; the first of two that are the same counts, for each half of `.example.com`.
            let _ = match name.as_str().strip_prefix('.') {
                Some(bare) => {
                    builder.add(paths.len(), bare).and(builder.add(paths.len(), &format!("*.{bare}")))
                }
                None => builder.add(paths.len(), name.as_str()),
            };
            paths.push(path.into());
        };
        for (name, path) in &referers.hosts {
            add(name, path);
        }
        for name in server.names.iter().filter(|_| referers.server_names) {
            match &name.value {
                ServerName::Regex(regex) => {
                    let regex = regex.strip_prefix('~').unwrap_or(regex);
                    names.push(
                        Pattern::caseless(regex)
                            .map_err(BuildError::value("invalid regular expression", name.span))?,
                    );
                }
                name => add(name, ""),
            }
        }
        let hosts = builder.build();
        let compile = |regex: &propylon_config::Spanned<Box<str>>| {
            Pattern::caseless(&regex.value)
                .map_err(BuildError::value("invalid regular expression", regex.span))
        };
        let patterns = referers.patterns.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { none: referers.none, blocked: referers.blocked, hosts, paths, names, patterns })
    }

    fn takes(&self, referer: Option<&[u8]>) -> bool {
        let Some(referer) = referer else { return self.none };
        let Some(rest) = after_scheme(referer) else { return self.blocked };
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b':')).unwrap_or(rest.len());
        if end > LONGEST {
            return false;
        }
        let (host, more) = rest.split_at(end);
        let host = Bytes::from(host.to_ascii_lowercase());
        if let Some(path) = self.hosts.find(&host).and_then(|named| self.paths.get(named.server)) {
            // A port may stand before the path.
            let path_of = more.iter().position(|byte| *byte == b'/').unwrap_or(more.len());
            return more.get(path_of..).unwrap_or_default().starts_with(path.as_bytes());
        }
        self.names.iter().any(|pattern| pattern.is_match(&host))
            || self.patterns.iter().any(|pattern| pattern.is_match(rest))
    }
}

/// What follows `http://` or `https://`; nothing else names a page.
fn after_scheme(referer: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = referer.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}
