//! Storing what the upstream answers.

use http::{HeaderMap, Method, header, response};
use http_body::Body;
use propylon_conditions::date;

use crate::Policy;
use crate::fetch::{Sent, Upstream};
use crate::layer::Shared;
use crate::lookup::Job;
use crate::policy::{Answer, Ignore, Refusal, Storable, Times, judge, strip_connection, vary};
use crate::store::{Fill, Meta, Variant};

/// What was made of an answer: where it goes, or why it does not.
pub(crate) struct Kept {
    pub(crate) fill: Option<Fill>,
    pub(crate) ttl: Option<i64>,
    pub(crate) refused: Option<&'static str>,
}

impl<P: Policy> Shared<P> {
    /// Stores the answer, if it may be stored.
    pub(crate) fn keep<R: Body>(
        &self,
        sent: &Sent,
        upstream: &mut Upstream,
        head: &response::Parts,
        body: &R,
        times: Times,
    ) -> Kept {
        let guard = upstream.guard.take();
        if !upstream.store {
            return Kept { fill: None, ttl: None, refused: None };
        }
        let storable = match self.storable(sent, head, times) {
            Ok(storable) => storable,
            Err(why) => {
                if let Some(guard) = guard {
                    guard.pass();
                }
                return Kept { fill: None, ttl: None, refused: Some(why) };
            }
        };
        let mut meta = Meta::new(head.status);
        meta.version = head.version;
        meta.headers = stored_fields(&head.headers, &storable.withheld);
        // RFC 9110 6.6.1: "A recipient with a clock that receives a response message without a Date header field MUST record the
        // time it was received and append a corresponding Date header field [...] if it is cached".
        let date = i64::try_from(times.received / 1000).unwrap_or(0);
        meta.headers.entry(header::DATE).or_insert_with(|| date::format(date));
        meta.stored_at = times.received;
        (meta.initial_age, meta.lifetime) = (storable.initial_age, storable.lifetime);
        meta.terms = storable.terms.encode();
        let varies = !self.options.rules.ignore.has(Ignore::VARY);
        meta.variant = vary::variant(&sent.sent, &sent.headers, &head.headers, varies).map(Variant);
        meta.tags = self.policy.tags(&head.headers);
        let ttl = storable.lifetime.saturating_sub(storable.initial_age).as_secs();
        let length = if sent.sent == Method::HEAD { Some(0) } else { body.size_hint().exact() };
        let Job { zone, key, .. } = &sent.job;
        let whole = self.options.rules.whole;
        let tags = sent.mark.map(|_| meta.tags.clone()).unwrap_or_default();
        let mut fill = if whole {
            zone.fill_alone(key, meta, length, guard)
        } else {
            zone.fill(key, meta, length, guard)
        };
        let mut refused = fill.is_none().then_some("too-large");
        // Asked after it was announced: a purge that comes now finds it.
        if zone.is_purged_since(sent.mark, key, &tags) {
            (fill, refused) = (fill.and_then(Fill::doom), Some("purged"));
        } else if let (Some(fill), Some(mark)) = (&fill, sent.mark.filter(|_| sent.sent != Method::HEAD)) {
            fill.share(mark); // what answers HEAD alone is of no use to others
        }
        Kept { fill, ttl: i64::try_from(ttl).ok(), refused }
    }

    fn storable(&self, sent: &Sent, head: &response::Parts, times: Times) -> Result<Storable, &'static str> {
        if self.policy.no_store(&sent.extensions, head) {
            return Err("no-cache");
        }
        let answer = Answer {
            method: &sent.sent,
            request: &sent.headers,
            status: head.status,
            headers: &head.headers,
            dated_by: &head.headers,
        };
        judge(&self.options.rules, answer, times).map_err(Refusal::as_str)
    }
}

/// The fields that are stored of an answer that has these.
pub(crate) fn stored_fields(headers: &HeaderMap, withheld: &[http::HeaderName]) -> HeaderMap {
    let mut stored = headers.clone();
    strip_connection(&mut stored);
    for name in withheld {
        stored.remove(name);
    }
    stored
}
