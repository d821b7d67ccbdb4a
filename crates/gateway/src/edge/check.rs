//! What a request must be before anything reads it: the target, the host, the framing, the sizes.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use h2::ext::Protocol;
use http::header::{
    AUTHORIZATION, CONTENT_RANGE, EXPECT, HOST, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, request};
use propylon_config::VerifyClient;
use propylon_exchange::{Address, Connection, Exchange, Tls};
use propylon_h1::{Marks, ReceivedRequest};

use super::{BAD_CERTIFICATE, NO_CERTIFICATE, PLAIN_ON_TLS};
use crate::client::ClientEnd;
use crate::client::http3::PseudoHeaders;
use crate::error_log;
use crate::router::{Listener, Server};
use crate::routing::{Captures, Head, Host, Path, Target};
use crate::tls::NotVerified;

/// A request that was looked at.
pub(crate) struct Checked<'a> {
    /// The server that answers it, be it with an error.
    pub(crate) server: &'a Arc<Server>,
    /// The host that the request is for; none for HTTP/1.0 without one.
    pub(crate) host: Option<Bytes>,
    /// The request-target as it came.
    pub(crate) target: Bytes,
    /// How many bytes the head took.
    pub(crate) bytes: u64,
    /// Where it goes, unless it is refused.
    pub(crate) path: Option<Path>,
    /// The status that refuses it.
    pub(crate) refused: Option<StatusCode>,
    /// The client's end, if the request asks for another protocol.
    pub(crate) upgrade: Option<ClientEnd>,
    /// The head, if none of its fields was removed.
    pub(crate) raw: Option<Bytes>,
    /// What the regex of the server's name captured.
    pub(crate) captures: Option<Captures>,
}

/// Looks at a request's head, chooses its server, and removes the fields that the server does not accept.
#[inline(never)] // what it returns is large: made where it is to be
pub(crate) fn check<'a>(
    listener: &'a Listener,
    parts: &mut request::Parts,
    received: Option<ReceivedRequest>,
    connection: &Connection,
) -> Checked<'a> {
    // Our own engine shows the head as it came; of hyper's it is made up again.
    let (target, bytes, marks, raw) = match received {
        Some(ReceivedRequest { target, marks, raw, .. }) => {
            let bytes = raw.len() as u64;
            (target.into_bytes(), bytes, marks, Some(raw))
        }
        None => {
            let target = match parts.version {
                Version::HTTP_3 => pseudo(parts).map(|pseudo| pseudo.target.clone()).unwrap_or_default(),
                Version::HTTP_2 => path_of(&parts.uri),
                _ => raw_target(&parts.uri),
            };
            let bytes = head_length(parts, &target);
            let upgrade = if parts.headers.contains_key(UPGRADE) { Marks::UPGRADE } else { Marks::NONE };
            (target, bytes, upgrade | Marks::TRANSFER_ENCODING | Marks::EXPECT, None) // to be looked for
        }
    };
    let asked = marks.contains(Marks::UPGRADE);
    let upgrade = if asked { parts.extensions.remove::<ClientEnd>() } else { None };
    let mut checked = Checked {
        server: listener.default_server(),
        host: None,
        target,
        bytes,
        path: None,
        refused: None,
        upgrade: None,
        raw,
        captures: None,
    };
    checked.refused = judge(listener, parts, marks, connection, &mut checked).err();
    let fields = parts.headers.len();
    if asked && upgrade.is_none() {
        // Of HTTP/1.0, or not named by Connection: it goes no further than here (RFC 9110 7.8).
        parts.headers.remove(UPGRADE);
    }
    checked.upgrade = upgrade;
    checked.server.sanitize(&mut parts.headers, &connection.peer);
    checked.raw = checked.raw.filter(|_| parts.headers.len() == fields);
    checked
}

/// The path of a request that was refused for something else.
pub(crate) fn readable(exchange: &Exchange, server: &Server) -> Option<Path> {
    let head = exchange.head()?;
    Target::parse(head.method.as_str().as_bytes(), head.target.clone()).ok()?;
    Path::parse(head.target.clone(), server.slashes).ok()
}

fn judge<'a>(
    listener: &'a Listener,
    parts: &request::Parts,
    marks: Marks,
    connection: &Connection,
    checked: &mut Checked<'a>,
) -> Result<(), StatusCode> {
    if marks.contains(Marks::TRANSFER_ENCODING) {
        framing(&parts.headers)?;
    }
    // No name stands twice where there are as many names as lines.
    let twice = parts.headers.len() != parts.headers.keys_len();
    if twice {
        once(&parts.headers)?;
    }
    let host = parts.headers.get(HOST).map(|host| shared(host.as_bytes(), checked.raw.as_ref()));
    let again = if twice { parts.headers.get_all(HOST).iter().nth(1) } else { None };
    let hosts = host.into_iter().chain(again.map(|_| Bytes::new())); // how many there are is all that counts then
    let (method, slashes) = (parts.method.as_str().as_bytes(), listener.default_server().slashes);
    let head = if parts.version >= Version::HTTP_2 {
        let (protocol, authority) = asked_for(parts);
        if protocol {
            return Err(StatusCode::NOT_IMPLEMENTED); // RFC 9220 3: a protocol that is not known
        }
        if parts.method == Method::CONNECT {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        Head::of_h2(method, checked.target.clone(), authority, hosts, slashes)
    } else {
        Head::parse(parts.version, method, checked.target.clone(), hosts, slashes)
    };
    let Head { path, host } = match head {
        Ok(head) => head,
        Err(error) => return Err(error.status()),
    };
    checked.path = Some(path);
    checked.host = host.map(Host::into_name);
    if listener.has_names() {
        // HTTP/1.0 without a Host is looked up by the empty name, as nginx does.
        if let Some((server, captures)) = listener.find(checked.host.as_ref().unwrap_or(&Bytes::new())) {
            checked.server = server;
            checked.captures = captures;
        }
    }
    if listener.tls && connection.tls.is_none() {
        return Err(PLAIN_ON_TLS.unwrap_or(StatusCode::BAD_REQUEST));
    }
    sizes(parts, checked)?;
    if marks.contains(Marks::EXPECT) {
        expectation(parts)?;
    }
    if checked.server.clients.verify != VerifyClient::Off
        && let Some(tls) = &connection.tls
    {
        verified(listener, tls, checked.server, checked.host.as_ref(), connection.peer)?;
    }
    Ok(())
}

/// What a request of HTTP/3 has before its fields.
fn pseudo(parts: &request::Parts) -> Option<&PseudoHeaders> {
    parts.extensions.get()
}

/// Whether a request of HTTP/2 or HTTP/3 has a `:protocol`, and its `:authority`.
fn asked_for(parts: &request::Parts) -> (bool, Option<Bytes>) {
    if parts.version == Version::HTTP_3 {
        return pseudo(parts).map_or((false, None), |pseudo| (pseudo.protocol, pseudo.authority.clone()));
    }
    let authority = parts.uri.authority().map(|host| Bytes::copy_from_slice(host.as_str().as_bytes()));
    (parts.extensions.get::<Protocol>().is_some(), authority)
}

/// The bytes of a value: without a copy, if they are a part of `raw`.
fn shared(value: &[u8], raw: Option<&Bytes>) -> Bytes {
    let part = raw.and_then(|raw| {
        let start = value.as_ptr().addr().checked_sub(raw.as_ptr().addr())?;
        raw.get(start..start.checked_add(value.len())?).map(|_| raw.slice(start..start + value.len()))
    });
    part.unwrap_or_else(|| Bytes::copy_from_slice(value))
}

/// Whether the client may be one of this server (nginx: 421, 495, 496). Its certificate was judged by the server that it asked
/// for when it began to speak TLS, or by the default server.
fn verified(
    listener: &Listener,
    tls: &Tls,
    server: &Server,
    host: Option<&Bytes>,
    peer: Address,
) -> Result<(), StatusCode> {
    let name = tls.server_name.as_deref();
    let judge = listener.asked_for(name);
    let misdirected = match (&judge, name, host) {
        (Some(_), Some(name), Some(host)) => !host.eq_ignore_ascii_case(name.as_bytes()),
        (Some(_), ..) => true,
        (None, ..) => {
            let default = listener.default_server();
            !std::ptr::eq(&raw const **default, server) && !server.clients.agrees_with(&default.clients)
        }
    };
    if misdirected {
        let errors = judge.unwrap_or_else(|| listener.default_server()).fallback.errors.as_ref();
        error_log::at(errors, || {
            tracing::info!(target: "propylon_gateway", client = %peer, "client attempted to request the server name different from the one that was negotiated");
        });
        return Err(StatusCode::MISDIRECTED_REQUEST);
    }
    server.clients.judge(tls).map_err(|refusal| {
        error_log::at(server.fallback.errors.as_ref(), || {
            tracing::info!(target: "propylon_gateway", client = %peer, "{refusal} while reading client request headers");
        });
        match refusal {
            NotVerified::NoCertificate => NO_CERTIFICATE.unwrap_or(StatusCode::BAD_REQUEST),
            NotVerified::Refused { .. } => BAD_CERTIFICATE.unwrap_or(StatusCode::BAD_REQUEST),
        }
    })
}

/// RFC 9110 10.1.1: nothing but `100-continue` is understood, and an expectation is not passed on, so nobody would meet it.
/// HTTP/1.0 has none.
fn expectation(parts: &request::Parts) -> Result<(), StatusCode> {
    let unknown = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if parts.version > Version::HTTP_10 && parts.headers.get(EXPECT).is_some_and(unknown) {
        return Err(StatusCode::EXPECTATION_FAILED);
    }
    Ok(())
}

/// `:path`; of a CONNECT, `:authority`.
fn path_of(uri: &Uri) -> Bytes {
    match (uri.path_and_query(), uri.authority()) {
        (Some(path), _) => Bytes::copy_from_slice(path.as_str().as_bytes()),
        (None, Some(authority)) => Bytes::copy_from_slice(authority.as_str().as_bytes()),
        (None, None) => Bytes::from_static(b"*"),
    }
}

/// The request-target as it came, as far as `http::Uri` keeps it.
fn raw_target(uri: &Uri) -> Bytes {
    match (uri.scheme_str(), uri.authority()) {
        (None, None) => match uri.path_and_query() {
            Some(path) => Bytes::copy_from_slice(path.as_str().as_bytes()),
            None => Bytes::from_static(b"*"),
        },
        (Some(scheme), Some(authority)) => {
            let path = uri.path_and_query().map_or("", |path| path.as_str());
            let mut target =
                BytesMut::with_capacity(scheme.len() + 3 + authority.as_str().len() + path.len());
            target.put_slice(scheme.as_bytes());
            target.put_slice(b"://");
            target.put_slice(authority.as_str().as_bytes());
            target.put_slice(path.as_bytes());
            target.freeze()
        }
        _ => Bytes::from(uri.to_string()),
    }
}

/// How many bytes the head took: exact for a head that was written in the usual way.
fn head_length(parts: &request::Parts, target: &Bytes) -> u64 {
    let line = parts.method.as_str().len() + target.len() + " ".len() * 2 + "HTTP/1.1\r\n".len();
    let fields: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    (line + fields + "\r\n".len()) as u64
}

/// What the server's head may take (nginx's `large_client_header_buffers` and `max_headers`). The engine has let pass what
/// the most generous server here allows.
fn sizes(parts: &request::Parts, checked: &Checked<'_>) -> Result<(), StatusCode> {
    let limit = &checked.server.settings.limit.head;
    if checked.target.len() + parts.method.as_str().len() + " HTTP/1.1\r\n".len() + 1 > limit.line {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let too_long = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len() > limit.line
    };
    let all = usize::try_from(checked.bytes).unwrap_or(usize::MAX);
    // A short head has no long line.
    if all > limit.size
        || parts.headers.len() > limit.fields
        || all > limit.line && parts.headers.iter().any(too_long)
    {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

/// Fields that have one value: with two, this gateway and an upstream could each believe another (nginx: 400).
const SINGLE: [HeaderName; 8] = [
    AUTHORIZATION,
    CONTENT_RANGE,
    EXPECT,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
];

fn once(headers: &HeaderMap) -> Result<(), StatusCode> {
    let repeated = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_some();
    if SINGLE.iter().any(repeated) { Err(StatusCode::BAD_REQUEST) } else { Ok(()) }
}

/// The engine decodes chunked; any other coding would be forwarded undecoded (RFC 9112 6.1: 501).
fn framing(headers: &HeaderMap) -> Result<(), StatusCode> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(StatusCode::NOT_IMPLEMENTED),
    }
}
