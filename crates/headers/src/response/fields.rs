//! What becomes of a response's head: no tower, no I/O.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, EXPIRES, HeaderMap, HeaderName,
    HeaderValue, LAST_MODIFIED, LOCATION, REFRESH, SERVER, UPGRADE,
};
use http::response::Parts;

use super::expires::Expires;
use crate::field::{Field, Ready};
use crate::fingerprint::Fingerprint;
use crate::{hop_by_hop, names};

/// The rules for one route's responses.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    hidden: Vec<(Fingerprint, HeaderName)>,
    /// The bits of all of `hidden`.
    any_hidden: Fingerprint,
    /// What `pass` named: it wins over a later `hide`.
    passed: Vec<HeaderName>,
    /// In the order written.
    added: Vec<Added>,
    expires: Option<Rule>,
    /// What tells the status that decides what is added; none: it is the response's own.
    status: Option<Status>,
}

/// What tells a response's status.
#[derive(Clone)]
struct Status(Arc<Tell>);

type Tell = dyn Fn(&Parts) -> StatusCode + Send + Sync;

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<status>")
    }
}

/// What makes the rule of how long a response may be kept.
#[derive(Clone)]
struct Rule(Arc<Choose>);

type Choose = dyn Fn(&Parts) -> Option<Expires> + Send + Sync;

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<rule>")
    }
}

#[derive(Clone, Debug)]
struct Added {
    field: Field<Parts>,
    when: When,
    /// `ETag` and `Last-Modified`: there is one, so it is replaced.
    replaces: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Success,
    Always,
}

impl Default for Fields {
    fn default() -> Self {
        let mut fields = Self {
            hidden: Vec::new(),
            any_hidden: Fingerprint::default(),
            passed: Vec::new(),
            added: Vec::new(),
            expires: None,
            status: None,
        };
        let accel = ["expires", "redirect", "limit-rate", "buffering", "charset"]
            .into_iter()
            .filter_map(|name| HeaderName::try_from(format!("x-accel-{name}")).ok());
        [DATE, SERVER, HeaderName::from_static("x-pad")]
            .into_iter()
            .chain(accel)
            .for_each(|name| fields.hide(name));
        fields
    }
}

impl Fields {
    pub(super) fn hide(&mut self, name: HeaderName) {
        if self.passed.contains(&name) || self.hidden.iter().any(|(_, hidden)| *hidden == name) {
            return;
        }
        let bit = Fingerprint::name(name.as_str());
        self.any_hidden = self.any_hidden.or(bit);
        self.hidden.push((bit, name));
    }

    pub(super) fn pass(&mut self, name: &HeaderName) {
        self.hidden.retain(|(_, hidden)| hidden != name);
        self.any_hidden = self.hidden.iter().fold(Fingerprint::default(), |all, (bit, _)| all.or(*bit));
        self.passed.push(name.clone());
    }

    pub(super) fn add(&mut self, field: Field<Parts>) {
        self.push(field, When::Success);
    }

    pub(super) fn add_always(&mut self, field: Field<Parts>) {
        self.push(field, When::Always);
    }

    pub(super) fn expires(&mut self, rule: impl Fn(&Parts) -> Option<Expires> + Send + Sync + 'static) {
        self.expires = Some(Rule(Arc::new(rule)));
    }

    pub(super) fn status(&mut self, status: impl Fn(&Parts) -> StatusCode + Send + Sync + 'static) {
        self.status = Some(Status(Arc::new(status)));
    }

    fn push(&mut self, field: Field<Parts>, when: When) {
        if !names::is_framing(field.name()) {
            let replaces = *field.name() == ETAG || *field.name() == LAST_MODIFIED;
            // There is one of each: what is said last counts, as in nginx.
            let field = if replaces { field.last() } else { field };
            self.added.push(Added { field, when, replaces });
        }
    }

    /// Whether nothing is to be added, so that [`clean`](Self::clean) is all there is to do.
    pub(super) fn only_removes(&self) -> bool {
        self.added.is_empty() && self.expires.is_none()
    }

    pub(super) fn apply(&self, parts: &mut Parts) {
        let mut early = Ready::new();
        let status = self.status.as_ref().map_or(parts.status, |status| (status.0)(parts));
        for added in self.added_to(status).filter(|added| !added.field.is_late()) {
            added.field.evaluate(parts, &mut early);
        }
        let kept = self.kept(status, parts);
        self.clean(parts.status, &mut parts.headers);
        if let Some([expires, control]) = kept {
            parts.headers.insert(EXPIRES, expires);
            parts.headers.insert(CACHE_CONTROL, control);
        }
        let mut early = early.into_iter().peekable();
        for added in self.added_to(status) {
            let mut late = Ready::new();
            if added.field.is_late() {
                added.field.evaluate(parts, &mut late);
            }
            if added.replaces {
                parts.headers.remove(added.field.name());
            }
            let own =
                std::iter::from_fn(|| early.next_if(|(name, _)| std::ptr::eq(*name, added.field.name())));
            for (name, value) in own.chain(late) {
                parts.headers.append(name, value);
            }
        }
    }

    /// The values of `Expires` and `Cache-Control`, where something is to be said of them.
    #[expect(clippy::disallowed_methods, reason = "wall-clock time for text only: nothing is decided by it")]
    fn kept(&self, status: StatusCode, parts: &Parts) -> Option<[HeaderValue; 2]> {
        let rule = self.expires.as_ref().filter(|_| is_success(status))?;
        let modified = || httpdate::parse_http_date(parts.headers.get(LAST_MODIFIED)?.to_str().ok()?).ok();
        (rule.0)(parts)?.values(SystemTime::now(), modified())
    }

    fn added_to(&self, status: StatusCode) -> impl Iterator<Item = &Added> {
        let success = is_success(status);
        self.added.iter().filter(move |added| success || added.when == When::Always)
    }

    /// Removes what the client is not to see of the upstream's fields.
    pub(super) fn clean(&self, status: StatusCode, headers: &mut HeaderMap) {
        once(headers);
        let seen = Fingerprint::of(headers);
        // The one response whose connection fields are meant for the client as well (RFC 9110, 7.8).
        let upgrade = if status == StatusCode::SWITCHING_PROTOCOLS { headers.remove(UPGRADE) } else { None };
        hop_by_hop::remove(headers, seen);
        if let Some(protocol) = upgrade {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        // RFC 9110, 8.6: neither has a body, and neither may say that it has one.
        if status == StatusCode::NO_CONTENT || status.is_informational() {
            headers.remove(CONTENT_LENGTH);
        }
        if seen.may_hold(self.any_hidden) {
            for (bit, name) in &self.hidden {
                if seen.may_hold(*bit) {
                    headers.remove(name);
                }
            }
        }
    }
}

/// Whether fields are added to a response of this status (nginx: `add_header` without `always`, `expires`).
#[must_use]
pub fn is_success(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 201 | 204 | 206 | 301..=304 | 307 | 308)
}

/// Fields that have one value: of several lines the first counts, as in nginx, so that no two recipients believe
/// different ones.
const SINGLE: [HeaderName; 8] = [CONTENT_TYPE, DATE, ETAG, EXPIRES, LAST_MODIFIED, LOCATION, REFRESH, SERVER];

fn once(headers: &mut HeaderMap) {
    // No name stands twice where there are as many names as lines.
    if headers.len() == headers.keys_len() {
        return;
    }
    for name in &SINGLE {
        let mut lines = headers.get_all(name).iter();
        if let (Some(first), Some(_)) = (lines.next().cloned(), lines.next()) {
            headers.insert(name, first);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    const X_A: HeaderName = HeaderName::from_static("x-a");

    fn fixed(name: HeaderName, value: &'static str) -> Field<Parts> {
        Field::fixed(name, HeaderValue::from_static(value))
    }

    #[track_caller]
    fn check(fields: &Fields, status: u16, upstream: &[(&'static str, &'static str)], expected: &[&str]) {
        let mut parts = Response::new(()).into_parts().0;
        parts.status = StatusCode::from_u16(status).unwrap();
        for (name, value) in upstream {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        fields.apply(&mut parts);
        let lines: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(lines, expected, "{status} {upstream:?}");
    }

    #[test]
    fn hides_what_nginx_hides() {
        const ALL: &[(&str, &str)] = &[
            ("date", "d"),
            ("server", "s"),
            ("x-pad", "p"),
            ("x-accel-expires", "1"),
            ("x-accel-redirect", "1"),
            ("x-accel-limit-rate", "1"),
            ("x-accel-buffering", "1"),
            ("x-accel-charset", "1"),
            ("x-accel-other", "1"),
            ("x-powered-by", "p"),
        ];
        let mut fields = Fields::default();
        check(&fields, 200, ALL, &["x-powered-by: p", "x-accel-other: 1"]);
        fields.hide(HeaderName::from_static("x-powered-by"));
        check(&fields, 500, ALL, &["x-accel-other: 1"]);
        fields.pass(&SERVER);
        check(&fields, 200, &[("server", "s"), ("x-powered-by", "p"), ("date", "d")], &["server: s"]);
    }

    #[test]
    fn of_a_field_with_one_value_the_first_line_counts() {
        let upstream = &[("expires", "a"), ("x-a", "1"), ("expires", "b"), ("x-a", "2"), ("location", "/c")];
        check(&Fields::default(), 200, upstream, &["expires: a", "x-a: 1", "x-a: 2", "location: /c"]);
    }

    #[test]
    fn passing_wins_over_hiding() {
        let mut fields = Fields::default();
        fields.pass(&X_A);
        fields.hide(X_A);
        check(&fields, 200, &[("x-a", "1"), ("server", "s")], &["x-a: 1"]);
    }

    #[test]
    fn adds_by_status() {
        let mut fields = Fields::default();
        fields.add(fixed(X_A, "1"));
        fields.add_always(fixed(X_A, "2"));
        fields.add_always(fixed(HeaderName::from_static("x-empty"), ""));
        for status in [200, 201, 204, 206, 301, 302, 303, 304, 307, 308] {
            check(&fields, status, &[("x-a", "0")], &["x-a: 0", "x-a: 1", "x-a: 2"]);
        }
        for status in [202, 300, 305, 400, 404, 500, 502] {
            check(&fields, status, &[("x-a", "0")], &["x-a: 0", "x-a: 2"]);
        }
        fields.status(|_| StatusCode::NOT_FOUND);
        check(&fields, 200, &[], &["x-a: 2"]);
        fields.status(|_| StatusCode::OK);
        check(&fields, 404, &[], &["x-a: 1", "x-a: 2"]);
    }

    #[test]
    fn of_several_validators_the_last_counts() {
        let list = |values: &[&'static str]| {
            let values = values.iter().map(|value| crate::Value::fixed(HeaderValue::from_static(value)));
            Field::list(ETAG, values.collect::<Vec<_>>())
        };
        for (values, expected) in [(&["\"b\"", "\"c\""], &["etag: \"c\""][..]), (&["\"b\"", ""], &[])] {
            let mut fields = Fields::default();
            fields.add(list(values));
            check(&fields, 200, &[("etag", "\"a\"")], expected);
        }
    }

    #[test]
    fn replaces_validators() {
        let mut fields = Fields::default();
        fields.add(fixed(ETAG, "\"b\""));
        fields.add(fixed(LAST_MODIFIED, ""));
        fields.add(fixed(CACHE_CONTROL, "public"));
        let upstream = &[("etag", "\"a\""), ("last-modified", "x"), ("cache-control", "max-age=1")];
        check(&fields, 200, upstream, &["cache-control: max-age=1", "cache-control: public", "etag: \"b\""]);
        check(&fields, 404, upstream, &["etag: \"a\"", "last-modified: x", "cache-control: max-age=1"]);
    }

    #[test]
    fn how_long_a_response_may_be_kept() {
        let mut fields = Fields::default();
        fields.expires(|parts| (!parts.headers.contains_key("x-own")).then_some(Expires::Max));
        fields.add(fixed(CACHE_CONTROL, "public"));
        let upstream = &[("expires", "0"), ("cache-control", "no-store"), ("cache-control", "private")];
        let max = [
            "cache-control: max-age=315360000",
            "cache-control: public",
            "expires: Thu, 31 Dec 2037 23:55:55 GMT",
        ];
        check(&fields, 304, upstream, &[max[2], max[0], max[1]]);
        check(&fields, 200, &[], &[max[2], max[0], max[1]]);
        check(&fields, 404, upstream, &["expires: 0", "cache-control: no-store", "cache-control: private"]);
        check(&fields, 200, &[("x-own", "1")], &["x-own: 1", "cache-control: public"]);
    }

    #[test]
    fn computed_values_see_what_is_hidden() {
        let mut fields = Fields::default();
        fields.add(Field::computed(X_A, |parts: &Parts| parts.headers.get(SERVER).cloned()));
        check(&fields, 200, &[("server", "s")], &["x-a: s"]);
    }

    #[test]
    fn late_values_see_what_the_client_gets() {
        let mut fields = Fields::default();
        let seen = |name: &'static str| move |parts: &Parts| parts.headers.get(name).cloned();
        let x = |name| HeaderName::from_static(name);
        fields.add(fixed(x("x-first"), "1"));
        fields.add(Field::computed(X_A, seen("server")).late());
        fields.add(Field::computed(x("x-b"), seen("x-first")).late());
        fields.add(Field::computed(x("x-c"), seen("x-first")));
        fields.add(Field::computed(x("x-d"), seen("x-b")).late());
        check(&fields, 200, &[("server", "hidden")], &["x-first: 1", "x-b: 1", "x-d: 1"]);
    }

    #[test]
    fn the_upstream_s_connection_is_its_own() {
        let mut fields = Fields::default();
        fields.add(fixed(X_A, "ours"));
        check(
            &fields,
            200,
            &[
                ("connection", "x-a, content-length, close"),
                ("x-a", "theirs"),
                ("content-length", "3"),
                ("upgrade", "h2c"),
            ],
            &["content-length: 3", "x-a: ours"],
        );
        check(&fields, 404, &[("transfer-encoding", "chunked"), ("content-length", "3")], &[]);
        check(&fields, 404, &[("keep-alive", "timeout=5"), ("proxy-connection", "close")], &[]);
    }

    #[test]
    fn no_length_where_there_is_no_body() {
        let fields = Fields::default();
        check(&fields, 204, &[("content-length", "0")], &[]);
        check(&fields, 103, &[("content-length", "0"), ("link", "a")], &["link: a"]);
        check(&fields, 304, &[("content-length", "9")], &["content-length: 9"]);
    }

    #[test]
    fn switching_protocols_keeps_its_upgrade() {
        let fields = Fields::default();
        check(
            &fields,
            101,
            &[
                ("connection", "Upgrade, x-hop"),
                ("upgrade", "websocket"),
                ("x-hop", "1"),
                ("sec-websocket-accept", "k"),
            ],
            &["sec-websocket-accept: k", "connection: upgrade", "upgrade: websocket"],
        );
        check(&fields, 101, &[("connection", "x-hop"), ("x-hop", "1")], &[]);
    }

    #[test]
    fn framing_cannot_be_added() {
        let mut fields = Fields::default();
        fields.add_always(fixed(CONTENT_LENGTH, "1"));
        fields.add_always(fixed(http::header::TRANSFER_ENCODING, "chunked"));
        check(&fields, 200, &[], &[]);
    }
}
