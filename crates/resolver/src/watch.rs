//! Following a name.

use std::time::Duration;

use tokio::time::Instant;

use crate::answer::{Endpoints, Question};
use crate::error::Error;
use crate::resolver::Resolver;

/// The least time between two queries for the same name, whatever its time to live says.
const LEAST: Duration = Duration::from_secs(1);

/// Follows a name; made by [`Resolver::watch`].
///
/// It is driven by whoever awaits [`changed`](Self::changed): dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    resolver: Resolver,
    question: Question,
    seen: Option<Result<Endpoints, ()>>,
    next: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(resolver: Resolver, question: Question) -> Self {
        Self { resolver, question, seen: None, next: None }
    }

    /// What is followed.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Waits until the answer is another one than before; the first call gives the first answer. While the servers do not
    /// answer, nothing has changed.
    ///
    /// Cancel safe: what was not returned is found again.
    ///
    /// # Errors
    /// When there was an answer, or none was given yet, and now there is none: the name is gone, or has never been resolved.
    /// It is followed further: the next call waits for an answer.
    pub async fn changed(&mut self) -> Result<Endpoints, Error> {
        loop {
            if let Some(next) = self.next {
                tokio::time::sleep_until(next).await;
            }
            let answer = self.resolver.resolve(&self.question).await;
            self.next = Some(self.resolver.due(&self.question).max(Instant::now() + LEAST));
            let seen = answer.as_ref().map(Clone::clone).map_err(|_| ());
            if self.seen.as_ref() != Some(&seen) {
                self.seen = Some(seen);
                return answer;
            }
        }
    }
}
