//! Upgrades: which routes let them pass, and what becomes of a response of 101.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Response};
use parking_lot::Mutex;
use propylon_config::Settings;
use propylon_headers::Field;
use propylon_stack::{Body, BoxError};
use propylon_tunnel::{Error, Limits, Policy, UpgradeLayer};
use propylon_upstream::{Switched, Upgraded};

use crate::client::{ClientEnd, HandOver};

/// The layer, where an `Upgrade` may reach the upstream at all.
pub(crate) fn layer(settings: &Settings) -> Option<UpgradeLayer<Join>> {
    let sets = |field: &propylon_config::SetHeader| {
        field.name == UPGRADE
            && field.values.iter().any(|value| value.as_static().is_none_or(|text| !text.is_empty()))
    };
    let passes = settings.upstream.websocket || settings.headers.set.iter().any(sets);
    passes.then(|| UpgradeLayer::new(Join { client_send: settings.timeout.client_send }))
}

/// The fields of a request that asks for another protocol, and what they are for others: as `set`.
pub(crate) fn fields(set: Option<Field<Parts>>) -> [Field<Parts>; 2] {
    let upgrade = Field::computed(UPGRADE, |parts: &Parts| protocols(&parts.headers));
    let connection = Field::computed(CONNECTION, move |parts: &Parts| match protocols(&parts.headers) {
        Some(_) => Some(HeaderValue::from_static("upgrade")),
        None => set.as_ref()?.value(parts),
    });
    [upgrade, connection]
}

/// What the request asks for. HTTP/2 is not among it: requests that only the upstream understands would pass all that is
/// configured here.
fn protocols(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers.get(UPGRADE)?;
    let is_h2c = |token: &&[u8]| token.trim_ascii().eq_ignore_ascii_case(b"h2c");
    let mut tokens = asked.as_bytes().split(|&byte| byte == b',');
    if !tokens.any(|token| is_h2c(&token)) {
        return Some(asked.clone());
    }
    let others: Vec<&[u8]> =
        asked.as_bytes().split(|&byte| byte == b',').filter(|token| !is_h2c(token)).collect();
    HeaderValue::from_bytes(others.join(&b',').trim_ascii()).ok().filter(|value| !value.is_empty())
}

/// Has the ends joined by the edge, which knows when the response has left and writes the log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join {
    client_send: Duration,
}

impl Policy<Body> for Join {
    type Client = ClientEnd;

    fn client(&self, request: &mut Extensions) -> Option<ClientEnd> {
        request.remove()
    }

    fn join(&self, client: ClientEnd, response: Response<Body>) -> Result<Response<Body>, BoxError> {
        let (mut parts, body) = response.into_parts();
        let upstream = parts.extensions.remove::<Switched>().and_then(|switched| switched.take());
        let (Some(client), Some(upstream)) = (client.take(), upstream) else {
            return Err(Error::NotAsked.into());
        };
        if !client.accepts(&mut parts.headers) {
            return Err(WrongAnswer.into());
        }
        let timeout = parts.extensions.remove::<propylon_timeout::Limits>().unwrap_or_default();
        let limits = Limits::new().read(timeout.read).send(timeout.send).client_send(self.client_send);
        parts.extensions.insert(Switching::new(Ends { client, upstream, limits, place: body }));
        Ok(Response::from_parts(parts, Body::empty()))
    }
}

/// The upstream has not understood that it is to speak another protocol.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("upstream sent no valid Sec-WebSocket-Accept")]
struct WrongAnswer;

/// The two ends of a response of 101, as its extension.
#[derive(Clone)]
pub(crate) struct Switching(Arc<Mutex<Option<Box<Ends>>>>);

/// The two ends, to be joined when the response has left.
pub(crate) struct Ends {
    pub(crate) client: HandOver,
    pub(crate) upstream: Upgraded,
    pub(crate) limits: Limits,
    /// The response's body, which has no bytes: the peer's place is taken for as long as it is there.
    pub(crate) place: Body,
}

impl Switching {
    fn new(ends: Ends) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(ends)))))
    }

    /// The ends, for the first who asks.
    pub(crate) fn take(&self) -> Option<Box<Ends>> {
        self.0.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &str, passed: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, asked.parse().unwrap());
        assert_eq!(protocols(&headers).as_ref().map(|value| value.to_str().unwrap()), passed, "{asked}");
    }

    #[test]
    fn any_protocol_but_http_2() {
        check("websocket", Some("websocket"));
        check("IRC/6.9, RTA/x11", Some("IRC/6.9, RTA/x11"));
        check("h2c", None);
        check("H2C", None);
        check("h2c, websocket", Some("websocket"));
        check("websocket,h2c", Some("websocket"));
        check("h2c2", Some("h2c2"));
    }
}
