//! Names to addresses: a cache by time to live, SRV records, stale answers on errors, change notification.
