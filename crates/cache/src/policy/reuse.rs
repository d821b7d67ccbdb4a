//! Whether what is stored may be used: RFC 9111 4.

use std::time::Duration;

use super::directives::RequestDirectives;
use super::rules::{Conditions, Failure, Rules};
use super::terms::Terms;

/// How fresh a stored response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it was stored or last validated, in milliseconds since 1970.
    pub stored_at: u64,
    /// How old it was then.
    pub initial_age: Duration,
    /// How long it is fresh, counted from age 0.
    pub lifetime: Duration,
    /// On what terms it may be used.
    pub terms: Terms,
    /// Somebody said that it is stale from now on.
    pub expired: bool,
}

/// What may be done with it for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It is fresh.
    Fresh,
    /// It is stale, and good enough for this client.
    StaleAccepted,
    /// It is stale; it may be used while somebody gets a newer one.
    WhileRevalidating,
    /// It has become stale: it must be validated.
    Stale,
    /// It is fresh, but not for this client: it must be validated.
    Refused,
}

impl Freshness {
    /// RFC 9111 4.2.3: "current_age = corrected_initial_age + resident_time".
    #[must_use]
    pub fn age(&self, now: u64) -> Duration {
        self.initial_age.saturating_add(Duration::from_millis(now.saturating_sub(self.stored_at)))
    }

    /// RFC 9111 4.2: "response_is_fresh = (freshness_lifetime > current_age)".
    #[must_use]
    pub fn is_fresh(&self, now: u64) -> bool {
        !self.expired && !self.terms.validate() && self.lifetime > self.age(now)
    }

    /// Seconds until it is stale; less than nothing when it has been for so long.
    #[must_use]
    pub fn ttl(&self, now: u64) -> i64 {
        let signed = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let (lifetime, age) = (self.lifetime, self.age(now));
        match lifetime.checked_sub(age) {
            Some(left) => signed(left),
            None => -signed(age - lifetime),
        }
    }

    /// How long it has been stale.
    fn stale(&self, now: u64) -> Duration {
        self.age(now).saturating_sub(self.lifetime)
    }

    /// What may be done with it for a request that says this.
    #[must_use]
    pub fn reuse(&self, rules: &Rules, asked: &RequestDirectives, now: u64) -> Reuse {
        if self.is_fresh(now) {
            return if self.is_fresh_enough(asked, now) { Reuse::Fresh } else { Reuse::Refused };
        }
        if asked.no_cache || self.terms.validate() {
            return Reuse::Stale;
        }
        let stale = self.stale(now);
        let accepted = asked.max_stale.is_some_and(|most| stale <= Duration::from_secs(most.into()));
        let young = asked.max_age.is_none_or(|most| self.age(now) <= Duration::from_secs(most.into()));
        if accepted && young && self.terms.may_be_stale() && !self.expired {
            return Reuse::StaleAccepted;
        }
        let allowed = self.terms.while_revalidating(stale)
            || (rules.use_stale.has(Conditions::UPDATING) && self.terms.may_be_stale());
        // Who asks for something that is so fresh, or so young, is not given something stale.
        let content = asked.max_age.is_none() && asked.min_fresh.is_none();
        if allowed && content { Reuse::WhileRevalidating } else { Reuse::Stale }
    }

    /// RFC 9111 5.2.1.
    fn is_fresh_enough(&self, asked: &RequestDirectives, now: u64) -> bool {
        let age = self.age(now);
        let left = self.lifetime.saturating_sub(age);
        !asked.no_cache
            && asked.max_age.is_none_or(|most| age <= Duration::from_secs(most.into()))
            && asked.min_fresh.is_none_or(|least| left >= Duration::from_secs(least.into()))
    }

    /// Whether it is better than this failure.
    #[must_use]
    pub fn instead_of(&self, rules: &Rules, failure: Failure, now: u64) -> bool {
        if self.is_fresh(now) {
            // A client had it validated, or it was: it is good for everybody else.
            return failure.is_error() && rules.use_stale.include(failure);
        }
        // nginx asks it only where there is no answer at all.
        let asks = if rules.guard { failure.is_error() } else { !matches!(failure, Failure::Status(_)) };
        match self.terms.on_error(self.stale(now)).filter(|_| asks) {
            Some(true) => true,
            // The window is over. Where origins have the last word, that is it.
            Some(false) if rules.guard => false,
            _ => rules.use_stale.include(failure) && self.terms.may_be_stale(),
        }
    }
}
