//! `upstream.ignore_client_abort`: requests go on to their end whose clients have left.

use propylon_config::Settings;
use propylon_detach::{DetachLayer, Left};

use crate::upstreams::Upstreams;

/// The layer, if there is to be one.
pub(super) fn layer(settings: &Settings, upstreams: &Upstreams<'_>) -> Option<DetachLayer> {
    let tasks = upstreams.tasks.clone();
    let left = || Left::new(move |work| drop(tasks.spawn(work)));
    // What is stored is wanted without its client (nginx).
    let on = settings.upstream.ignore_client_abort || settings.store.to.is_some();
    on.then(|| DetachLayer::new(left()))
}
