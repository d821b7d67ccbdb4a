//! What is remembered of names.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::answer::{Endpoints, Question};
use crate::error::Error;

/// How soon a failure may be asked about again: a broken server is not hammered, a mended one is found quickly.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// How long "there is nothing" is believed, and half an answer.
pub(crate) const NEGATIVE: Duration = Duration::from_secs(5);

/// How long an old answer stands in while nobody answers.
pub(crate) const STALE: Duration = Duration::from_secs(24 * 3600);

pub(crate) type Answer = Result<Endpoints, Error>;

/// Answers by question, bounded.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: Mutex<HashMap<Question, Entry>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Entry {
    /// The last good answer, and when it was given up as fresh.
    good: Option<(Endpoints, Instant)>,
    /// Whether it was more than half an answer.
    whole: bool,
    /// What became of the last query, if it was not a good answer.
    failed: Option<Error>,
    /// Until when no query is made.
    until: Option<Instant>,
    /// The query under way.
    waiting: Option<watch::Receiver<Option<Answer>>>,
}

/// What a look into the cache brings.
#[derive(Debug)]
pub(crate) enum Look {
    /// Take this.
    Fresh(Answer),
    /// Somebody asks already.
    Waiting { answer: watch::Receiver<Option<Answer>>, stale: Option<Endpoints> },
    /// You ask, and tell the others.
    Asking {
        answer: watch::Receiver<Option<Answer>>,
        stale: Option<Endpoints>,
        sender: watch::Sender<Option<Answer>>,
    },
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: Mutex::default(), limit: limit.max(1) }
    }

    pub(crate) fn look(&self, question: &Question, now: Instant) -> Look {
        let mut entries = self.entries.lock();
        if !entries.contains_key(question) {
            make_room(&mut entries, self.limit, now);
        }
        let entry = entries.entry(question.clone()).or_default();
        if entry.until.is_some_and(|until| now < until)
            && let Some(answer) = entry.answer(now)
        {
            return Look::Fresh(answer);
        }
        let stale = entry.stale(now);
        // A query whose task was lost (its runtime ended) has no sender any more: ask again.
        if let Some(answer) = entry.waiting.clone().filter(|waiting| waiting.has_changed().is_ok()) {
            return Look::Waiting { answer, stale };
        }
        let (sender, answer) = watch::channel(None);
        entry.waiting = Some(answer.clone());
        Look::Asking { answer, stale, sender }
    }

    /// Remembers what a query brought, and says what those who wait get. Half an answer, with what became of the other half, does
    /// not take the place of a good one.
    pub(crate) fn store(
        &self,
        question: &Question,
        found: Result<(Endpoints, Duration, Option<Error>), Error>,
        now: Instant,
    ) -> Answer {
        let mut entries = self.entries.lock();
        let entry = entries.entry(question.clone()).or_default();
        entry.waiting = None;
        let found = match found {
            Ok((_, _, Some(error))) if entry.whole && entry.stale(now).is_some() => Err(error),
            found => found,
        };
        match found {
            Ok((endpoints, ttl, partial)) => {
                entry.whole = partial.is_none();
                entry.good = Some((endpoints.clone(), now + ttl));
                entry.failed = None;
                entry.until = Some(now + ttl);
                Ok(endpoints)
            }
            Err(error) => {
                if error.is_final() {
                    entry.good = None;
                    entry.until = Some(now + NEGATIVE);
                } else {
                    entry.until = Some(now + RETRY);
                }
                entry.failed = Some(error.clone());
                entry.stale(now).ok_or(error)
            }
        }
    }

    pub(crate) fn due(&self, question: &Question) -> Option<Instant> {
        self.entries.lock().get(question).and_then(|entry| entry.until)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().len()
    }
}

impl Entry {
    fn answer(&self, now: Instant) -> Option<Answer> {
        match &self.failed {
            None => self.good.as_ref().map(|(endpoints, _)| Ok(endpoints.clone())),
            Some(error) => Some(self.stale(now).ok_or_else(|| error.clone())),
        }
    }

    fn stale(&self, now: Instant) -> Option<Endpoints> {
        let (endpoints, fresh_until) = self.good.as_ref()?;
        (now < *fresh_until + STALE).then(|| endpoints.clone())
    }
}

/// Forgets what is of no more use; if everything is, what expires first.
fn make_room(entries: &mut HashMap<Question, Entry>, limit: usize, now: Instant) {
    if entries.len() < limit {
        return;
    }
    entries.retain(|_, entry| entry.waiting.is_some() || entry.until.is_some_and(|until| now < until));
    while entries.len() >= limit {
        let first = entries.iter().min_by_key(|(_, entry)| entry.until).map(|(question, _)| question.clone());
        let Some(first) = first else { return };
        entries.remove(&first);
    }
}
