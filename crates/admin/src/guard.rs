//! Who may ask, and for what: pure rules.

use std::net::IpAddr;

use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri, request};
use propylon_config::{Admin, Peer};
use propylon_gateway::shows;

use crate::error::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Ip(IpAddr),
    /// A program on this machine: no browser can.
    Unix,
}

/// Who may ask, and for what.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// None: anybody.
    allow: Option<Vec<Peer>>,
    token: Option<Box<str>>,
    names: Vec<Box<str>>,
}

impl Guard {
    pub(crate) fn new(config: &Admin) -> Self {
        Self { allow: config.allow.clone(), token: config.token.clone(), names: config.names.clone() }
    }

    /// Whether a request may go on.
    ///
    /// A browser carries requests of any page to wherever that page says, with this machine's address. So a request that acts must
    /// not be one that a page of another origin can have made, and no request may be for a name that somebody else can have lead
    /// here (DNS rebinding).
    pub(crate) fn check(&self, from: From, request: &request::Parts) -> Result<(), Refusal> {
        let shown = self.token.as_deref().is_some_and(|token| shows(&request.headers, token.as_bytes()));
        if !shown && !self.allows(from) {
            return Err(match self.token {
                Some(_) => Refusal::unauthorized(),
                None => Refusal::forbidden("`admin.allow` does not contain your address"),
            });
        }
        let authority = authority(&request.uri, &request.headers)?;
        if from != From::Unix {
            check_name(authority, &self.names, "admin.names")?;
        }
        if matches!(request.method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        check_origin(&request.headers, authority)?;
        if self.token.is_some() && !shown {
            return Err(Refusal::unauthorized());
        }
        let media_type =
            request.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
        let media_type = media_type.split(|&byte| byte == b';').next().unwrap_or_default();
        if !media_type.trim_ascii().eq_ignore_ascii_case(b"application/json") {
            let text = "the request body must be JSON, with `Content-Type: application/json`";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no_json", text));
        }
        Ok(())
    }

    /// Whether those who come from there may ask without a token.
    pub(crate) fn allows(&self, from: From) -> bool {
        let Some(allow) = &self.allow else { return true };
        allow.iter().any(|peer| match (peer, from) {
            (Peer::Net(net), From::Ip(ip)) => net.contains(&ip.to_canonical()),
            (Peer::Unix, From::Unix) => true,
            _ => false,
        })
    }
}

/// What the request is for. There is one `Host`.
fn authority<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Result<&'r str, Refusal> {
    let mut fields = headers.get_all(HOST).iter();
    let (field, more) = (fields.next().and_then(|field| field.to_str().ok()), fields.next());
    match (uri.authority(), field) {
        (Some(authority), _) if more.is_none() => Ok(authority.as_str()),
        (None, Some(field)) if more.is_none() && !field.is_empty() => Ok(field),
        _ => Err(Refusal::bad("the request must have exactly one `Host`")),
    }
}

/// An authority without its port.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a request is for an address, or for a name that is no other's: one of those in `key`.
pub(crate) fn check_name(authority: &str, names: &[Box<str>], key: &str) -> Result<(), Refusal> {
    let host = host(authority);
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let known = || names.iter().any(|name| name.eq_ignore_ascii_case(host));
    if literal || host.eq_ignore_ascii_case("localhost") || known() {
        return Ok(());
    }
    let host = host.escape_debug();
    let text = format!("`{key}` does not contain `{host}`; use an IP address or `localhost`");
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", text))
}

pub(crate) fn check_origin(headers: &HeaderMap, authority: &str) -> Result<(), Refusal> {
    let elsewhere = || Refusal::forbidden("requests from pages of another origin are not allowed");
    for origin in headers.get_all(ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        if !own.is_some_and(|(_, own)| own.eq_ignore_ascii_case(authority)) {
            return Err(elsewhere());
        }
    }
    for site in headers.get_all(SEC_FETCH_SITE) {
        if !matches!(site.as_bytes(), b"same-origin" | b"none") {
            return Err(elsewhere());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const LOCAL: From = From::Ip(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const AWAY: From = From::Ip(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));

    fn guard(keys: &str) -> Guard {
        let text = format!("[admin]\nlisten = \"127.0.0.1:9180\"\n{keys}\n[[server]]\nreturn = [204]\n");
        Guard::new(&propylon_config::parse(&text, "a.toml").unwrap().config.admin.unwrap())
    }

    /// The status of the refusal; 0: none.
    #[track_caller]
    fn check(guard: &Guard, from: From, method: &str, fields: &[(&str, &str)], expected: u16) {
        let mut request = Request::builder().method(method).uri("/");
        let json = method != "GET" && !fields.iter().any(|(name, _)| *name == "content-type");
        if json {
            request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
        }
        if !fields.iter().any(|(name, _)| *name == "host") {
            request = request.header(HOST, "127.0.0.1:9180");
        }
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let found = guard.check(from, &parts).map_or_else(|refusal| refusal.status.as_u16(), |()| 0);
        assert_eq!(found, expected, "{from:?} {method} {fields:?}");
    }

    #[test]
    fn by_default_this_machine_may_and_nobody_else() {
        let guard = guard("");
        check(&guard, LOCAL, "GET", &[], 0);
        check(&guard, LOCAL, "POST", &[], 0);
        check(&guard, From::Unix, "POST", &[("host", "whatever")], 0);
        check(&guard, From::Ip("::1".parse().unwrap()), "GET", &[("host", "[::1]:9180")], 0);
        check(&guard, From::Ip("::ffff:127.0.0.1".parse().unwrap()), "GET", &[], 0);
        check(&guard, AWAY, "GET", &[], 403);
    }

    #[test]
    fn a_token_lets_in_and_is_needed_to_act() {
        let guard = guard("token = \"secret\"");
        let token = ("authorization", "bearer secret");
        check(&guard, LOCAL, "GET", &[], 0);
        check(&guard, LOCAL, "PATCH", &[], 401);
        check(&guard, LOCAL, "PATCH", &[token], 0);
        check(&guard, AWAY, "GET", &[], 401);
        check(&guard, AWAY, "GET", &[token], 0);
        check(&guard, AWAY, "GET", &[("authorization", "Bearer secre")], 401);
        check(&guard, AWAY, "GET", &[("authorization", "Bearer secreT")], 401);
        check(&guard, AWAY, "GET", &[("authorization", "Basic secret")], 401);
        check(&guard, AWAY, "GET", &[token, ("host", "rebound.test")], 421);
    }

    #[test]
    fn allow_takes_the_place_of_this_machine() {
        let guard = guard("allow = [\"10.0.0.0/8\"]\nnames = [\"admin.test\"]");
        check(&guard, AWAY, "POST", &[], 0);
        check(&guard, LOCAL, "GET", &[], 403);
        check(&guard, From::Unix, "GET", &[], 403);
        check(&guard, AWAY, "GET", &[("host", "ADMIN.test:9180")], 0);
        check(&self::guard("allow = [\"all\"]"), From::Unix, "GET", &[], 0);
    }

    #[test]
    fn names_that_lead_here_are_no_way_in() {
        let guard = guard("");
        for host in ["localhost", "LOCALHOST:9180", "10.1.1.1", "[::1]"] {
            check(&guard, LOCAL, "GET", &[("host", host)], 0);
        }
        for host in ["rebound.test", "rebound.test:9180", "localhost.rebound.test", "127.0.0.1.rebound.test"]
        {
            check(&guard, LOCAL, "GET", &[("host", host)], 421);
        }
        check(&guard, LOCAL, "GET", &[("host", "localhost"), ("host", "rebound.test")], 400);
        check(&guard, LOCAL, "GET", &[("host", "")], 400);
    }

    #[test]
    fn a_page_elsewhere_cannot_act() {
        let guard = guard("");
        check(
            &guard,
            LOCAL,
            "POST",
            &[("origin", "http://127.0.0.1:9180"), ("sec-fetch-site", "same-origin")],
            0,
        );
        check(&guard, LOCAL, "POST", &[("origin", "http://rebound.test")], 403);
        check(&guard, LOCAL, "POST", &[("origin", "http://127.0.0.1:80")], 403);
        check(&guard, LOCAL, "POST", &[("origin", "null")], 403);
        check(&guard, LOCAL, "POST", &[("sec-fetch-site", "cross-site")], 403);
        check(&guard, LOCAL, "POST", &[("sec-fetch-site", "same-site")], 403);
        // What a form of a page sends.
        check(&guard, LOCAL, "POST", &[("content-type", "text/plain")], 415);
        check(&guard, LOCAL, "POST", &[("content-type", "application/x-www-form-urlencoded")], 415);
        check(&guard, LOCAL, "GET", &[("origin", "http://rebound.test")], 0);
    }
}
