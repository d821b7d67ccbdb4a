//! What a zone does when nobody asks it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::disk::{Disk, Loader};
use super::limits::Limits;
use super::shared::Shared;

/// How often it is looked whether there is something to do.
const TICK: Duration = Duration::from_secs(1);

/// Loads what is there, and throws out what nobody asks for and what is too much, in small portions.
pub(super) async fn run(shared: &Arc<Shared>) {
    let mut loader = shared.disk.is_some().then_some(None);
    let mut next = Instant::now();
    loop {
        let limits = shared.limits();
        if let Some(loading) = loader.take() {
            loader = load(shared, loading, &limits).await.map(Some);
        }
        if Instant::now() >= next {
            let more = manage(shared, &limits).await;
            next = Instant::now() + if more { limits.manager.sleep } else { TICK };
        }
        let pause = next.saturating_duration_since(Instant::now());
        tokio::time::sleep(if loader.is_some() { pause.min(limits.loader.sleep) } else { pause }).await;
    }
}

/// One portion of loading. None when all is loaded.
async fn load(shared: &Arc<Shared>, loader: Option<Loader>, limits: &Limits) -> Option<Loader> {
    let (shared, pace) = (Arc::clone(shared), limits.loader);
    let portion = move || {
        let mut loader = loader.or_else(|| shared.disk.as_ref().map(Loader::new))?;
        let done = loader.step(&shared, &pace);
        shared.sweep();
        (!done).then_some(loader)
    };
    tokio::task::spawn_blocking(portion).await.ok().flatten()
}

/// One portion of throwing out. Whether there is more to do.
async fn manage(shared: &Arc<Shared>, limits: &Limits) -> bool {
    if shared.disk.is_none() {
        return expire(shared, limits);
    }
    let (shared, limits) = (Arc::clone(shared), *limits);
    let portion = move || {
        let mut more = expire(&shared, &limits);
        shared.sweep();
        if let Some(disk) = &shared.disk {
            more |= make_free(&shared, disk, &limits);
        }
        more
    };
    tokio::task::spawn_blocking(portion).await.unwrap_or(false)
}

fn expire(shared: &Shared, limits: &Limits) -> bool {
    shared.reserve(0);
    let inactive = u64::try_from(limits.inactive.as_millis()).unwrap_or(u64::MAX);
    let portion = limits.manager.files.get();
    shared.now().checked_sub(inactive).is_some_and(|time| shared.expire(time, portion) == portion)
}

/// Removes files until there is enough room for what else is on the disk.
fn make_free(shared: &Shared, disk: &Disk, limits: &Limits) -> bool {
    let begun = Instant::now();
    let mut files = 0;
    while limits.min_free > 0 && disk.free_space().is_some_and(|free| free < limits.min_free) {
        if files == limits.manager.files.get() || begun.elapsed() > limits.manager.threshold {
            return true;
        }
        if !shared.evict() {
            break;
        }
        shared.sweep();
        files += 1;
    }
    false
}
