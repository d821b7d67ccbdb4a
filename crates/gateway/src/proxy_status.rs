//! The field `Proxy-Status` (RFC 9209): what went wrong between the gateway and the upstream, told to the client.

use std::error::Error as StdError;
use std::fmt::Write;
use std::io::ErrorKind;

use http::{HeaderName, HeaderValue};
use propylon_upstream::{Error as Upstream, HeadFault};

use crate::client::ClientBodyError;
use crate::route::{NoValue, TargetError};
use crate::tls::Unusable;

/// The name of the field.
pub(crate) const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The field of the gateway called `name` for a request that failed so, with `next_hop` or before it was chosen; none, if nothing did:
/// memcached has no value for it.
pub(crate) fn field(
    name: &str,
    error: &(dyn StdError + 'static),
    next_hop: Option<&str>,
    details: &str,
) -> Option<HeaderValue> {
    if error.is::<NoValue>() {
        return None;
    }
    let mut text = format!("{}; error={}", quoted(name), kind(error));
    if let Some(next_hop) = next_hop {
        // Writing to a String cannot fail.
        let _ = write!(text, "; next-hop={}", quoted(next_hop));
    }
    let _ = write!(text, "; details={}", quoted(details));
    HeaderValue::try_from(text).ok()
}

/// A string of RFC 8941 3.3.3: what cannot stand in one is left out.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ') {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

/// The error types of RFC 9209 2.3.
fn kind(error: &(dyn StdError + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(kind) = known(error) {
            return kind;
        }
        cause = error.source();
    }
    "proxy_internal_error"
}

fn known(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    use propylon_balance::Error as Balance;
    use propylon_buffer::Error as Buffer;
    use propylon_timeout::Error as Timeout;
    if error.is::<ClientBodyError>() || matches!(error.downcast_ref(), Some(Buffer::TooLarge { .. })) {
        return Some("http_request_error");
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            TargetError::Resolve(propylon_resolver::Error::Timeout { .. }) => "dns_timeout",
            TargetError::Resolve(_) => "dns_error",
            TargetError::Url { .. } | TargetError::NoResolver { .. } => "proxy_configuration_error",
        });
    }
    if let Some(error) = error.downcast_ref::<Timeout>() {
        let sending = matches!(error, Timeout::SendTimeout(_));
        return Some(if sending { "connection_write_timeout" } else { "connection_read_timeout" });
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            Balance::QueueFull { .. } | Balance::QueueTimeout { .. } => "connection_limit_reached",
            _ => "destination_unavailable",
        });
    }
    error.downcast_ref().and_then(upstream)
}

/// What the leaf says; none: the cause beneath tells more.
fn upstream(error: &Upstream) -> Option<&'static str> {
    Some(match error {
        Upstream::Connect { source } => match source.kind() {
            ErrorKind::ConnectionRefused => "connection_refused",
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "destination_ip_unroutable",
            _ => "destination_unavailable",
        },
        Upstream::ConnectTimeout => "connection_timeout",
        Upstream::Secure { source } => match source.downcast_ref() {
            Some(propylon_tls::Error::Certificate { .. } | propylon_tls::Error::Name { .. }) => {
                "tls_certificate_error"
            }
            Some(propylon_tls::Error::Io(_)) => "connection_terminated",
            _ if source.is::<Unusable>() => "proxy_configuration_error",
            _ => "tls_protocol_error",
        },
        Upstream::LengthRequired => "http_request_error",
        Upstream::RequestBody { .. } => return None,
        Upstream::Closed { .. }
        | Upstream::Io { .. }
        | Upstream::Rejected { .. }
        | Upstream::GoneAway { .. }
        | Upstream::Truncated
        | Upstream::Reset { .. }
        | Upstream::BodyIo { .. } => "connection_terminated",
        Upstream::InvalidHead(HeadFault::TooLarge) => "http_response_header_section_size",
        Upstream::InvalidHead(HeadFault::UnknownEncoding) => "http_response_transfer_coding",
        Upstream::InvalidHead(HeadFault::UnexpectedUpgrade) => "http_upgrade_failed",
        Upstream::InvalidHead(_)
        | Upstream::InvalidBody
        | Upstream::InvalidReply(_)
        | Upstream::InvalidStream => "http_protocol_error",
        _ => "proxy_internal_error",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: impl StdError + 'static, expected: &str) {
        assert_eq!(kind(&error), expected, "{error}");
    }

    #[test]
    fn kinds_are_those_of_the_rfc() {
        let io = |code| std::io::Error::from_raw_os_error(code);
        check(Upstream::Connect { source: io(111) }, "connection_refused");
        check(Upstream::Connect { source: io(113) }, "destination_ip_unroutable");
        check(Upstream::Connect { source: io(2) }, "destination_unavailable");
        check(Upstream::Local { what: "bind()".into(), source: io(99) }, "proxy_internal_error");
        check(Upstream::ConnectTimeout, "connection_timeout");
        check(Upstream::Closed { sent: true }, "connection_terminated");
        check(Upstream::InvalidHead(HeadFault::Syntax), "http_protocol_error");
        check(Upstream::InvalidHead(HeadFault::TooLarge), "http_response_header_section_size");
        let name = || propylon_tls::Error::Name { name: "a".into() };
        check(Upstream::Secure { source: name().into() }, "tls_certificate_error");
        let alert = propylon_tls::Error::Handshake("alert".into());
        check(Upstream::Secure { source: alert.into() }, "tls_protocol_error");
        let gone = propylon_tls::Error::Io(io(104));
        check(Upstream::Secure { source: gone.into() }, "connection_terminated");
        check(propylon_balance::Error::NoLivePeers { group: "g".into() }, "destination_unavailable");
        check(propylon_balance::Error::QueueFull { group: "g".into() }, "connection_limit_reached");
        check(TargetError::NoResolver { host: "h".into() }, "proxy_configuration_error");
        let missing = propylon_resolver::Error::NotFound { name: "h".into() };
        check(TargetError::from(missing), "dns_error");
        check(std::fmt::Error, "proxy_internal_error");
    }

    #[test]
    fn fields() {
        let error = Upstream::ConnectTimeout;
        let text = |name, hop, details| field(name, &error, hop, details).unwrap();
        assert_eq!(
            text("edge", Some("10.0.0.1:80"), "timed out"),
            r#""edge"; error=connection_timeout; next-hop="10.0.0.1:80"; details="timed out""#
        );
        assert_eq!(
            text("e", None, "a \"b\\c\"\r\nä"),
            r#""e"; error=connection_timeout; details="a \"b\\c\"""#
        );
    }
}
