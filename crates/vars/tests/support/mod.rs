//! Exchanges made by hand.
#![allow(dead_code, clippy::unwrap_used, reason = "test support, shared by several files")]

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, Version};
use propylon_exchange::{Address, Connection, Exchange, Head, Place};
use propylon_vars::{Context, Definitions};
use tokio::time::Instant;

/// A connection from 192.0.2.1:50000 to 198.51.100.9:8080.
pub(crate) fn connection() -> Connection {
    let peer = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let local = SocketAddr::from(([198, 51, 100, 9], 8080));
    Connection::new(77, peer.into(), local.into())
}

/// `GET target` with these fields, as the third request of [`connection`].
pub(crate) fn request(target: &'static str, fields: &[(&str, &str)]) -> Exchange {
    on(connection(), target, fields)
}

/// `GET target` with these fields, as the third request of a connection.
pub(crate) fn on(connection: Connection, target: &'static str, fields: &[(&str, &str)]) -> Exchange {
    placed(Place::default(), connection, target, fields)
}

/// The same for a request of which it is known where it goes.
pub(crate) fn placed(
    place: Place,
    connection: Connection,
    target: &'static str,
    fields: &[(&str, &str)],
) -> Exchange {
    let headers = headers(fields);
    let head = Head {
        method: Method::GET,
        target: target.into(),
        version: Version::HTTP_11,
        headers: headers.into(),
        bytes: 100,
    };
    Exchange::placed(place, Arc::new(connection), 3, Instant::now(), head)
}

/// Fields, with as many lines as there are.
pub(crate) fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

/// An IP address without port.
pub(crate) fn ip(text: &str) -> Address {
    Address::ip(text.parse().unwrap(), None)
}

/// The value of `template` as a log shows it: `-` for what is not there.
pub(crate) fn logged(definitions: &Definitions, template: &str, exchange: &Exchange) -> String {
    let mut line = Vec::new();
    let template = definitions.template(template, Context::Request).unwrap();
    template.write_with(exchange, &mut line, b"-", |value, out| out.extend_from_slice(value));
    // Every way of evaluating it agrees, but for what is not there.
    let mut empty = Vec::new();
    template.write_with(exchange, &mut empty, b"", |value, out| out.extend_from_slice(value));
    let mut into = Vec::new();
    template.eval_into(exchange, &mut into);
    if !template.source().contains("msec") {
        assert_eq!(template.eval(exchange), empty);
        assert_eq!(into, empty);
    }
    String::from_utf8(line).unwrap()
}
