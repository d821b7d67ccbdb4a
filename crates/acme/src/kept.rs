//! One certificate that is kept: what is known of it, and what is to be done for it next.

use std::time::{Duration, SystemTime};

use instant_acme::CertificateIdentifier;

use crate::schedule;
use crate::settings::Wanted;
use crate::store::Pause;
use crate::stored::Stored;

/// The longest time that nothing is ordered although nothing has failed.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// A certificate that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) wanted: Wanted,
    pub(crate) stored: Option<Stored>,
    /// When the authority wants it renewed.
    window: Option<(SystemTime, SystemTime)>,
    /// When the authority is asked that.
    ask: SystemTime,
    /// What failed.
    pause: Option<Pause>,
    /// Until when nothing is ordered, whatever is due: another process is at it, or it was issued just now.
    hold: SystemTime,
    error: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// A certificate is ordered.
    Order(Wanted),
    /// The authority is asked when it wants it renewed.
    Ask(Wanted),
}

/// How a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The names that it is wanted for.
    pub names: Vec<String>,
    /// From when it is valid, if there is one.
    pub from: Option<SystemTime>,
    /// Until when.
    pub until: Option<SystemTime>,
    /// When a new one is ordered.
    pub next: SystemTime,
    /// How often in a row that has failed.
    pub failures: u32,
    /// Why it has failed the last time.
    pub error: Option<String>,
}

impl Kept {
    pub(crate) fn new(wanted: Wanted, stored: Option<Stored>, pause: Option<Pause>, ask: SystemTime) -> Self {
        Self { wanted, stored, window: None, ask, pause, hold: SystemTime::UNIX_EPOCH, error: None }
    }

    /// What is to be done next, and when.
    pub(crate) fn next(&self, directory: &str) -> (SystemTime, Task) {
        let order = self.order(directory);
        match &self.stored {
            Some(stored) if stored.directory == directory && stored.id.is_some() && self.ask < order => {
                (self.ask, Task::Ask(self.wanted.clone()))
            }
            _ => (order, Task::Order(self.wanted.clone())),
        }
    }

    /// When a certificate is ordered.
    fn order(&self, directory: &str) -> SystemTime {
        let due = match &self.stored {
            // One for other names, or of another authority, does until there is one.
            Some(stored) if self.is_wanted(stored, directory) => stored.renewal(self.window),
            _ => SystemTime::UNIX_EPOCH,
        };
        let paused = self.pause.map_or(SystemTime::UNIX_EPOCH, |pause| pause.until);
        due.max(paused).max(self.hold)
    }

    fn is_wanted(&self, stored: &Stored, directory: &str) -> bool {
        stored.covers(&self.wanted) && stored.directory == directory
    }

    /// Believes no time that lies further ahead than it was ever set to: the clock was ahead, and is set right.
    pub(crate) fn bound(&mut self, now: SystemTime) {
        self.pause = self.pause.map(|pause| pause.bound(now));
        self.hold = self.hold.min(now + LONGEST_HOLD);
        self.ask = self.ask.min(now + schedule::ASK.1);
    }

    pub(crate) fn pause(&self) -> Option<Pause> {
        self.pause
    }

    pub(crate) fn failures(&self) -> u32 {
        self.pause.map_or(0, |pause| pause.failures)
    }

    /// When it is renewed.
    pub(crate) fn renewal(&self) -> SystemTime {
        self.stored.as_ref().map_or(SystemTime::UNIX_EPOCH, |stored| stored.renewal(self.window))
    }

    /// What the authority calls the one that there is, if it is of this authority.
    pub(crate) fn replaces(&self, directory: &str) -> Option<CertificateIdentifier<'static>> {
        self.stored.as_ref().filter(|stored| stored.directory == directory)?.id.clone()
    }

    /// Another process is at it.
    pub(crate) fn hold(&mut self, until: SystemTime) {
        self.hold = until;
    }

    /// What its files say now. Without a certificate in them, the one that there is stays.
    pub(crate) fn found(
        &mut self,
        stored: Option<Stored>,
        pause: Option<Pause>,
        directory: &str,
        now: SystemTime,
    ) {
        let known = self.stored.as_ref().map(|own| &own.key.cert);
        if let Some(stored) = stored.filter(|found| known != Some(&found.key.cert)) {
            if self.is_wanted(&stored, directory) {
                self.rest(&stored, now);
            }
            (self.window, self.stored, self.pause, self.error) = (None, Some(stored), pause, None);
        } else if pause.is_some_and(|pause| self.pause.is_none_or(|own| own.until < pause.until)) {
            self.pause = pause; // otherwise its own counts, which may not have been written down
        }
    }

    pub(crate) fn issued(&mut self, stored: Stored, ask: SystemTime, now: SystemTime) {
        self.rest(&stored, now);
        self.stored = Some(stored);
        (self.window, self.pause, self.error, self.ask) = (None, None, None, ask);
    }

    /// One that was issued just now is not renewed at once, even if it is due by a clock that is ahead, or if the authority says so
    /// each time.
    fn rest(&mut self, stored: &Stored, now: SystemTime) {
        let lifetime = stored.not_after.duration_since(stored.not_before).unwrap_or_default();
        self.hold = now + (lifetime / 8).min(LONGEST_HOLD);
    }

    pub(crate) fn failed(&mut self, pause: Pause, error: String) {
        (self.pause, self.error) = (Some(pause), Some(error));
    }

    pub(crate) fn suggested(&mut self, window: Option<(SystemTime, SystemTime)>, ask: SystemTime) {
        self.window = window.or(self.window);
        self.ask = ask;
    }

    pub(crate) fn status(&self, directory: &str, now: SystemTime) -> Status {
        Status {
            names: self.wanted.names().to_vec(),
            from: self.stored.as_ref().map(|stored| stored.not_before),
            until: self.stored.as_ref().map(|stored| stored.not_after),
            next: self.order(directory).max(now),
            failures: self.pause.map_or(0, |pause| pause.failures),
            error: self.error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use propylon_testkit::certificates::Authority;

    use super::*;
    use crate::provider;

    const CA: &str = "https://ca.test/";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn stored(names: &[&str]) -> Stored {
        let identity = Authority::root("Root").server(names);
        let text = Stored::text(CA, &identity.key, &identity.chain);
        let mut stored = Stored::parse(text.as_bytes(), &provider()).expect("a certificate");
        (stored.not_before, stored.not_after, stored.spread) = (at(0), at(900), 0.0);
        stored.id = Some(CertificateIdentifier { authority_key_identifier: "a".into(), serial: "b".into() });
        stored
    }

    fn kept(stored: Option<Stored>, pause: Option<Pause>) -> Kept {
        Kept::new(Wanted::new(["a.test"]).expect("a name"), stored, pause, at(10_000))
    }

    fn pause(until: u64) -> Pause {
        Pause { failures: 2, until: at(until) }
    }

    #[test]
    fn what_is_there_is_renewed_and_what_is_not_is_ordered() {
        let order = |kept: &Kept| match kept.next(CA) {
            (at, Task::Order(_)) => at,
            (_, Task::Ask(_)) => panic!("nobody is to be asked"),
        };
        assert_eq!(order(&kept(None, None)), at(0));
        assert_eq!(order(&kept(None, Some(pause(50)))), at(50));
        assert_eq!(order(&kept(Some(stored(&["a.test"])), None)), at(600));
        assert_eq!(order(&kept(Some(stored(&["a.test"])), Some(pause(700)))), at(700));
        assert_eq!(order(&kept(Some(stored(&["b.test"])), None)), at(0), "it is for other names");
        assert_eq!(kept(Some(stored(&["a.test"])), None).next("https://b.test/").0, at(0), "of another one");
        let mut held = kept(None, None);
        held.hold(at(5));
        assert_eq!(order(&held), at(5));
    }

    #[test]
    fn the_authority_is_asked_before_and_may_hasten_it() {
        let mut kept = kept(Some(stored(&["a.test"])), None);
        kept.ask = at(20);
        assert!(matches!(kept.next(CA), (when, Task::Ask(_)) if when == at(20)));
        kept.suggested(Some((at(100), at(200))), at(5000));
        assert_eq!(kept.next(CA).0, at(100));
        kept.suggested(None, at(6000));
        assert_eq!(kept.next(CA).0, at(100), "it has said nothing new");
        kept.issued(stored(&["a.test"]), at(7000), at(400));
        assert_eq!(kept.next(CA).0, at(600), "that was of the one before");
    }

    #[test]
    fn what_another_process_has_done_counts() {
        let mut kept = kept(None, None);
        let now = at(200);
        kept.failed(pause(100), "why".into());
        kept.found(None, None, CA, now);
        assert_eq!(kept.next(CA).0, at(100), "its own pause, which may not have been written down");
        kept.found(None, Some(pause(50)), CA, now);
        assert_eq!(kept.next(CA).0, at(100));
        kept.found(None, Some(pause(300)), CA, now);
        assert_eq!(kept.next(CA).0, at(300));
        kept.found(Some(stored(&["a.test"])), None, CA, now);
        assert_eq!(kept.next(CA).0, at(600), "another one was given a certificate");
        let status = kept.status(CA, at(700));
        assert_eq!((status.until, status.next, status.failures), (Some(at(900)), at(700), 0));
        assert_eq!(status.error, None);
        kept.found(None, None, CA, at(700));
        assert_eq!(
            kept.status(CA, at(700)).until,
            Some(at(900)),
            "its file is broken: it serves all the same"
        );
    }

    #[test]
    fn what_was_issued_just_now_is_left_alone_for_a_while() {
        // By this clock it is due, and overdue.
        let mut kept = kept(None, None);
        kept.issued(stored(&["a.test"]), at(100_000), at(5000));
        let eighth = Duration::from_millis(112_500); // of its lifetime
        assert_eq!(kept.next(CA).0, at(5000) + eighth);
        kept.found(Some(stored(&["a.test"])), None, CA, at(6000));
        assert_eq!(kept.next(CA).0, at(6000) + eighth, "another process was given one");
        let mut long = stored(&["a.test"]);
        long.not_after = at(900_000);
        kept.issued(long.clone(), at(9_000_000), at(1_000_000));
        assert_eq!(kept.next(CA).0, at(1_003_600), "an hour at most");
        kept.suggested(Some((at(1), at(2))), at(9_000_000));
        assert_eq!(kept.next(CA).0, at(1_003_600), "whatever the authority says");
        let mut others = self::kept(None, None);
        others.found(Some(stored(&["b.test"])), None, CA, at(5000));
        assert_eq!(others.next(CA).0, at(0), "one for other names is none");
    }

    #[test]
    fn times_of_a_clock_that_was_ahead_are_not_believed() {
        let now = at(1000);
        let week = at(1000 + 7 * 86_400);
        let mut kept = kept(None, Some(pause(4_000_000_000)));
        kept.bound(now);
        assert_eq!(kept.next(CA).0, week, "no pause is longer than a week");
        kept.bound(at(2000));
        assert_eq!(kept.next(CA).0, week, "and it does not move");
        let mut held = self::kept(None, Some(pause(1500)));
        held.hold(at(4_000_000_000));
        held.bound(now);
        assert_eq!(held.next(CA).0, at(4600));
    }
}
