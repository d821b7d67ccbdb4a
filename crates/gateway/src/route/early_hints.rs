//! `upstream.early_hints`: which interim responses of an upstream reach the client, and which of their fields.

use std::sync::Arc;

use http::header::HeaderName;
use http::{Extensions, HeaderMap, StatusCode};
use propylon_config::{self as config, Settings, Template};
use propylon_exchange::{Exchange, Keep};
use propylon_h1::server::{InterimRefused, SendInterim};
use propylon_upstream::Interim;

use super::cache::holds;
use super::carry;

/// What is to be done about the interim responses of a location.
pub(super) enum EarlyHints {
    /// There are none.
    Dropped,
    /// They are looked at as they come.
    Judged(Arc<Rule>),
}

pub(super) struct Rule {
    /// One of these must say so; none: nobody is asked.
    conditions: Option<Vec<Template>>,
    hidden: Vec<HeaderName>,
}

impl EarlyHints {
    /// Nothing, where they pass as they come.
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let headers = &settings.headers;
        let conditions = match &settings.upstream.early_hints {
            config::EarlyHints::Dropped => return Some(Self::Dropped),
            config::EarlyHints::Passed if headers.hide.is_empty() => return None,
            config::EarlyHints::Passed => None,
            config::EarlyHints::If(conditions) => Some(conditions.clone()),
        };
        let hidden = headers.hide.iter().filter(|name| !headers.pass.contains(name)).cloned();
        Some(Self::Judged(Arc::new(Rule { conditions, hidden: hidden.collect() })))
    }

    /// Puts itself between the upstream and whoever hears of a request's interim responses.
    pub(super) fn judge(&self, extensions: &mut Extensions) {
        let Some(to) = extensions.remove::<Interim>() else { return };
        if let Self::Judged(rule) = self
            && let Some(exchange) = extensions.get::<Exchange>().cloned()
        {
            let rule = rule.clone();
            extensions.insert(Interim::by(Arc::new(Judge { rule, exchange, to })));
        }
    }
}

/// What the conditions need to be kept.
pub(super) fn needs(settings: &Settings) -> Keep {
    match &settings.upstream.early_hints {
        config::EarlyHints::If(conditions) => carry::needs(conditions),
        config::EarlyHints::Passed | config::EarlyHints::Dropped => Keep::NONE,
    }
}

struct Judge {
    rule: Arc<Rule>,
    exchange: Exchange,
    to: Interim,
}

impl SendInterim for Judge {
    /// As things stand when it comes, as in nginx.
    fn send_interim(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), InterimRefused> {
        if self.rule.conditions.as_ref().is_some_and(|conditions| !holds(conditions, &self.exchange)) {
            return Ok(());
        }
        if self.rule.hidden.is_empty() {
            return self.to.send(status, headers);
        }
        let mut headers = headers.clone();
        for name in &self.rule.hidden {
            headers.remove(name);
        }
        self.to.send(status, &headers)
    }
}
