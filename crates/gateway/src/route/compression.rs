//! `compression`: configuration to layer.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, USER_AGENT};
use http::request::Parts;
use propylon_compression::{Coding, CompressionLayer, Proxied, Sizes};
use propylon_config::{self as config, Settings};
use propylon_exchange::Exchange;

use super::{Site, carry};

/// The layer, if anything is compressed.
pub(crate) fn layer(settings: &Settings, site: &Site) -> Option<CompressionLayer> {
    let compression = &settings.compression;
    if compression.codings.is_empty() {
        return None;
    }
    let codings = compression.codings.iter().map(|coding| match coding {
        config::Coding::Gzip => Coding::Gzip,
        config::Coding::Brotli => Coding::Brotli,
        config::Coding::Zstd => Coding::Zstd,
    });
    let layer = CompressionLayer::new(codings)
        .types(compression.types.iter().cloned())
        .min_length(compression.min_length)
        .level(compression.level)
        .vary(compression.vary)
        .proxied(compression.proxied.iter().fold(Proxied::OFF, |all, name| all.or(proxied(name))))
        .http_1_0(compression.http_1_0);
    let layer = if rewrites(settings) { layer.no_transform(carry::said_no_transform) } else { layer };
    let layer = if site.counts_compressed { layer.count(count) } else { layer };
    // The page of an error is compressed by the status that the client sees.
    let layer = if site.has_pages { layer.status(carry::shown) } else { layer };
    let disabled: Vec<_> = compression.disabled().collect();
    if disabled.is_empty() {
        return Some(layer);
    }
    Some(layer.exclude(move |parts: &Parts| {
        let agent = parts.headers.get(USER_AGENT);
        agent.is_some_and(|agent| disabled.iter().any(|pattern| pattern.is_match(agent.as_bytes())))
    }))
}

/// Has the exchange of a request know what its response was compressed to.
fn count(request: &Parts) -> Option<Arc<Sizes>> {
    let exchange = request.extensions.get::<Exchange>()?;
    let sizes = Arc::new(Sizes::default());
    let told = sizes.clone();
    propylon_vars::set_compressed(exchange, Arc::new(move || told.get()));
    Some(sizes)
}

/// Whether `Cache-Control` may be another one by the time that it is asked for: then what the origin said is to be carried along, for
/// what the location adds is for whoever comes after, as nginx has it.
pub(crate) fn rewrites(settings: &Settings) -> bool {
    let headers = &settings.headers;
    let mut added = headers.add.iter().chain(&headers.add_always);
    !settings.compression.codings.is_empty()
        && (settings.expires.is_some()
            || headers.hide.contains(&CACHE_CONTROL)
            || added.any(|field| field.name == CACHE_CONTROL))
}

fn proxied(name: &str) -> Proxied {
    match name {
        "expired" => Proxied::EXPIRED,
        "no-cache" => Proxied::NO_CACHE,
        "no-store" => Proxied::NO_STORE,
        "private" => Proxied::PRIVATE,
        "no_last_modified" => Proxied::NO_LAST_MODIFIED,
        "no_etag" => Proxied::NO_ETAG,
        "auth" => Proxied::AUTH,
        "any" => Proxied::ANY,
        _ => Proxied::OFF,
    }
}
