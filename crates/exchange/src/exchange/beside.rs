//! What is done beside a request, what caches have to do with it, where errors are told, and what variables remember of it.

use std::any::Any;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Exchange, Facts, Inner, Received};
use crate::late::Late;
use crate::{Head, Uri, clock};

impl Exchange {
    /// An exchange of its own for what is done beside this one in the name of the same request, and of which its client hears
    /// nothing: as if its head were what `change` makes of it. What the slot holds does not come along.
    #[must_use]
    pub fn beside(&self, change: impl FnOnce(&mut Head)) -> Self {
        let Inner { connection, number, received, client, server_name, host, user, .. } = &*self.0;
        let mut received = received.clone();
        if let Received::Head(head) = &mut received {
            change(head);
        }
        let (mut uri, error_log) = {
            let late = self.0.late.lock();
            (late.uri.clone(), late.error_log.clone())
        };
        if uri == Uri::Target {
            // That of this head, whatever becomes of the other.
            uri = self.head().map_or(Uri::Unknown, |head| Uri::Path(head.target.clone(), None));
        }
        Self(Arc::new(Inner {
            connection: connection.clone(),
            number: *number,
            started: clock::now(),
            received,
            client: client.clone(),
            server_name: server_name.clone(),
            host: host.clone(),
            user: user.clone(),
            facts: Facts { keep: AtomicU8::new(self.0.facts.keep.load(Relaxed)), ..Facts::default() },
            late: Mutex::new(Late { error_log, ..Late::at(uri) }),
            slot: OnceLock::new(),
        }))
    }

    /// What a cache had to do with the request as things stand, in nginx's words (`$upstream_cache_status`): `MISS`, `HIT` …
    pub fn cached(&self, status: &'static str) {
        let mut late = self.0.late.lock();
        (late.cached, late.cached_anew) = (Some(status), true);
    }

    /// What a cache had to do with the request, for whoever counts that: told once each time that a cache had to do with it.
    #[must_use]
    pub fn take_cache_outcome(&self) -> Option<&'static str> {
        let mut late = self.0.late.lock();
        if std::mem::take(&mut late.cached_anew) { late.cached } else { None }
    }

    /// What a cache had to do with the request, if one had.
    #[must_use]
    pub fn cache_status(&self) -> Option<&'static str> {
        self.0.late.lock().cached
    }

    /// The upstream is asked whether a stored response with these validators is still good
    /// (`$upstream_cache_last_modified`, `$upstream_cache_etag`).
    pub fn revalidating(&self, last_modified: Option<Bytes>, etag: Option<Bytes>) {
        self.0.late.lock().keep(|kept| (kept.last_modified, kept.etag) = (last_modified, etag));
    }

    /// When the stored response was last modified that the upstream is asked about.
    #[must_use]
    pub fn cached_last_modified(&self) -> Option<Bytes> {
        self.0.late.lock().kept(|kept| kept.last_modified.clone())
    }

    /// The entity tag of the stored response that the upstream is asked about.
    #[must_use]
    pub fn cached_etag(&self) -> Option<Bytes> {
        self.0.late.lock().kept(|kept| kept.etag.clone())
    }

    /// What has gone wrong with the request is said in this error log from here on; none: where everything else is said. What it is
    /// is known to whoever writes it.
    pub fn set_error_log(&self, log: Option<Arc<dyn Any + Send + Sync>>) {
        self.0.late.lock().error_log = log;
    }

    /// The error log that was [named](Self::set_error_log) last, if it is of this type.
    #[must_use]
    pub fn error_log<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let log = self.0.late.lock().error_log.clone()?;
        log.downcast().ok()
    }

    /// The one slot for the crate that evaluates variables: made on first use, kept to the end.
    ///
    /// A second type that asks gets `None`: the slot belongs to the first.
    pub fn slot<T: Any + Send + Sync + Default>(&self) -> Option<&T> {
        self.0.slot.get_or_init(|| Box::<T>::default()).downcast_ref()
    }

    /// What is in the [slot](Self::slot), if anybody has used it yet.
    #[must_use]
    pub fn made_slot<T: Any>(&self) -> Option<&T> {
        self.0.slot.get()?.downcast_ref()
    }
}
