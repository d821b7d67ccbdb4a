//! A configuration that is no longer in force, and the requests that it still serves.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// What each location of a worker's configuration holds: with the last of them the configuration has ended. A request
/// holds the location that serves it until its log line is written.
#[derive(Clone, Debug)]
pub(crate) struct Generation(Arc<End>);

#[derive(Debug)]
struct End(CancellationToken);

impl Generation {
    pub(crate) fn new() -> Self {
        Self(Arc::new(End(CancellationToken::new())))
    }

    /// What is cancelled at the end.
    pub(crate) fn end(&self) -> CancellationToken {
        self.0.0.clone()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A configuration that is no longer in force: the requests under way go on with it.
#[derive(Debug, Default)]
pub struct Retired(Vec<CancellationToken>);

impl Retired {
    pub(crate) fn new(end: CancellationToken) -> Self {
        Self(vec![end])
    }

    pub(crate) fn join(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Waits until the last of its requests has ended, tunnels included.
    pub async fn ended(self) {
        for end in self.0 {
            end.cancelled().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_last_holder_of_every_worker() {
        let workers = [Generation::new(), Generation::new()];
        let mut retired = Retired::default();
        workers.iter().for_each(|generation| retired.join(Retired::new(generation.end())));
        let held = workers[1].clone();
        let mut ended = std::pin::pin!(retired.ended());
        drop(workers);
        assert!(
            tokio::time::timeout(Duration::from_secs(60), &mut ended).await.is_err(),
            "a request holds it"
        );
        drop(held);
        ended.await;
        Retired::default().ended().await; // there was none before
    }
}
