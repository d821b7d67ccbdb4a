//! `redirect`: configuration to layer.

use http::header::LOCATION;
use http::{HeaderValue, Response};
use propylon_config::{LocationMatch, ProxyPass, RedirectRule, Settings};
use propylon_exchange::Exchange;
use propylon_redirect::{RedirectLayer, Rewritten, replace_start};

use super::rule::Replace;
use crate::error::BuildError;
use crate::redirects::Redirects;

/// The layer for the responses to what `pass` sends on, from a location that matched `prefix`.
pub(super) fn layer(
    settings: &Settings,
    pass: &ProxyPass,
    prefix: &str,
) -> Result<RedirectLayer, BuildError> {
    let mut layer = RedirectLayer::new();
    for rule in &settings.redirect.rules {
        layer = match rule {
            RedirectRule::Default => inverse(layer, pass, prefix),
            RedirectRule::Rule(rule) if let Some((from, to)) = Replace::fixed(rule) => {
                layer.replace(from, to)
            }
            RedirectRule::Rule(rule) => {
                let rule = Replace::new(rule)?;
                layer
                    .rule(move |head, url| rule.apply(head.extensions.get::<Exchange>()?, url, replace_start))
            }
        };
    }
    Ok(layer)
}

/// Whether a rule needs the `Exchange`: the default is known when the layer is built.
pub(super) fn asks(settings: &Settings) -> bool {
    let asks =
        |rule: &RedirectRule| matches!(rule, RedirectRule::Rule(rule) if Replace::fixed(rule).is_none());
    settings.redirect.rules.iter().any(asks)
}

/// `proxy_pass`'s URI rule, backwards. A URL with variables has no default, as in nginx.
fn inverse(layer: RedirectLayer, pass: &ProxyPass, prefix: &str) -> RedirectLayer {
    match pass {
        ProxyPass::Template(_) => layer,
        ProxyPass::Static(target) if target.uri.is_some() => layer.replace(&*target.text, prefix),
        ProxyPass::Static(target) => layer.replace(format!("{}/", target.text), "/"),
    }
}

/// What a location matches, if that is the beginning of a path, or all of it.
pub(super) fn prefix(matcher: &LocationMatch) -> &str {
    match matcher {
        LocationMatch::Exact(path) | LocationMatch::Prefix(path) | LocationMatch::PrefixFirst(path) => path,
        LocationMatch::Regex { .. } | LocationMatch::Named(_) => "",
    }
}

/// A path that a rule has made is completed with scheme and host; one that the upstream sent is not (nginx).
pub(crate) fn complete<B>(response: &mut Response<B>, redirects: &Redirects, exchange: &Exchange) {
    if response.extensions_mut().remove::<Rewritten>().is_none() {
        return;
    }
    let path = response.headers().get(LOCATION).filter(|location| location.as_bytes().starts_with(b"/"));
    let url = path.map(|path| HeaderValue::from_maybe_shared(redirects.absolute(exchange, path.as_bytes())));
    if let Some(Ok(url)) = url {
        response.headers_mut().insert(LOCATION, url);
    }
}
