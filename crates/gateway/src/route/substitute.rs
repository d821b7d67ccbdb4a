//! `substitute`: configuration to layer.

use bytes::Bytes;
use http::response;
use propylon_config::{Settings, Template};
use propylon_exchange::Keep;
use propylon_substitute::SubstituteLayer;

use super::carry;

/// The layer, if something is replaced.
pub(super) fn layer(settings: &Settings) -> Option<SubstituteLayer> {
    let config = &settings.substitute;
    if config.rules.is_empty() {
        return None;
    }
    let layer = SubstituteLayer::new()
        .once(config.once)
        .types(config.types.iter().cloned())
        .last_modified(config.last_modified);
    Some(config.rules.iter().fold(layer, |layer, (from, to)| match (from.as_static(), to.as_static()) {
        (Some(from), Some(to)) => layer.replace(from.clone(), to.clone()),
        (Some(from), None) => layer.replace_with(from.clone(), eval(to)),
        (None, _) => layer.replace_computed(eval(from), eval(to)),
    }))
}

/// Whether a response asks for variables.
pub(super) fn asks(settings: &Settings) -> bool {
    templates(settings).any(|template| template.as_static().is_none())
}

/// What the templates need to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    carry::needs(templates(settings))
}

fn templates(settings: &Settings) -> impl Iterator<Item = &Template> {
    settings.substitute.rules.iter().flat_map(|(from, to)| [from, to])
}

fn eval(template: &Template) -> impl Fn(&response::Parts) -> Bytes + Send + Sync + 'static {
    let template = template.clone();
    move |parts| carry::eval(&template, parts).unwrap_or_default()
}
