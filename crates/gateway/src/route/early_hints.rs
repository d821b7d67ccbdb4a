//! `upstream.early_hints`: which interim responses of an upstream reach the client, and which of their fields.

use std::sync::Arc;

use http::HeaderMap;
use http::header::HeaderName;
use propylon_config::{EarlyHints, Settings};
use propylon_exchange::{Exchange, Keep};
use propylon_upstream::Interims;

use super::cache::holds;
use super::carry;

/// What is to be done about the interim responses of a location: as things stand when they come, as in nginx.
pub(crate) fn interims(settings: &Settings) -> Interims {
    let headers = &settings.headers;
    let conditions = match &settings.upstream.early_hints {
        EarlyHints::Dropped => return Interims::Dropped,
        EarlyHints::Passed if headers.hide.is_empty() => return Interims::Passed,
        EarlyHints::Passed => None,
        EarlyHints::If(conditions) => Some(conditions.clone()),
    };
    let hidden = headers.hide.iter().filter(|name| !headers.pass.contains(name)).cloned();
    let hidden: Vec<HeaderName> = hidden.collect();
    Interims::Judged(Arc::new(move |exchange: Option<&Exchange>, fields: &mut HeaderMap| {
        hidden.iter().for_each(|name| drop(fields.remove(name)));
        match (&conditions, exchange) {
            (Some(conditions), Some(exchange)) => holds(conditions, exchange),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }))
}

/// What the conditions need to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    match &settings.upstream.early_hints {
        EarlyHints::If(conditions) => carry::needs(conditions),
        EarlyHints::Passed | EarlyHints::Dropped => Keep::NONE,
    }
}
