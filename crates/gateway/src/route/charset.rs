//! `charset`: configuration to layer.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, response};
use propylon_charset::{CharsetLayer, Map};
use propylon_config::{CharsetMap, CharsetValues, Settings, Template};
use propylon_exchange::Keep;

use super::carry;

const X_ACCEL_CHARSET: HeaderName = HeaderName::from_static("x-accel-charset");

/// The charset that an upstream orders (nginx: `X-Accel-Charset`).
#[derive(Clone, Debug)]
pub(super) struct Ordered(HeaderValue);

/// How to recode between charsets, for all locations.
pub(crate) fn maps(maps: &[CharsetMap]) -> Arc<[Map]> {
    // The configuration has checked that they make sense.
    maps.iter().filter_map(map).collect()
}

fn map(config: &CharsetMap) -> Option<Map> {
    let from = config.from.clone();
    match &config.values {
        CharsetValues::Bytes(pairs) => Map::bytes(from, config.to.clone(), pairs.iter().copied()),
        CharsetValues::Utf8(pairs) => Map::to_utf8(from, pairs.iter().copied()),
    }
    .ok()
}

/// The layer, if responses get a charset.
pub(super) fn layer(settings: &Settings, maps: &[Map]) -> Option<CharsetLayer> {
    let charset = &settings.charset;
    let name = charset.name.as_ref()?;
    let mut layer = match text(name) {
        Some(name) => CharsetLayer::new(name),
        None => CharsetLayer::choosing(choose(name)),
    };
    if let Some(source) = &charset.source {
        layer = match text(source) {
            Some(source) => layer.source(source),
            None => layer.source_with(choose(source)),
        };
    }
    let layer = layer
        .types(charset.types.iter().cloned())
        .override_charset(charset.overrides)
        .order_with(|parts| Some(Bytes::copy_from_slice(parts.extensions.get::<Ordered>()?.0.as_bytes())))
        .on_missing(|from, to| {
            let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
            tracing::error!(
                target: "propylon_gateway",
                "no \"charset_map\" between the charsets \"{from}\" and \"{to}\""
            );
        });
    Some(maps.iter().cloned().fold(layer, CharsetLayer::map))
}

/// Whether a response asks for variables.
pub(super) fn asks(settings: &Settings) -> bool {
    templates(settings).any(|template| template.as_static().is_none())
}

/// What the templates need to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    carry::needs(templates(settings))
}

/// Whether an upstream's order counts.
pub(super) fn obeys(settings: &Settings) -> bool {
    settings.charset.name.is_some() && !settings.headers.ignore.contains(&X_ACCEL_CHARSET)
}

/// Notes the order of an upstream, which is hidden later.
pub(super) fn note<B>(response: &mut Response<B>) {
    if let Some(order) = response.headers().get(X_ACCEL_CHARSET).filter(|order| !order.is_empty()) {
        let order = Ordered(order.clone());
        response.extensions_mut().insert(order);
    }
}

fn templates(settings: &Settings) -> impl Iterator<Item = &Template> {
    settings.charset.name.iter().chain(&settings.charset.source)
}

fn text(template: &Template) -> Option<String> {
    template.as_static().map(|text| String::from_utf8_lossy(text).into_owned())
}

/// "off" out of a variable is what it is out of the file.
fn choose(template: &Template) -> impl Fn(&response::Parts) -> Option<Bytes> + Send + Sync + 'static {
    let template = template.clone();
    move |parts| carry::eval(&template, parts).filter(|name| name != "off")
}
