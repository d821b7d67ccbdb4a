//! How the tests store, and how they find.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use propylon_cache::store::{
    Entry, EntryBody, Error, Guard, Key, Limits, Locked, Lookup, Meta, Variant, Zone,
};

pub(crate) const AGE: Duration = Duration::from_secs(5);

pub(crate) fn limits(keys: usize) -> Limits {
    Limits::default().keys(NonZeroUsize::new(keys).unwrap())
}

pub(crate) fn meta(stored_at: u64) -> Meta {
    Meta { stored_at, ..Meta::new(StatusCode::OK) }
}

pub(crate) fn variant(text: &'static str) -> Option<Variant> {
    Some(Variant(Bytes::from_static(text.as_bytes())))
}

pub(crate) fn store(zone: &Zone, key: &str, meta: Meta, body: &str) {
    let mut fill = zone.fill(&Key::new(key.to_owned()), meta, Some(body.len() as u64), None).unwrap();
    fill.write(&Bytes::copy_from_slice(body.as_bytes()));
    fill.finish();
}

pub(crate) fn find(zone: &Zone, key: &str) -> Option<Entry> {
    match zone.lookup(&Key::new(key.to_owned()), |_| true) {
        Lookup::Found(entry) => Some(entry),
        Lookup::Missing => None,
        Lookup::Opening(_) => panic!("nothing is on disk"),
    }
}

pub(crate) fn guard(zone: &Zone, key: &Key) -> Guard {
    match zone.lock(key, AGE) {
        Locked::Holder(guard) => guard,
        Locked::Waiting(_) => panic!("somebody holds it"),
    }
}

pub(crate) async fn text(mut body: EntryBody) -> Result<String, Error> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        text.extend_from_slice(&frame?.into_data().unwrap());
    }
    assert!(body.is_end_stream());
    Ok(String::from_utf8(text).unwrap())
}
