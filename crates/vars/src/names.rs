//! The names that are built in: one table for lookups, hints and the reference page.

use crate::built_in::{BuiltIn, Constant, Count, Text, Wire};
use crate::login::LoginPart;
use crate::preread::Preread;
use crate::proxied::Proxied;
use crate::side::Side;
use crate::tls::{Client, Tls};
use crate::trace::Trace;
use crate::tries::Column;
use crate::variable::Family;

/// A line of the reference of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The name, without `$`. A family of names ends in `NAME`.
    pub name: &'static str,
    /// What its value is, in one line.
    pub summary: &'static str,
    pub(crate) kind: Kind,
    /// Who has it; none: requests and streams.
    side: Option<Side>,
}

/// What a built-in name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Single(BuiltIn),
    Family(Family),
    NotBuilt,
    Never,
}

impl Description {
    /// Whether this version has the variable; templates that name another are refused.
    #[must_use]
    pub fn built(&self) -> bool {
        !matches!(self.kind, Kind::NotBuilt | Kind::Never)
    }

    /// Requests and streams have it.
    const fn everywhere(self) -> Self {
        Self { side: None, ..self }
    }

    /// Streams alone have it.
    const fn of_streams(self) -> Self {
        Self { side: Some(Side::Stream), ..self }
    }

    /// The part before `NAME`, if this is a family.
    fn prefix(&self) -> Option<&'static str> {
        self.name.strip_suffix("NAME")
    }
}

/// All built-in variables, for a reference page.
#[must_use]
pub fn describe() -> &'static [Description] {
    TABLE
}

/// What the built-in `name`, in lower case, stands for.
pub(crate) fn single(name: &str) -> Option<Kind> {
    TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.kind)
}

/// Whether nothing can be defined under the built-in `name`. Those of streams are not of that kind: what many configurations of HTTP
/// call `$protocol` is theirs. Streams have their own under that name all the same.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    TABLE.iter().any(|entry| entry.name == name && entry.side != Some(Side::Stream))
}

/// The side that alone has the built-in `name`.
pub(crate) fn side(name: &str) -> Option<Side> {
    let single = TABLE.iter().find(|entry| entry.name == name);
    let of_family = |entry: &&Description| entry.prefix().is_some_and(|prefix| name.starts_with(prefix));
    single.or_else(|| TABLE.iter().find(of_family))?.side
}

/// The family that `name`, in lower case, is of, and the rest of the name.
pub(crate) fn family(name: &str) -> Option<(Kind, &str)> {
    TABLE.iter().find_map(|entry| Some((entry.kind, name.strip_prefix(entry.prefix()?)?)))
}

/// The name among `known` and the built-in ones that differs least from `name`, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<Box<str>> {
    let limit = (name.len() / 3).clamp(1, 3);
    let built = TABLE.iter().filter(|entry| entry.built());
    let singles = built.clone().filter(|entry| entry.prefix().is_none()).map(|entry| entry.name);
    let whole = known.chain(singles).map(|near| (distance(name, near), near)).min_by_key(|(far, _)| *far);
    if let Some((_, near)) = whole.filter(|(far, _)| *far <= limit) {
        return Some(near.into());
    }
    let of_family = built.filter_map(Description::prefix).filter_map(|prefix| {
        // The prefix may have lost or gained a letter.
        (prefix.len().saturating_sub(1)..=prefix.len() + 1).find_map(|len| {
            let (start, rest) = name.split_at_checked(len)?;
            let far = distance(start, prefix);
            (start.ends_with('_') && (1..=limit.min(2)).contains(&far) && !rest.is_empty())
                .then_some((far, prefix, rest))
        })
    });
    of_family.min_by_key(|(far, _, _)| *far).map(|(_, prefix, rest)| format!("{prefix}{rest}").into())
}

/// How many letters must be added, removed, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=a.len()).collect();
    let mut last = None;
    for (row, b) in b.chars().enumerate() {
        let mut line = vec![row + 1];
        for (column, from) in a.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&above, column) + usize::from(*from != b);
            let mut best = changed.min(at(&above, column + 1) + 1).min(at(&line, column) + 1);
            if column > 0 && Some(*from) == last && a.get(column - 1) == Some(&b) {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
        last = Some(b);
    }
    above.last().copied().unwrap_or_default()
}

const HTTP: Option<Side> = Some(Side::Http);

const fn single_entry(name: &'static str, variable: BuiltIn, summary: &'static str) -> Description {
    Description { name, summary, kind: Kind::Single(variable), side: HTTP }
}

const fn family_entry(name: &'static str, family: Family, summary: &'static str) -> Description {
    Description { name, summary, kind: Kind::Family(family), side: HTTP }
}

const fn tls_entry(name: &'static str, variable: Tls, summary: &'static str) -> Description {
    single_entry(name, BuiltIn::Tls(variable), summary).everywhere()
}

/// nginx has it, and this gateway cannot.
const fn never(name: &'static str, summary: &'static str) -> Description {
    Description { name, summary, kind: Kind::Never, side: None }
}

const fn later(name: &'static str, summary: &'static str) -> Description {
    Description { name, summary, kind: Kind::NotBuilt, side: None }
}

#[rustfmt::skip]
const TABLE: &[Description] = &[
    single_entry("ancient_browser", BuiltIn::AncientBrowser, "`1`, or `browser.ancient_value`, if the browser is none that `browser` says is modern, else empty"),
    family_entry("arg_NAME", Family::Argument, "the argument NAME of the request line"),
    single_entry("args", BuiltIn::Args, "the arguments of the request line"),
    single_entry("binary_remote_addr", BuiltIn::Wire(Wire::BinaryRemoteAddr), "the client's address as 4 or 16 bytes").everywhere(),
    single_entry("body_bytes_sent", BuiltIn::Count(Count::BodyBytesSent), "bytes of response body sent to the client"),
    single_entry("bytes_received", BuiltIn::Count(Count::RequestLength), "bytes received from the client, in a stream").of_streams(),
    single_entry("bytes_sent", BuiltIn::Count(Count::BytesSent), "bytes sent to the client").everywhere(),
    single_entry("connection", BuiltIn::Count(Count::Connection), "the connection's number").everywhere(),
    single_entry("connection_requests", BuiltIn::Count(Count::ConnectionRequests), "which request of its connection this is"),
    single_entry("connection_time", BuiltIn::ConnectionTime, "how long the connection exists, in seconds with milliseconds"),
    single_entry("content_length", BuiltIn::Text(Text::ContentLength), "the field Content-Length of the request"),
    single_entry("content_type", BuiltIn::ContentType, "the field Content-Type of the request"),
    family_entry("cookie_NAME", Family::Cookie, "the cookie NAME"),
    single_entry("date_gmt", BuiltIn::DateGmt, "the time in Greenwich as `Monday, 28-Sep-1970 06:00:00 GMT`"),
    single_entry("date_local", BuiltIn::DateLocal, "local time in the same form"),
    single_entry("document_root", BuiltIn::DocumentRoot, "the directory that the request's files are in"),
    single_entry("document_uri", BuiltIn::Uri, "the same as $uri"),
    single_entry("fastcgi_path_info", BuiltIn::FastcgiPathInfo, "what follows the script's name in the path, as `fastcgi.split_path_info` has it"),
    single_entry("fastcgi_script_name", BuiltIn::FastcgiScriptName, "the script that a FastCGI server is to run: the path, with `fastcgi.index` behind its last slash"),
    single_entry("gzip_ratio", BuiltIn::GzipRatio, "how many times smaller the response is than it was, as `3.25`, once all of it has been compressed, whatever the coding"),
    single_entry("host", BuiltIn::Text(Text::Host), "the host that the request is for, in lower case and without port; else the server's name"),
    single_entry("hostname", BuiltIn::Constant(Constant::Hostname), "the name of this machine").everywhere(),
    single_entry("http2", BuiltIn::Text(Text::Http2), "`h2` if the request came by HTTP/2 over TLS, `h2c` if without, else empty"),
    single_entry("http3", BuiltIn::Text(Text::Http3), "`h3` if the request came by HTTP/3, else empty"),
    family_entry("http_NAME", Family::Header, "the field NAME of the request; `-` is written `_`, several lines are joined"),
    single_entry("https", BuiltIn::Text(Text::Https), "`on` if the client speaks TLS, else empty"),
    single_entry("invalid_referer", BuiltIn::InvalidReferer, "empty if the request's Referer is one of the valid ones, else `1`"),
    single_entry("is_args", BuiltIn::IsArgs, "`?` if there are arguments, else empty"),
    single_entry("is_request_port", BuiltIn::IsRequestPort, "`:` if $request_port has a value, else empty"),
    family_entry("jwt_claim_NAME", Family::JwtClaim, "the claim NAME, in lower case, of the request's JSON Web Token, once `auth_jwt` has found it good; elements of arrays are joined by commas; other names by `jwt_claim_set`"),
    family_entry("jwt_header_NAME", Family::JwtHeader, "the parameter NAME, in lower case, of that token's header"),
    single_entry("jwt_payload", BuiltIn::JwtPayload, "all claims of that token, as JSON"),
    single_entry("limit_conn_status", BuiltIn::LimitConnStatus, "what the limits of requests at once decided: `PASSED`, `REJECTED` or `REJECTED_DRY_RUN`").everywhere(),
    single_entry("limit_rate", BuiltIn::LimitRate, "bytes of response body sent each second, 0: as fast as it can; may be set"),
    single_entry("limit_req_status", BuiltIn::LimitReqStatus, "what the limits of requests decided: `PASSED`, `DELAYED`, `REJECTED`, `DELAYED_DRY_RUN` or `REJECTED_DRY_RUN`"),
    single_entry("modern_browser", BuiltIn::ModernBrowser, "`1`, or `browser.modern_value`, if the browser is one that `browser` says is modern, else empty"),
    single_entry("msec", BuiltIn::Msec, "the present time in seconds with milliseconds").everywhere(),
    single_entry("msie", BuiltIn::Msie, "`1` if the browser is Internet Explorer, else empty"),
    single_entry("nginx_version", BuiltIn::Constant(Constant::NginxVersion), "the version of nginx whose behaviour is the reference").everywhere(),
    single_entry("oidc_access_token", BuiltIn::Login(LoginPart::AccessToken), "the access token of whoever has logged in, where `auth_oidc` has it so"),
    family_entry("oidc_claim_NAME", Family::OidcClaim, "what the provider says of that user under NAME, in lower case: in the ID token, or else in the answer of userinfo; elements of arrays are joined by commas"),
    single_entry("oidc_id_token", BuiltIn::Login(LoginPart::IdToken), "that user's ID token"),
    single_entry("oidc_userinfo", BuiltIn::Login(LoginPart::Userinfo), "the answer of userinfo, JSON, where `oidc_provider.userinfo` is on"),
    single_entry("otel_parent_id", BuiltIn::Trace(Trace::ParentId), "the id of the span that the request came from, if `trace.context` has it read"),
    single_entry("otel_parent_sampled", BuiltIn::Trace(Trace::ParentSampled), "`1` if that span is recorded, else `0`"),
    single_entry("otel_span_id", BuiltIn::Trace(Trace::SpanId), "the id of the request's span, 16 hexadecimal digits"),
    single_entry("otel_trace_id", BuiltIn::Trace(Trace::Id), "the id of the trace that the request belongs to, 32 hexadecimal digits"),
    single_entry("pid", BuiltIn::Constant(Constant::Pid), "the process's number").everywhere(),
    single_entry("pipe", BuiltIn::Constant(Constant::Pipe), "always `.`: whether a request was pipelined is not told"),
    single_entry("propylon_version", BuiltIn::Constant(Constant::PropylonVersion), "the version of propylon").everywhere(),
    single_entry("protocol", BuiltIn::Protocol, "what a stream passes on: `TCP` or `UDP`").of_streams(),
    single_entry("proxy_add_x_forwarded_for", BuiltIn::ProxyAddXForwardedFor, "the request's X-Forwarded-For with the client's address appended"),
    single_entry("proxy_host", BuiltIn::ProxyHost, "host and port as proxy_pass has them"),
    single_entry("proxy_port", BuiltIn::ProxyPort, "the port that proxy_pass has, or its scheme's"),
    single_entry("proxy_protocol_addr", BuiltIn::Proxied(Proxied::Addr), "the client's address that the PROXY protocol told").everywhere(),
    single_entry("proxy_protocol_port", BuiltIn::Proxied(Proxied::Port), "the client's port that the PROXY protocol told").everywhere(),
    single_entry("proxy_protocol_server_addr", BuiltIn::Proxied(Proxied::ServerAddr), "the server's address that the PROXY protocol told").everywhere(),
    single_entry("proxy_protocol_server_port", BuiltIn::Proxied(Proxied::ServerPort), "the server's port that the PROXY protocol told").everywhere(),
    family_entry("proxy_protocol_tlv_NAME", Family::ProxyProtocolTlv, "the TLV NAME that the PROXY protocol told: `alpn`, `authority`, `unique_id`, `ssl`, `netns`, `ssl_verify`, `ssl_version`, `ssl_cn`, `ssl_cipher`, `ssl_sig_alg`, `ssl_key_alg`, or a number as `0xee`").everywhere(),
    single_entry("query_string", BuiltIn::Args, "the same as $args"),
    single_entry("realip_remote_addr", BuiltIn::Wire(Wire::RealipRemoteAddr), "the address that the connection came from").everywhere(),
    single_entry("realip_remote_port", BuiltIn::Wire(Wire::RealipRemotePort), "the port that the connection came from").everywhere(),
    single_entry("realpath_root", BuiltIn::RealpathRoot, "the same with all symbolic links resolved"),
    single_entry("remote_addr", BuiltIn::Wire(Wire::RemoteAddr), "the client's address").everywhere(),
    single_entry("remote_port", BuiltIn::Wire(Wire::RemotePort), "the client's port").everywhere(),
    single_entry("remote_user", BuiltIn::RemoteUser, "the name that basic authentication supplied"),
    single_entry("request", BuiltIn::Request, "the request line"),
    single_entry("request_body", BuiltIn::RequestBody, "the request's body, once a `proxy_pass` has read it; nothing if it was not kept in memory"),
    later("request_body_file", "the file that holds the request's body"),
    single_entry("request_completion", BuiltIn::Text(Text::RequestCompletion), "`OK` once the whole response was sent, else empty"),
    single_entry("request_filename", BuiltIn::RequestFilename, "the name of the file that the request is for"),
    single_entry("request_id", BuiltIn::RequestId, "a random name of this request, 32 hexadecimal digits"),
    single_entry("request_length", BuiltIn::Count(Count::RequestLength), "bytes of the request, head and body"),
    single_entry("request_method", BuiltIn::Text(Text::RequestMethod), "the request's method"),
    single_entry("request_port", BuiltIn::RequestPort, "the port that the client asked for, in its request line or in Host"),
    single_entry("request_time", BuiltIn::RequestTime, "time since the request's first byte, in seconds with milliseconds"),
    single_entry("request_uri", BuiltIn::Text(Text::RequestUri), "the request's path and arguments as they came"),
    single_entry("scheme", BuiltIn::Text(Text::Scheme), "`http` or `https`"),
    single_entry("secure_link", BuiltIn::SecureLink, "`1` if the request's link was made with the secret, `0` if it is good no more, else empty; with `secure_link.secret` the link behind its hash"),
    single_entry("secure_link_expires", BuiltIn::SecureLinkExpires, "until when the request's link is good, in seconds since 1970"),
    family_entry("sent_http_NAME", Family::SentHeader, "the field NAME of the response to the client"),
    family_entry("sent_trailer_NAME", Family::SentTrailer, "the trailer field NAME of the response to the client"),
    single_entry("server_addr", BuiltIn::Wire(Wire::ServerAddr), "the address that accepted the connection").everywhere(),
    single_entry("server_name", BuiltIn::Text(Text::ServerName), "the first name of the server that was chosen"),
    single_entry("server_port", BuiltIn::Wire(Wire::ServerPort), "the port that accepted the connection").everywhere(),
    single_entry("server_protocol", BuiltIn::Text(Text::ServerProtocol), "the request's protocol, as `HTTP/1.1`"),
    single_entry("session_time", BuiltIn::RequestTime, "how long a stream's connection exists, in seconds with milliseconds").of_streams(),
    single_entry("slice_range", BuiltIn::SliceRange, "the slice that an upstream is asked for, as `bytes=0-1048575`; empty where `slice` is not set"),
    tls_entry("ssl_alpn_protocol", Tls::Alpn, "the protocol that ALPN chose"),
    tls_entry("ssl_cipher", Tls::Cipher, "the cipher of the client's connection"),
    tls_entry("ssl_ciphers", Tls::OfferedCiphers, "the ciphers that the client offered"),
    tls_entry("ssl_client_cert", Tls::Client(Client::Indented), "the client's certificate, all lines but the first indented"),
    tls_entry("ssl_client_escaped_cert", Tls::Client(Client::Escaped), "the client's certificate, escaped"),
    tls_entry("ssl_client_fingerprint", Tls::Client(Client::Fingerprint), "the SHA1 of the client's certificate"),
    tls_entry("ssl_client_i_dn", Tls::Client(Client::Issuer), "the issuer of the client's certificate (RFC 2253)"),
    tls_entry("ssl_client_i_dn_legacy", Tls::Client(Client::IssuerLegacy), "the same with slashes"),
    tls_entry("ssl_client_raw_cert", Tls::Client(Client::Pem), "the client's certificate as PEM"),
    tls_entry("ssl_client_s_dn", Tls::Client(Client::Subject), "the subject of the client's certificate (RFC 2253)"),
    tls_entry("ssl_client_s_dn_legacy", Tls::Client(Client::SubjectLegacy), "the same with slashes"),
    tls_entry("ssl_client_serial", Tls::Client(Client::Serial), "the serial number of the client's certificate"),
    never("ssl_client_sigalg", "the signature algorithm of the client's certificate: the TLS library does not tell"),
    tls_entry("ssl_client_v_end", Tls::Client(Client::End), "when the client's certificate ends"),
    tls_entry("ssl_client_v_remain", Tls::Client(Client::Remain), "days until the client's certificate ends"),
    tls_entry("ssl_client_v_start", Tls::Client(Client::Start), "when the client's certificate began"),
    tls_entry("ssl_client_verify", Tls::Verify, "`SUCCESS`, `FAILED:reason`, or `NONE` without a certificate"),
    tls_entry("ssl_curve", Tls::Curve, "the curve of the key exchange"),
    tls_entry("ssl_curves", Tls::OfferedCurves, "the curves that the client offered"),
    tls_entry("ssl_early_data", Tls::EarlyData, "always empty: TLS early data is not taken"),
    single_entry("ssl_preread_alpn_protocols", BuiltIn::Preread(Preread::AlpnProtocols), "the protocols that ALPN offers in a stream's first bytes, with a comma between two, where `stream.preread` is on").of_streams(),
    single_entry("ssl_preread_protocol", BuiltIn::Preread(Preread::Protocol), "the highest TLS version that the client offers in them, as `TLSv1.3`").of_streams(),
    single_entry("ssl_preread_server_name", BuiltIn::Preread(Preread::ServerName), "the name that SNI asks for in them").of_streams(),
    tls_entry("ssl_protocol", Tls::Protocol, "the TLS version"),
    tls_entry("ssl_server_name", Tls::ServerName, "the name that SNI asked for"),
    tls_entry("ssl_session_id", Tls::SessionId, "a name of the TLS session, which both ends can derive (RFC 5705); another one when it is resumed"),
    tls_entry("ssl_session_reused", Tls::SessionReused, "`r` if the TLS session was reused, else `.`"),
    never("ssl_sigalg", "the signature algorithm of the server's certificate: the TLS library does not tell"),
    single_entry("status", BuiltIn::Status, "the status sent to the client").everywhere(),
    later("tcpinfo_rcv_space", "TCP's figure for the client's connection"),
    later("tcpinfo_rtt", "TCP's figure for the client's connection"),
    later("tcpinfo_rttvar", "TCP's figure for the client's connection"),
    later("tcpinfo_snd_cwnd", "TCP's figure for the client's connection"),
    single_entry("time_iso8601", BuiltIn::TimeIso8601, "local time as `1970-09-28T12:00:00+06:00`").everywhere(),
    single_entry("time_local", BuiltIn::TimeLocal, "local time as `28/Sep/1970:12:00:00 +0600`").everywhere(),
    single_entry("uid_got", BuiltIn::UidGot, "the cookie of `userid` that the client has, as `uid=` and 32 hexadecimal digits"),
    single_entry("uid_set", BuiltIn::UidSet, "the cookie of `userid` that the client gets, in the same form"),
    single_entry("upstream_addr", BuiltIn::Upstream(Column::Address), "the peers that were tried").everywhere(),
    single_entry("upstream_bytes_received", BuiltIn::Upstream(Column::BytesReceived), "bytes received from each").everywhere(),
    single_entry("upstream_bytes_sent", BuiltIn::Upstream(Column::BytesSent), "bytes sent to each").everywhere(),
    single_entry("upstream_cache_etag", BuiltIn::UpstreamCacheEtag, "the entity tag of the stored response that the upstream is asked about"),
    single_entry("upstream_cache_last_modified", BuiltIn::UpstreamCacheLastModified, "when that was last modified"),
    single_entry("upstream_cache_status", BuiltIn::UpstreamCacheStatus, "how the cache took part"),
    single_entry("upstream_connect_time", BuiltIn::Upstream(Column::ConnectTime), "time to connect to each, TLS included").everywhere(),
    family_entry("upstream_cookie_NAME", Family::UpstreamCookie, "the cookie NAME that the last response sets"),
    single_entry("upstream_first_byte_time", BuiltIn::Upstream(Column::HeaderTime), "time to the first byte of each, in a stream").of_streams(),
    single_entry("upstream_header_time", BuiltIn::Upstream(Column::HeaderTime), "time to the response head of each"),
    family_entry("upstream_http_NAME", Family::UpstreamHeader, "the field NAME of the last response"),
    single_entry("upstream_last_addr", BuiltIn::UpstreamLastAddr, "the peer that was tried last").everywhere(),
    single_entry("upstream_queue_time", BuiltIn::Upstream(Column::QueueTime), "time spent waiting for each").everywhere(),
    single_entry("upstream_response_length", BuiltIn::Upstream(Column::ResponseLength), "bytes of response body from each"),
    single_entry("upstream_response_time", BuiltIn::Upstream(Column::ResponseTime), "time to the end of the response of each"),
    single_entry("upstream_session_time", BuiltIn::Upstream(Column::ResponseTime), "how long the connection to each existed, in a stream").of_streams(),
    single_entry("upstream_status", BuiltIn::Upstream(Column::Status), "the status of each, or the one that stands for its failure"),
    family_entry("upstream_trailer_NAME", Family::UpstreamTrailer, "the trailer field NAME of the last response"),
    single_entry("uri", BuiltIn::Uri, "the request's path now: decoded, normalised, rewritten"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_no_name_twice() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn names_near() {
        fn check(name: &str, expected: Option<&str>) {
            assert_eq!(nearest(name, ["backend_pool"].into_iter()).as_deref(), expected, "{name}");
        }
        check("hots", Some("host"));
        check("remote_add", Some("remote_addr"));
        check("remoteaddr", Some("remote_addr"));
        check("backed_pool", Some("backend_pool"));
        check("upstream_response_tiem", Some("upstream_response_time"));
        check("htp_x_forwarded_for", Some("http_x_forwarded_for"));
        check("upstrem_http_etag", Some("upstream_http_etag"));
        check("sent_htpp_etag", Some("sent_http_etag"));
        check("something_else", None);
        check("x", None);
        check("", None);
    }

    #[test]
    fn distances() {
        fn check(a: &str, b: &str, expected: usize) {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
        check("", "abc", 3);
        check("host", "host", 0);
        check("hots", "host", 1);
        check("hst", "host", 1);
        check("kitten", "sitting", 3);
    }
}
