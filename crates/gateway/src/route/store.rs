//! `store`: configuration to the layer that stores responses as files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::request;
use propylon_config::{Settings, StoreTo, Template};
use propylon_detach::Left;
use propylon_exchange::{Exchange, Keep};
use propylon_files::climbs;
use propylon_store::{Place, StoreLayer};
use propylon_vars::Document;

use crate::rescue;

/// The layer, if there is to be one.
pub(super) fn layer(settings: &Settings, left: &Left) -> Option<StoreLayer> {
    let named = match settings.store.to.as_ref()? {
        StoreTo::Root => None,
        StoreTo::Path(path) => Some(Arc::new(document(path))),
    };
    let (access, left) = (settings.store.access, left.clone());
    let place = move |request: &request::Parts| {
        let exchange = request.extensions.get::<Exchange>()?.clone();
        let path = path(named.as_deref(), &exchange)?;
        Some(Place::new(path).access(access).on_error(move |path, error| {
            rescue::report_text(&exchange, &format!("storing \"{}\" failed: {error}", path.display()));
        }))
    };
    Some(StoreLayer::new(place).spawner(move |work| left.run(work)))
}

/// What is to be kept for the name.
pub(super) fn needs(settings: &Settings) -> Keep {
    match &settings.store.to {
        Some(StoreTo::Path(path)) => path.needs(),
        _ => Keep::NONE,
    }
}

fn document(path: &Template) -> Document {
    let here = std::env::current_dir().unwrap_or_default();
    Document::whole(path.clone()).relative_to(Bytes::copy_from_slice(here.as_os_str().as_bytes()))
}

/// The file that a response is stored in; none, where a request has no say in which.
fn path(named: Option<&Document>, exchange: &Exchange) -> Option<PathBuf> {
    let uri = propylon_vars::uri(exchange)?;
    let name = match named {
        Some(document) => document.file(exchange, &uri),
        None => propylon_vars::document(exchange)?.file(exchange, &uri),
    };
    if name.path.is_empty() {
        return None; // nginx: not stored
    }
    if climbs(&name.path, name.fixed) || name.path.contains(&0) || name.path.ends_with(b"/") {
        let text = String::from_utf8_lossy(&name.path).into_owned();
        rescue::report_text(exchange, &format!("invalid file name \"{text}\" for storing a response"));
        return None;
    }
    Some(OsStr::from_bytes(&name.path).into())
}
