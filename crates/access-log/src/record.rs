//! The exchange of a request that nobody has made one for.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Method, StatusCode, request, response};
use propylon_exchange::{Address, Connection, End, Exchange, Head, Place};
use tokio::time::Instant;

use crate::AccessLogs;

/// What becomes of one exchange. When it is dropped the exchange is over, and its lines are written.
#[derive(Debug)]
pub(crate) struct Record {
    exchange: Exchange,
    logs: AccessLogs,
    /// Whether the facts are ours to record: an exchange that came with the request belongs to who made it.
    owned: bool,
    head_request: bool,
    head_bytes: u64,
}

impl Record {
    /// The record of a request; an exchange that it carries is used, else it gets a new one.
    pub(crate) fn open(parts: &mut request::Parts, client: Option<Address>, logs: AccessLogs) -> Self {
        let head_request = parts.method == Method::HEAD;
        let found = parts.extensions.get::<Exchange>().cloned();
        let owned = found.is_none();
        let exchange = found.unwrap_or_else(|| begin(parts, client));
        exchange.keep(logs.needs());
        Self { exchange, logs, owned, head_request, head_bytes: 0 }
    }

    /// The response head was made. Where no body can follow it, that was all: servers drop the body unread.
    pub(crate) fn responded(mut self, head: &response::Parts) -> Self {
        if self.owned {
            self.exchange.responded(head.status, &head.headers);
        }
        self.head_bytes = STATUS_LINE + fields_length(&head.headers);
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::SWITCHING_PROTOCOLS];
        if self.head_request || bodiless.contains(&head.status) {
            self.ended(End::Complete);
        }
        self
    }

    pub(crate) fn body_sent(&self, bytes: usize) {
        if self.owned {
            self.exchange.body_sent(bytes as u64);
        }
    }

    pub(crate) fn ended(&self, end: End) {
        if self.owned {
            self.exchange.ended(end);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.owned && self.head_bytes > 0 {
            let body = self.exchange.body_bytes_sent();
            self.exchange.set_sent(self.head_bytes + body, body);
        }
        // Counts only if nothing else did: whoever drops a response before its end has lost its client.
        self.ended(End::ClientClosed);
        self.logs.write(&self.exchange);
    }
}

/// About what a status line and the last line of a head take.
const STATUS_LINE: u64 = 19;

fn begin(parts: &mut request::Parts, client: Option<Address>) -> Exchange {
    let connection = parts.extensions.get::<Arc<Connection>>().cloned();
    let connection = connection.unwrap_or_else(|| {
        let peer = client.unwrap_or_else(Address::unix);
        Arc::new(Connection::new(0, peer, Address::unix()))
    });
    let target = target(&parts.uri);
    let line = parts.method.as_str().len() + target.len() + "  HTTP/1.1\r\n\r\n".len();
    let head = Head {
        method: parts.method.clone(),
        bytes: line as u64 + fields_length(&parts.headers),
        target,
        version: parts.version,
        headers: parts.headers.clone().into(),
    };
    let place = Place { host: host(parts), ..Default::default() };
    let exchange = Exchange::placed(place, connection, 1, Instant::now(), head);
    if let Some(client) = client {
        exchange.set_client(client);
    }
    parts.extensions.insert(exchange.clone());
    exchange
}

/// The request-target, as far as `http` keeps it.
fn target(uri: &http::Uri) -> Bytes {
    match uri.path_and_query() {
        Some(path) if uri.authority().is_none() => Bytes::copy_from_slice(path.as_str().as_bytes()),
        _ => uri.to_string().into(),
    }
}

fn fields_length(fields: &HeaderMap) -> u64 {
    fields.iter().map(|(name, value)| (name.as_str().len() + value.len() + ": \r\n".len()) as u64).sum()
}

/// The host that the request is for: lower-case and without port.
fn host(parts: &request::Parts) -> Option<Bytes> {
    let named = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(|authority| authority.as_str()).or(named)?;
    let authority: http::uri::Authority = host.parse().ok()?;
    Some(authority.host().to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn target_and_host_are_those_of_the_request() {
        fn check(uri: &str, host_field: &str, expected: (&str, &str)) {
            let request = Request::builder().uri(uri).header(HOST, host_field).body(()).unwrap();
            let (mut parts, ()) = request.into_parts();
            let exchange = begin(&mut parts, None);
            let head = exchange.head().unwrap();
            assert_eq!((&head.target[..], exchange.host().map(|host| &host[..])), {
                let (target, host) = expected;
                (target.as_bytes(), (!host.is_empty()).then_some(host.as_bytes()))
            });
        }
        check("/a%2Fb?c", "Example.COM:8080", ("/a%2Fb?c", "example.com"));
        check("/", "[::1]:80", ("/", "[::1]"));
        check("/", "a b", ("/", ""));
        check("http://H:1/x", "other", ("http://H:1/x", "h"));
        check("*", "h", ("*", "h"));
    }
}
