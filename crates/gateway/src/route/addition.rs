//! `addition`: configuration to layer.

use http::response;
use propylon_addition::AdditionLayer;
use propylon_config::{InnerUri, Settings};

use super::auth_request;
use super::parts::{Asker, Missing, Part};

/// The layer, if something is added.
pub(super) fn layer(settings: &Settings) -> Option<AdditionLayer> {
    let config = &settings.addition;
    config.uris().next()?;
    let mut layer = AdditionLayer::new().types(config.types.iter().cloned());
    if let Some(uri) = &config.before {
        layer = layer.before(asked(&uri.value));
    }
    if let Some(uri) = &config.after {
        layer = layer.after(asked(&uri.value));
    }
    Some(layer)
}

/// What a location answers, for whoever is no part itself.
fn asked(uri: &InnerUri) -> impl Fn(&response::Parts) -> Option<Asked> + Send + Sync + 'static {
    let (path, args) = auth_request::bytes(uri);
    move |head| {
        let asker = head.extensions.get::<Asker>().filter(|asker| !asker.is_part())?.clone();
        let (path, args) = (path.clone(), args.clone());
        Some(Box::pin(async move { asker.part(path, args).await.map(http::Response::into_body) }))
    }
}

type Asked = std::pin::Pin<Box<dyn Future<Output = Result<Part, Missing>> + Send>>;
