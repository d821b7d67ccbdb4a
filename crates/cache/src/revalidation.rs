//! What becomes of a stored answer when the upstream was asked about it: RFC 9111 4.3.3 to 4.3.5.

use http::{HeaderMap, Method, StatusCode, header, response};

use crate::Policy;
use crate::fetch::{Sent, Stale};
use crate::keeping::stored_fields;
use crate::layer::Shared;
use crate::policy::{self, Answer, Freshness, Ignore, Times, strip_connection, validation, vary};
use crate::store::{Guard, Meta, Variant};

/// What the upstream's answer means for the stored one.
pub(crate) enum Verdict {
    /// It is good.
    Good(Good),
    /// The answer is one of its own.
    Other(Option<Guard>),
    /// It is a 304 for something that is not stored.
    Unrelated(Option<Guard>),
}

/// The stored answer as it is from now on.
pub(crate) struct Good {
    pub(crate) headers: HeaderMap,
    pub(crate) freshness: Freshness,
    /// The status of the upstream's answer.
    pub(crate) status: StatusCode,
    /// Whether it is stored so.
    pub(crate) updated: bool,
}

/// What `head` means for what is stored, which is updated if it is good.
pub(crate) fn judge<P: Policy>(
    shared: &Shared<P>,
    sent: &Sent,
    stale: &Stale,
    head: &response::Parts,
    times: Times,
    guard: Option<Guard>,
) -> Verdict {
    let stored = stale.entry.meta();
    if head.status == StatusCode::NOT_MODIFIED && sent.validates {
        if !validation::is_about(&head.headers, &stored.headers) {
            return Verdict::Unrelated(guard);
        }
        return Verdict::Good(update(shared, sent, stale, head, times, guard));
    }
    // "a cache [...] that receives a 200 (OK) response to a HEAD request" updates a stored GET that is the same.
    let head_of_get = sent.sent == Method::HEAD
        && shared.options.rules.update_fields
        && head.status == StatusCode::OK
        && stored.status == StatusCode::OK
        && !stale.freshness.terms.head();
    if head_of_get && has_validator(&head.headers) && validation::is_same(&head.headers, &stored.headers) {
        return Verdict::Good(update(shared, sent, stale, head, times, guard));
    }
    Verdict::Other(guard)
}

fn has_validator(headers: &HeaderMap) -> bool {
    [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
        .iter()
        .any(|name| headers.contains_key(name))
}

fn update<P: Policy>(
    shared: &Shared<P>,
    sent: &Sent,
    stale: &Stale,
    head: &response::Parts,
    times: Times,
    guard: Option<Guard>,
) -> Good {
    let rules = &shared.options.rules;
    let stored = stale.entry.meta();
    let mut merged = stored.headers.clone();
    let mut fresh = head.headers.clone();
    strip_connection(&mut fresh);
    validation::update(&mut merged, &fresh);
    let method = if stale.freshness.terms.head() { Method::HEAD } else { Method::GET };
    let answer = Answer {
        method: &method,
        request: &sent.headers,
        status: stored.status,
        headers: &merged,
        dated_by: &head.headers,
    };
    let judged = if shared.policy.no_store(&sent.extensions, head) {
        None
    } else {
        policy::judge(rules, answer, times).ok()
    };
    let headers = |withheld: &[http::HeaderName]| {
        if rules.update_fields { stored_fields(&merged, withheld) } else { stored.headers.clone() }
    };
    let Some(storable) = judged else {
        // It is good for this client, and not for longer.
        if let Some(guard) = guard {
            guard.pass();
        }
        let freshness =
            Freshness { stored_at: times.received, initial_age: Default::default(), ..stale.freshness };
        return Good { headers: headers(&[]), freshness, status: head.status, updated: false };
    };
    // A `Vary` that is new says for whom it is from now on. Without one that stays as it was: the stored one may be withheld.
    let variant = if rules.update_fields && fresh.contains_key(header::VARY) {
        let varies = !rules.ignore.has(Ignore::VARY);
        vary::variant(&method, &sent.headers, &merged, varies).map(Variant)
    } else {
        stored.variant.clone()
    };
    let meta = Meta {
        headers: headers(&storable.withheld),
        variant,
        stored_at: times.received,
        initial_age: storable.initial_age,
        lifetime: storable.lifetime,
        terms: storable.terms.encode(),
        tags: if rules.update_fields { shared.policy.tags(&merged) } else { stored.tags.clone() },
        ..stored.clone()
    };
    let freshness = Freshness {
        stored_at: meta.stored_at,
        initial_age: meta.initial_age,
        lifetime: meta.lifetime,
        terms: storable.terms,
        expired: false,
    };
    let headers = meta.headers.clone();
    let mark = sent.mark.filter(|_| !stale.freshness.terms.head());
    sent.job.zone.update_since(&stale.entry, meta, guard, mark);
    Good { headers, freshness, status: head.status, updated: true }
}
