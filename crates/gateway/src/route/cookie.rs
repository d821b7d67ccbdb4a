//! `cookie`: configuration to layer.

use http::response;
use propylon_config::{CookieFlag, CookieFlags, CookieRule, RuleMatch, Settings, cookie_flags};
use propylon_cookie::{CookieLayer, Flags, SameSite, replace_domain, replace_path};
use propylon_exchange::Exchange;

use super::rule::{Matcher, Replace, as_str};
use crate::error::BuildError;
use crate::error_log;

/// The layer, if there are rules.
pub(super) fn layer(settings: &Settings) -> Result<Option<CookieLayer>, BuildError> {
    let cookie = &settings.cookie;
    if cookie.domain.is_empty() && cookie.path.is_empty() && cookie.flags.is_empty() {
        return Ok(None);
    }
    let mut layer = CookieLayer::new();
    for rule in &cookie.domain {
        if let Some((from, to)) = Replace::fixed(rule) {
            layer = layer.domain(from, to);
            continue;
        }
        let rule = Replace::new(rule)?;
        layer = layer.domain_with(move |head, value| rule.apply(exchange(head)?, value, domain));
    }
    for rule in &cookie.path {
        if let Some((from, to)) = Replace::fixed(rule) {
            layer = layer.path(from, to);
            continue;
        }
        let rule = Replace::new(rule)?;
        layer = layer.path_with(move |head, value| rule.apply(exchange(head)?, value, replace_path));
    }
    for rule in &cookie.flags {
        if let Some((name, flags)) = fixed(rule) {
            layer = layer.flags(name, flags);
            continue;
        }
        let CookieRule { name, flags } = rule.clone();
        let name = name.as_ref().map(Matcher::new).transpose()?;
        layer = layer.flags_with(move |head, cookie| {
            let exchange = exchange(head)?;
            let fits = name.as_ref().is_none_or(|name| name.is(exchange, cookie));
            fits.then(|| evaluate(&flags, exchange))
        });
    }
    Ok(Some(layer))
}

/// Whether a rule needs the `Exchange`.
pub(super) fn asks(settings: &Settings) -> bool {
    let cookie = &settings.cookie;
    cookie.domain.iter().chain(&cookie.path).any(|rule| Replace::fixed(rule).is_none())
        || cookie.flags.iter().any(|rule| fixed(rule).is_none())
}

/// A cookie's name and its flags, where neither has a regex or a variable.
fn fixed(rule: &CookieRule) -> Option<(&str, Flags)> {
    match (&rule.name, &rule.flags) {
        (Some(RuleMatch::Text(name)), CookieFlags::Fixed(flags)) => Some((as_str(name)?, together(flags))),
        _ => None,
    }
}

fn exchange(head: &response::Parts) -> Option<&Exchange> {
    head.extensions.get()
}

/// A dot before the names of a rule does not count (nginx).
fn domain(value: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let bare = |name| <[u8]>::strip_prefix(name, b".").unwrap_or(name);
    replace_domain(value, bare(from), bare(to))
}

fn evaluate(flags: &CookieFlags, exchange: &Exchange) -> Flags {
    match flags {
        CookieFlags::Fixed(flags) => together(flags),
        CookieFlags::Template(template) => {
            let words = template.eval(exchange);
            let words = String::from_utf8_lossy(&words);
            together(&cookie_flags(&words).unwrap_or_else(|wrong| {
                error_log::of(exchange, || {
                    tracing::error!(
                        target: "propylon_gateway",
                        client = %exchange.client(),
                        "invalid cookie flag \"{wrong}\""
                    );
                });
                Vec::new()
            }))
        }
    }
}

fn together(flags: &[CookieFlag]) -> Flags {
    flags.iter().fold(Flags::new(), |flags, flag| match flag {
        CookieFlag::Secure => flags.secure(),
        CookieFlag::NoSecure => flags.no_secure(),
        CookieFlag::HttpOnly => flags.http_only(),
        CookieFlag::NoHttpOnly => flags.no_http_only(),
        CookieFlag::SameSiteStrict => flags.same_site(SameSite::Strict),
        CookieFlag::SameSiteLax => flags.same_site(SameSite::Lax),
        CookieFlag::SameSiteNone => flags.same_site(SameSite::None),
        CookieFlag::NoSameSite => flags.no_same_site(),
    })
}
