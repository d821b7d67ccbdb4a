//! `upstream.ignore_client_abort`: requests go on to their end whose clients have left, and what is stored comes to its own.

use propylon_config::Settings;
use propylon_detach::{DetachLayer, Left};

use crate::error_log::{current, within};
use crate::upstreams::Upstreams;

/// Where a location's requests go on without their clients.
pub(super) fn left(upstreams: &Upstreams<'_>) -> Left {
    let tasks = upstreams.tasks.clone();
    Left::new(move |work| drop(tasks.spawn(within(current(), work)))).counting(upstreams.runtime.left.clone())
}

/// The layer, if there is to be one.
pub(super) fn layer(settings: &Settings, left: &Left) -> Option<DetachLayer> {
    // What is stored is wanted without its client (nginx).
    let on = settings.upstream.ignore_client_abort || settings.store.to.is_some();
    on.then(|| DetachLayer::new(left.clone()))
}
