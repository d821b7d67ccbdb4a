//! Which way a response goes. Pure.

use http::header::CONTENT_TYPE;
use http::{HeaderName, StatusCode, response};

use super::settings::Settings;

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Which way a response's body goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// It is read as fast as it comes, and what the client does not take waits here.
    Kept,
    /// It goes through as it comes, as fast as the client takes it.
    AtOnce(Why),
}

/// Why a response is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Keeping is off, or the response's `X-Accel-Buffering` says so.
    Off,
    /// It is a stream of events (`text/event-stream`).
    Events,
    /// It is a gRPC response.
    Grpc,
    /// The connection is handed over to another protocol.
    Upgrade,
}

/// `connect`: whether the request's method is CONNECT.
pub(crate) fn way(settings: &Settings, head: &response::Parts, connect: bool) -> Way {
    if head.status == StatusCode::SWITCHING_PROTOCOLS || (connect && head.status.is_success()) {
        return Way::AtOnce(Why::Upgrade);
    }
    if let Some(kind) = head.headers.get(CONTENT_TYPE).map(|value| value.as_bytes()) {
        if has_prefix(kind, b"text/event-stream") {
            return Way::AtOnce(Why::Events);
        }
        if has_prefix(kind, b"application/grpc") {
            return Way::AtOnce(Why::Grpc);
        }
    }
    let ordered = if settings.accel { head.headers.get(X_ACCEL_BUFFERING) } else { None };
    let on = match ordered.map(|value| value.as_bytes()) {
        Some(order) if order.eq_ignore_ascii_case(b"yes") => true,
        Some(order) if order.eq_ignore_ascii_case(b"no") => false,
        _ => settings.on,
    };
    if on { Way::Kept } else { Way::AtOnce(Why::Off) }
}

fn has_prefix(value: &[u8], prefix: &[u8]) -> bool {
    value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[track_caller]
    fn check(on: bool, status: u16, fields: &[(&str, &str)], expected: Way) {
        let settings = Settings { on, ..Settings::new(std::path::PathBuf::new()) };
        let response = fields
            .iter()
            .fold(Response::builder().status(status), |all, (name, value)| all.header(*name, *value));
        let head = response.body(()).unwrap().into_parts().0;
        assert_eq!(way(&settings, &head, false), expected, "{on} {status} {fields:?}");
    }

    #[test]
    fn which_way() {
        let (at_once, off) = (Way::AtOnce, Way::AtOnce(Why::Off));
        check(true, 200, &[], Way::Kept);
        check(false, 200, &[], off);
        check(true, 404, &[("content-type", "text/html")], Way::Kept);
        check(true, 101, &[], at_once(Why::Upgrade));
        for kind in ["text/event-stream", "Text/Event-Stream; charset=utf-8"] {
            check(true, 200, &[("content-type", kind)], at_once(Why::Events));
            check(true, 200, &[("content-type", kind), ("x-accel-buffering", "yes")], at_once(Why::Events));
        }
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
            check(true, 200, &[("content-type", kind)], at_once(Why::Grpc));
        }
        check(true, 200, &[("x-accel-buffering", "no")], off);
        check(true, 200, &[("x-accel-buffering", "No")], off);
        check(true, 200, &[("x-accel-buffering", "nope")], Way::Kept);
        check(false, 200, &[("x-accel-buffering", "YES")], Way::Kept);
        check(false, 200, &[("x-accel-buffering", "")], off);
    }

    #[test]
    fn orders_that_are_ignored_and_tunnels() {
        let settings = Settings { accel: false, ..Settings::new(std::path::PathBuf::new()) };
        let head = Response::builder().header("x-accel-buffering", "no").body(()).unwrap().into_parts().0;
        assert_eq!(way(&settings, &head, false), Way::Kept);
        assert_eq!(way(&settings, &head, true), Way::AtOnce(Why::Upgrade));
    }
}
