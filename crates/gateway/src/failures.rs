//! What becomes of it when `accept()` fails.

use std::io;
use std::time::Duration;

use propylon_config::ListenAddress;

/// How long accepting pauses when the process or the machine has no descriptors left.
const PAUSE: Duration = Duration::from_millis(500);

/// The failures of `accept()` at an address: the error log has the first of them, and when it works again.
#[derive(Debug)]
pub struct AcceptFailures {
    address: ListenAddress,
    failing: bool,
}

impl AcceptFailures {
    /// There were none yet.
    #[must_use]
    pub const fn at(address: ListenAddress) -> Self {
        Self { address, failing: false }
    }

    /// Something was accepted.
    pub fn over(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::warn!(target: "propylon_gateway", "accepting on {} again", self.address);
        }
    }

    /// It failed. Waits until it is worth while to try again: at once if only the client was gone before it was accepted.
    pub async fn pause(&mut self, error: &io::Error) {
        if is_the_clients(error) {
            return;
        }
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(
                target: "propylon_gateway",
                "accept() on {} failed: {error}; accepting pauses until it works again", self.address
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether it failed for this connection alone. The next one may be well.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_pauses_but_for_clients_that_are_gone() {
        let mut failures = AcceptFailures::at(ListenAddress::Unix("/a".into()));
        let start = Instant::now();
        failures.pause(&io::ErrorKind::ConnectionAborted.into()).await;
        assert_eq!((failures.failing, start.elapsed()), (false, Duration::ZERO));
        for times in [1, 2] {
            failures.pause(&io::Error::from_raw_os_error(24)).await;
            assert_eq!((failures.failing, start.elapsed()), (true, PAUSE * times));
        }
        failures.over();
        assert!(!failures.failing);
    }
}
