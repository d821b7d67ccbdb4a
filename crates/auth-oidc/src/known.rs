//! What is fetched at need and kept.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Error;

/// How long what was fetched is used before it is fetched anew.
pub(crate) const FRESH: Duration = Duration::from_secs(3600);

/// How soon it is tried again where that has failed.
const RETRY: Duration = Duration::from_secs(1);

/// Something that is fetched at need, by one at a time; what is there stays for as long as there is nothing newer.
pub(crate) struct Known<T> {
    there: Mutex<Option<(Instant, Arc<T>)>>,
    /// Whose turn it is, and what became of the last one, if it failed.
    turn: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl<T> Known<T> {
    pub(crate) fn new() -> Self {
        Self { there: Mutex::new(None), turn: tokio::sync::Mutex::new(None) }
    }

    /// It, as fresh as it may be; an old one where nothing newer can be had, or somebody else is at it.
    pub(crate) async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let old = match &*self.there.lock() {
            Some((since, there)) if since.elapsed() < FRESH => return Ok(there.clone()),
            there => there.as_ref().map(|(_, there)| there.clone()),
        };
        match old {
            None => self.fetch(None, fetch).await,
            Some(old) => match self.turn.try_lock() {
                // Somebody is at it: what is there does until then.
                Err(_) => Ok(old),
                Ok(mut turn) => {
                    let failing = turn.as_ref().is_some_and(|(at, _)| at.elapsed() < RETRY);
                    match failing {
                        true => Ok(old),
                        false => Ok(self.turn(&mut turn, fetch).await.unwrap_or(old)),
                    }
                }
            },
        }
    }

    /// It, not older than this, if that matters.
    pub(crate) async fn fetch<F>(
        &self,
        since: Option<Instant>,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut turn = self.turn.lock().await;
        // Whoever had the turn before may have done what is to be done.
        if let Some((at, there)) = &*self.there.lock()
            && since.is_none_or(|since| *at >= since)
        {
            return Ok(there.clone());
        }
        if let Some((at, error)) = &*turn
            && at.elapsed() < RETRY
        {
            return Err(error.clone());
        }
        self.turn(&mut turn, fetch).await
    }

    async fn turn<F>(
        &self,
        turn: &mut Option<(Instant, Error)>,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match fetch().await {
            Ok(new) => {
                let new = Arc::new(new);
                *self.there.lock() = Some((Instant::now(), new.clone()));
                *turn = None;
                Ok(new)
            }
            Err(error) => {
                *turn = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl<T> fmt::Debug for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("there", &self.there.lock().is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::time::{advance, sleep};

    use super::*;

    const LATE: Error = Error::State("late");

    #[tokio::test(start_paused = true)]
    async fn one_fetches_for_all() {
        let (known, fetched) = (Known::new(), AtomicUsize::new(0));
        let get = || {
            known.get(|| async {
                sleep(Duration::from_secs(1)).await;
                Ok(fetched.fetch_add(1, Relaxed))
            })
        };
        let (a, b, c) = tokio::join!(get(), get(), get());
        assert_eq!((*a.unwrap(), *b.unwrap(), *c.unwrap()), (0, 0, 0));
        advance(FRESH).await;
        let (a, b) = tokio::join!(get(), get());
        assert_eq!((*a.unwrap(), *b.unwrap()), (1, 0), "nobody waits where there is an old one");
        assert_eq!(*get().await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_one_stays_where_there_is_no_newer_one() {
        let (known, tried) = (Known::new(), AtomicUsize::new(0));
        assert_eq!(*known.get(|| async { Ok(1) }).await.unwrap(), 1);
        advance(FRESH).await;
        let fail = || {
            known.get(|| async {
                tried.fetch_add(1, Relaxed);
                Err(LATE)
            })
        };
        assert_eq!((*fail().await.unwrap(), *fail().await.unwrap(), tried.load(Relaxed)), (1, 1, 1));
        advance(RETRY).await;
        assert_eq!((*fail().await.unwrap(), tried.load(Relaxed)), (1, 2));
        advance(RETRY).await;
        assert_eq!(*known.get(|| async { Ok(2) }).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_of_a_failure_and_does_not_fail_again() {
        let (known, tried) = (Known::<u8>::new(), AtomicUsize::new(0));
        let fail = || {
            known.get(|| async {
                sleep(Duration::from_secs(5)).await;
                tried.fetch_add(1, Relaxed);
                Err(LATE)
            })
        };
        let (a, b, c) = tokio::join!(fail(), fail(), fail());
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(tried.load(Relaxed), 1);
        advance(RETRY).await;
        assert_eq!(*known.get(|| async { Ok(3) }).await.unwrap(), 3);
        let since = Instant::now();
        assert_eq!(*known.fetch(Some(since), || async { Ok(4) }).await.unwrap(), 3, "that is new enough");
        advance(Duration::from_secs(1)).await;
        assert_eq!(*known.fetch(Some(Instant::now()), || async { Ok(4) }).await.unwrap(), 4);
    }
}
