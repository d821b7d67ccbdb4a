//! A configuration that is no longer in force, and the requests that it still serves.

use std::sync::Weak;
use std::time::Duration;

use crate::router::Location;

/// How often it is looked whether the last one has ended.
const LOOK: Duration = Duration::from_millis(50);

/// A configuration that is no longer in force: the requests under way go on with it.
#[derive(Debug, Default)]
pub struct Retired(Vec<Weak<Location>>);

impl Retired {
    pub(crate) fn new(locations: Vec<Weak<Location>>) -> Self {
        Self(locations)
    }

    pub(crate) fn join(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Waits until the last of its requests has ended, tunnels included.
    pub async fn ended(mut self) {
        loop {
            // A request holds the location that serves it until its log line is written.
            self.0.retain(|location| location.strong_count() > 0);
            if self.0.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
