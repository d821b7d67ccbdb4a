//! What becomes of a request's head: no tower, no I/O.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;

use crate::field::{Field, Ready, Value};
use crate::fingerprint::Fingerprint;
use crate::hop_by_hop::{self, Named};
use crate::retain::remove_in_order;

/// The names that go whatever is set.
const BUILT_IN: Fingerprint = hop_by_hop::ALL.or(Fingerprint::name("expect"));

/// The rules for one route's requests.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// Holds unless `set` has a `Host`. None: the client's.
    host: Option<Value<Parts>>,
    /// In the order written, each name once, never `Transfer-Encoding`, `Content-Length` or `Host`.
    set: Vec<Field<Parts>>,
    /// `Host` as set. It is kept apart because it is written where the client had it: first, as a rule (RFC 9110, 7.2).
    set_host: Option<Field<Parts>>,
    /// `Content-Length` as set, whose values only say whether the client's goes.
    set_length: Option<Field<Parts>>,
    /// The names that may have to go: those built in and those of `set`.
    going: Fingerprint,
    pass_client: bool,
    protected: Vec<HeaderName>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            host: None,
            set: Vec::new(),
            set_host: None,
            set_length: None,
            going: BUILT_IN,
            pass_client: true,
            protected: Vec::new(),
        }
    }
}

impl Fields {
    pub(super) fn default_host(&mut self, value: Value<Parts>) {
        self.host = Some(value);
    }

    pub(super) fn set(&mut self, field: Field<Parts>) {
        if *field.name() == TRANSFER_ENCODING {
            return;
        }
        let known = if *field.name() == HOST {
            &mut self.set_host
        } else if *field.name() == CONTENT_LENGTH {
            &mut self.set_length
        } else if let Some(known) = self.set.iter_mut().find(|known| known.name() == field.name()) {
            return known.merge(field);
        } else {
            self.going = self.going.or(field.bit());
            return self.set.push(field);
        };
        match known {
            Some(known) => known.merge(field),
            None => *known = Some(field),
        }
    }

    pub(super) fn pass_client(&mut self, pass: bool) {
        self.pass_client = pass;
    }

    pub(super) fn protect(&mut self, name: HeaderName) {
        self.protected.push(name);
    }

    pub(super) fn apply(&self, parts: &mut Parts) {
        // Every closure sees the request as it came: `Upgrade = "$http_upgrade"`, `X-Forwarded-For` appended to.
        let host = self.evaluate_host(parts);
        let drop_length = self.drops_length(parts);
        let mut set = Ready::new();
        self.set.iter().for_each(|field| field.evaluate(parts, &mut set));

        let headers = &mut parts.headers;
        if self.pass_client {
            self.clean(headers);
        } else {
            keep_only_framing_and_host(headers);
        }
        if drop_length {
            headers.remove(CONTENT_LENGTH);
        }
        host.write(headers);
        for (name, value) in set.drain(..) {
            headers.append(name, value);
        }
    }

    /// Removes the client's connection fields, and what `set` is about to write, so that it goes in the order written.
    fn clean(&self, headers: &mut HeaderMap) {
        let seen = Fingerprint::of(headers);
        if !seen.may_hold(self.going) {
            return;
        }
        let named = Named::of(headers, seen);
        let named = named.removable(&self.protected);
        // Transfer-Encoding overrides Content-Length (RFC 9112, 6.3): one that forwards must not send both.
        let chunked = headers.contains_key(TRANSFER_ENCODING);
        remove_in_order(headers, |name| {
            self.going.may_hold(Fingerprint::name(name.as_str())) && self.goes(name)
                || chunked && *name == CONTENT_LENGTH
                || named.contains(name)
        });
    }

    fn goes(&self, name: &HeaderName) -> bool {
        hop_by_hop::is_hop_by_hop(name)
            || *name == EXPECT
            || self.set.iter().any(|field| field.name() == name)
    }

    fn evaluate_host(&self, parts: &Parts) -> Host {
        if let Some(field) = &self.set_host {
            // More than one Host is not HTTP (RFC 9112, 3.2): the first counts.
            Host::Set(field.value(parts))
        } else if let Some(value) = &self.host {
            Host::Set(value.evaluate(parts))
        } else {
            Host::Client
        }
    }

    fn drops_length(&self, parts: &Parts) -> bool {
        self.set_length.as_ref().is_some_and(|field| field.value(parts).is_none())
    }
}

enum Host {
    Client,
    Set(Option<http::HeaderValue>),
}

impl Host {
    fn write(self, headers: &mut HeaderMap) {
        match self {
            Self::Client => {}
            Self::Set(None) => drop(headers.remove(HOST)),
            Self::Set(Some(value)) => set_host(headers, value),
        }
    }
}

fn set_host(headers: &mut HeaderMap, value: http::HeaderValue) {
    // As a rule there is one: that takes less than to insert it.
    let single = headers.len() == headers.keys_len();
    match headers.get_mut(HOST).filter(|_| single) {
        Some(host) => *host = value,
        None => drop(headers.insert(HOST, value)),
    }
}

fn keep_only_framing_and_host(headers: &mut HeaderMap) {
    let host = headers.remove(HOST);
    let length = headers.remove(CONTENT_LENGTH).filter(|_| !headers.contains_key(TRANSFER_ENCODING));
    headers.clear();
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use http::Request;
    use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HeaderValue, UPGRADE};

    use super::*;
    use crate::names::{X_FORWARDED_FOR, X_REAL_IP};

    const CLIENT: &[(&str, &str)] = &[
        ("host", "example.com"),
        ("connection", "upgrade, x-real-ip, x-hop"),
        ("upgrade", "websocket"),
        ("x-real-ip", "6.6.6.6"),
        ("x-hop", "1"),
        ("accept", "*/*"),
        ("expect", "100-continue"),
        ("content-length", "3"),
    ];

    fn parts(fields: &[(&'static str, &'static str)]) -> Parts {
        let mut parts = Request::new(()).into_parts().0;
        for (name, value) in fields {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        parts
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    fn fixed(name: HeaderName, value: &'static str) -> Field<Parts> {
        Field::fixed(name, HeaderValue::from_static(value))
    }

    #[track_caller]
    fn check(set: impl IntoIterator<Item = Field<Parts>>, expected: &[&str]) {
        let mut fields = Fields::default();
        set.into_iter().for_each(|field| fields.set(field));
        let mut parts = parts(CLIENT);
        fields.apply(&mut parts);
        assert_eq!(lines(&parts.headers), expected);
    }

    #[test]
    fn sets_in_the_order_written_after_the_client_s_fields() {
        check([], &["host: example.com", "x-real-ip: 6.6.6.6", "accept: */*", "content-length: 3"]);
        check(
            [fixed(X_FORWARDED_FOR, "1"), fixed(ACCEPT, "a/b"), fixed(X_REAL_IP, "2"), fixed(HOST, "h")],
            &["host: h", "content-length: 3", "x-forwarded-for: 1", "accept: a/b", "x-real-ip: 2"],
        );
    }

    #[test]
    fn an_empty_value_is_not_sent() {
        check(
            [fixed(ACCEPT, ""), fixed(ACCEPT_ENCODING, ""), Field::absent(X_REAL_IP)],
            &["host: example.com", "content-length: 3"],
        );
        check(
            [Field::computed(X_REAL_IP, |_| None), Field::absent(HOST)],
            &["content-length: 3", "accept: */*"],
        );
        let list = ["a", "", "b"].map(|value| Value::fixed(HeaderValue::from_static(value)));
        check(
            [Field::list(ACCEPT, list), Field::absent(X_REAL_IP)],
            &["host: example.com", "content-length: 3", "accept: a", "accept: b"],
        );
    }

    #[test]
    fn closures_see_the_request_as_it_came_and_connection_goes_as_set() {
        let upgrade = |parts: &Parts| parts.headers.get(UPGRADE).cloned();
        check(
            [Field::computed(UPGRADE, upgrade), fixed(CONNECTION, "upgrade"), Field::absent(ACCEPT)],
            &[
                "host: example.com",
                "x-real-ip: 6.6.6.6",
                "content-length: 3",
                "upgrade: websocket",
                "connection: upgrade",
            ],
        );
    }

    #[test]
    fn framing_cannot_be_set() {
        let rest = [Field::absent(ACCEPT), Field::absent(X_REAL_IP)];
        let with = |field: Field<Parts>| rest.clone().into_iter().chain([field]);
        check(with(fixed(TRANSFER_ENCODING, "chunked")), &["host: example.com", "content-length: 3"]);
        check(with(fixed(CONTENT_LENGTH, "5")), &["host: example.com", "content-length: 3"]);
        check(with(fixed(CONTENT_LENGTH, "")), &["host: example.com"]);
    }

    #[test]
    fn setting_a_name_again_adds_values() {
        check(
            [
                fixed(ACCEPT, "a"),
                Field::absent(X_REAL_IP),
                fixed(ACCEPT, "b"),
                fixed(HOST, "h"),
                fixed(HOST, "i"),
            ],
            &["host: h", "content-length: 3", "accept: a", "accept: b"],
        );
    }

    #[test]
    fn the_default_host_yields_to_a_set_one() {
        let mut fields = Fields::default();
        fields.default_host(Value::fixed(HeaderValue::from_static("default")));
        let mut request = parts(&[("accept", "a"), ("host", "client"), ("host", "again")]);
        fields.apply(&mut request);
        assert_eq!(lines(&request.headers), ["accept: a", "host: default"]);

        fields.set(Field::absent(HOST));
        fields.apply(&mut request);
        assert_eq!(lines(&request.headers), ["accept: a"]);
    }

    #[test]
    fn nothing_of_the_client_s_passes_when_switched_off() {
        let mut fields = Fields::default();
        fields.pass_client(false);
        fields.set(fixed(ACCEPT, "a/b"));
        let mut request = parts(CLIENT);
        fields.apply(&mut request);
        assert_eq!(lines(&request.headers), ["host: example.com", "content-length: 3", "accept: a/b"]);

        let mut request =
            parts(&[("transfer-encoding", "chunked"), ("content-length", "3"), ("cookie", "a")]);
        fields.apply(&mut request);
        assert_eq!(lines(&request.headers), ["accept: a/b"]);
    }

    proptest! {
        /// The two ways to remove connection fields agree, and this one keeps the order.
        #[test]
        fn connection_fields_go_and_the_rest_stays_in_order(
            fields in prop::collection::vec("connection|te|expect|host|content-length|transfer-encoding|[a-d]|x-real-ip", 0..16),
            options in prop::collection::vec("TE|close|host|Content-Length|[A-d]|x-real-ip| x|", 0..6),
        ) {
            let mut request = parts(&[]);
            for (index, name) in fields.iter().enumerate() {
                let value = if name == "connection" { options.join(",").parse().unwrap() } else { index.into() };
                request.headers.append(name.parse::<HeaderName>().unwrap(), value);
            }
            let before = request.headers.clone();
            let mut simple = before.clone();
            hop_by_hop::remove_hop_by_hop(&mut simple);
            simple.remove(EXPECT);

            Fields::default().apply(&mut request);
            prop_assert_eq!(&request.headers, &simple);
            let in_order: Vec<_> = before.keys().filter(|name| simple.contains_key(*name)).collect();
            prop_assert_eq!(request.headers.keys().collect::<Vec<_>>(), in_order);
        }
    }
}
