//! Sending what was stored to the tier.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;

use super::link::{Link, Offer};
use super::{HEAD, Place, TierError, record};
use crate::store::entry::Entry;
use crate::store::shared::Shared;

/// Does so for ever.
pub(super) async fn run(shared: &Arc<Shared>, link: &Arc<Link>) {
    loop {
        match link.next_offer() {
            Some(offer) => send(shared, link, &offer).await,
            None => link.offered.notified().await,
        }
    }
}

async fn send(shared: &Arc<Shared>, link: &Link, offer: &Offer) {
    let counters = &link.counters;
    let forgotten = link.forgotten(shared.id(&offer.key));
    let before = forgotten.load(Ordering::SeqCst);
    // What was thrown out or replaced while it waited is of no use to others either.
    let entry = shared.stored(&offer.key, offer.generation).await.filter(|_| link.is_up());
    let made = match &entry {
        Some(entry) => make(link, offer, entry).await,
        None => None,
    };
    let Some(((record, time), entry)) = made.zip(entry) else {
        counters.dropped.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let variant = entry.meta().variant.as_ref();
    let place = Place::of(&offer.key);
    let kept = link.within(link.tier.keep(&place, variant, record, time)).await;
    // It was to be forgotten meanwhile: that may have come there first, and this may yet come.
    if forgotten.load(Ordering::SeqCst) != before {
        let unsure = matches!(kept, Err(TierError::TimedOut | TierError::Unusable(_)));
        if link.within(link.tier.forget(&place)).await.is_err() || unsure {
            link.doubt();
        }
    }
    match kept {
        Ok(()) => {
            counters.stored.fetch_add(1, Ordering::Relaxed);
            link.keeps(None);
        }
        Err(TierError::Busy) => {
            counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            counters.store_failures.fetch_add(1, Ordering::Relaxed);
            match error {
                TierError::Refused(_) => link.keeps(Some(&error)),
                error => link.fault(&error),
            }
        }
    }
}

/// What is sent, and for how long it is kept. None if it cannot be read, or is of no use any more.
async fn make(link: &Link, offer: &Offer, entry: &Entry) -> Option<(Bytes, Duration)> {
    let meta = entry.meta();
    let length = entry.len().filter(|length| *length <= link.options.max_object)?;
    let resident = Duration::from_millis((link.options.clock)().saturating_sub(meta.stored_at));
    let fresh = meta.lifetime.saturating_sub(meta.initial_age.saturating_add(resident));
    let time = fresh.saturating_add(link.options.stale).min(LONGEST);
    if time.as_millis() == 0 {
        return None;
    }
    let mut record = record::begin(offer.mark, time, resident, &offer.key, meta);
    if record.len() as u64 > HEAD {
        return None;
    }
    record.reserve_exact(usize::try_from(length).ok()?);
    let mut body = entry.body();
    while let Some(frame) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
        record.extend(&frame.ok()?.into_data().ok()?);
    }
    Some((record::seal(record), time))
}

/// Nothing is kept for longer.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
