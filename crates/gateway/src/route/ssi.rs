//! `ssi`: configuration to layer, and who serves its pages.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use propylon_config::Settings;
use propylon_exchange::Keep;
use propylon_pattern::Pattern;
use propylon_ssi::{Captured, Error, Host, Included, Including, Shared, SsiLayer, Zone};
use propylon_vars::Definitions;

use super::Site;
use super::parts::{Asker, Missing};
use crate::rescue;

/// The layer, if commands are obeyed.
pub(super) fn layer(settings: &Settings, site: &Site) -> Option<SsiLayer> {
    let config = &settings.ssi;
    let definitions = site.definitions.clone();
    let layer = SsiLayer::new(move |head| {
        let asker = head.extensions.get::<Asker>()?.clone();
        Some(Arc::new(Page { asker, definitions: definitions.clone() }))
    });
    config.on.then(|| {
        layer
            .types(config.types.iter().cloned())
            .last_modified(config.last_modified)
            .silent_errors(config.silent_errors)
            .value_length(config.value_length)
            .output_size(config.output_size)
    })
}

/// What has to be kept: only the page knows which variables it asks for.
pub(super) fn needs(settings: &Settings) -> Keep {
    let all = Keep::UPSTREAM_HEAD.and(Keep::SENT_HEAD).and(Keep::REQUEST_BODY);
    if settings.ssi.on { all } else { Keep::NONE }
}

/// A page that is on its way to whoever asked for it.
struct Page {
    asker: Asker,
    definitions: Definitions,
}

impl Host for Page {
    fn shared(&self) -> &Shared {
        self.asker.shared()
    }

    fn path(&self) -> Bytes {
        propylon_vars::uri(self.asker.exchange()).unwrap_or_default()
    }

    fn variable(&self, name: &str) -> Option<Bytes> {
        self.definitions.value(name, self.asker.exchange())
    }

    fn date(&self, form: &str, zone: Zone) -> Option<Bytes> {
        let zone = match zone {
            Zone::Local => propylon_vars::Zone::Local,
            Zone::Gmt => propylon_vars::Zone::Gmt,
        };
        propylon_vars::date(form, zone).map(Into::into)
    }

    fn captures(&self, pattern: &str, text: &Bytes) -> Result<Option<Captured>, String> {
        let pattern = Pattern::new(pattern).map_err(|error| error.to_string())?;
        Ok(pattern.find(text).map(|found| Captured {
            groups: (0..=found.len()).map(|number| found.get(number)).collect(),
            named: found.named().map(|(name, value)| (name.to_owned(), value)).collect(),
        }))
    }

    fn include(&self, path: Bytes, args: Option<Bytes>) -> Including {
        let asker = self.asker.clone();
        Box::pin(async move {
            match asker.part(path, args).await.map(Response::into_parts) {
                Ok((head, body)) => Ok(Included::Answer { status: head.status, body: Box::pin(body) }),
                Err(Missing::Cycle) => Ok(Included::Nothing),
                Err(closed @ Missing::Closed) => Err(closed.into()),
            }
        })
    }

    fn report(&self, error: &Error) {
        rescue::report_text(self.asker.exchange(), &error.to_string());
    }
}
