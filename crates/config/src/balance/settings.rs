//! A group's keys as text: what `check --dump` and `explain` print.

use std::fmt::Write;

use propylon_vars::Template;
use toml::de::DeTable;

use super::tables::UPSTREAM;
use super::{
    Better, ExpectedAnswer, HeaderMatch, HealthCheck, Method, Sticky, StickyExpires, Upstream,
    UpstreamServer, ValueMatch,
};
use crate::dump::resolver_keys;
use crate::effective::{Level, Origin, Setting};
use crate::reader::{Context, quote};
use crate::source::Span;

impl Upstream {
    /// All keys but `server`, in the order of the reference page.
    ///
    /// ```
    /// let text = "[upstream.app]\nserver = [{ address = \"127.0.0.1:81\" }]\nkeepalive = 8\n[[server]]\nreturn = [204]\n";
    /// let config = propylon_config::parse(text, "test.toml").unwrap().config;
    /// let settings = config.upstreams["app"].settings();
    /// assert!(settings.iter().any(|setting| setting.to_string() == "keepalive = 8 # line 3, [upstream.NAME]"));
    /// assert!(settings.iter().any(|setting| setting.to_string() == "method = \"round_robin\" # default"));
    /// ```
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let keys = UPSTREAM.keys.iter().filter(|key| key.name != "server");
        keys.map(|key| {
            let written = self.written.0.iter().find(|(name, _)| *name == key.name);
            Setting {
                key: key.name.into(),
                value: self.value(key.name).into(),
                origin: match written {
                    Some(&(_, span)) => Origin::Set { level: Level::Upstream, span },
                    None => Origin::Default,
                },
            }
        })
        .collect()
    }

    /// The value of a key as TOML, empty if there is none.
    fn value(&self, key: &str) -> String {
        let time = |time: std::time::Duration| format!("\"{}ms\"", time.as_millis());
        match key {
            "method" => method(&self.method),
            "queue" => self.queue.map_or_else(String::new, |queue| {
                format!("{{ size = {}, timeout = {} }}", queue.size, time(queue.timeout))
            }),
            "sticky" => self.sticky.as_ref().map(sticky_table).unwrap_or_default(),
            "resolver" => self.resolver.as_ref().map_or_else(String::new, |resolver| {
                let keys = resolver_keys(resolver).map(|keys| format!("{{ {} }}", keys.join(", ")));
                keys.unwrap_or_else(|| "false".into())
            }),
            "health_check" => self.health_check.as_ref().map(health_check).unwrap_or_default(),
            "state" => self.state.as_deref().map(|path| quote(&path.to_string_lossy())).unwrap_or_default(),
            "zone" => self.zone.as_deref().map(quote).unwrap_or_default(),
            "keepalive" => self.keepalive.to_string(),
            "keepalive_requests" => self.keepalive_requests.to_string(),
            "keepalive_time" => time(self.keepalive_time),
            "keepalive_timeout" => time(self.keepalive_timeout),
            "max_streams" => self.max_streams.to_string(),
            _ => String::new(),
        }
    }
}

/// The keys that were written, and where. Any two are equal: a default that is written down changes nothing.
#[derive(Clone, Debug)]
pub(super) struct Written(Vec<(&'static str, Span)>);

impl Written {
    pub(super) fn of(cx: &Context, table: &DeTable<'_>) -> Self {
        let place = |key: &'static str| Some((key, cx.span(table.get_key_value(key)?.0.span())));
        Self(UPSTREAM.keys.iter().filter_map(|key| place(key.name)).collect())
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl UpstreamServer {
    /// All its keys, as TOML.
    #[must_use]
    pub fn table(&self) -> String {
        server(self)
    }
}

fn server(server: &UpstreamServer) -> String {
    let mut text = format!(
        "{{ address = {}, weight = {}, max_conns = {}, max_fails = {}, fail_timeout = \"{}ms\", slow_start = \"{}ms\"",
        quote(&server.written),
        server.weight,
        server.max_conns,
        server.max_fails,
        server.fail_timeout.as_millis(),
        server.slow_start.as_millis(),
    );
    let flags = [
        ("backup", server.backup),
        ("down", server.down),
        ("drain", server.drain),
        ("resolve", server.resolve),
    ];
    for (name, _) in flags.iter().filter(|(_, on)| *on) {
        let _ = write!(text, ", {name} = true");
    }
    for (name, value) in [("service", &server.service), ("route", &server.route)] {
        if let Some(value) = value {
            let _ = write!(text, ", {name} = {}", quote(value));
        }
    }
    text + " }"
}

fn health_check(check: &HealthCheck) -> String {
    let port = check.port.map_or_else(String::new, |port| format!(", port = {port}"));
    // A check of streams has nothing of HTTP's, nor may it.
    let (uri, wanted) = match is_plain(check) {
        true => (String::new(), dialogue(check)),
        false => (format!("uri = {}, ", quote(&check.uri)), good_response(check)),
    };
    format!(
        "{{ interval = \"{}ms\", jitter = \"{}ms\", fails = {}, passes = {}, {uri}timeout = \"{}ms\"{port}, \
         mandatory = {}, persistent = {}, match = {{ {wanted} }} }}",
        check.interval.as_millis(),
        check.jitter.as_millis(),
        check.fails,
        check.passes,
        check.timeout.as_millis(),
        check.mandatory,
        check.persistent,
    )
}

/// Whether all that is about HTTP is as it is by default.
fn is_plain(check: &HealthCheck) -> bool {
    let usual = check.status == [(200, 399)] && check.not_status.is_empty();
    &*check.uri == "/" && usual && check.headers.is_empty() && check.body.is_none()
}

fn dialogue(check: &HealthCheck) -> String {
    let send = (!check.send.is_empty()).then(|| format!("send = {}", quote(&escaped(&check.send))));
    let expect = check.expect.as_ref().map(|expect| match expect {
        ExpectedAnswer::Begins(text) => match text.strip_prefix(b"~") {
            Some(rest) => format!("\\x7e{}", escaped(rest)),
            None => escaped(text),
        },
        ExpectedAnswer::Matches(pattern) => match pattern.strip_prefix("(?i)") {
            Some(pattern) => format!("~* {pattern}"),
            None => format!("~ {pattern}"),
        },
    });
    let expect = expect.map(|expect| format!("expect = {}", quote(&expect)));
    send.into_iter().chain(expect).collect::<Vec<_>>().join(", ")
}

/// Bytes as text, in which `\xHH` is one.
fn escaped(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b' '..=b'~' if *byte != b'\\' => char::from(*byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

fn good_response(check: &HealthCheck) -> String {
    let ranges = [("", &check.status), ("!", &check.not_status)];
    let status: Vec<String> = ranges
        .into_iter()
        .flat_map(|(not, ranges)| ranges.iter().map(move |(first, last)| format!("\"{not}{first}-{last}\"")))
        .collect();
    let headers: Vec<String> = check.headers.iter().map(header).collect();
    let body = check.body.as_ref().map_or_else(String::new, |body| {
        let not = if body.found { "" } else { "!" };
        format!(", body = {}", quote(&format!("{not}{}", body.pattern)))
    });
    format!("status = [{}], headers = [{}]{body}", status.join(", "), headers.join(", "))
}

fn header(header: &HeaderMatch) -> String {
    let not = if header.is { "" } else { "!" };
    quote(&match &header.value {
        None => format!("{not}{}", header.name),
        Some(ValueMatch::Equals(text)) => format!("{} {not}= {text}", header.name),
        Some(ValueMatch::Matches(regex)) => format!("{} {not}~ {regex}", header.name),
    })
}

fn sticky_table(sticky: &Sticky) -> String {
    let list = |templates: &[Template]| {
        let texts: Vec<String> = templates.iter().map(|template| quote(template.source())).collect();
        format!("[{}]", texts.join(", "))
    };
    match sticky {
        Sticky::Route(templates) => format!("{{ route = {} }}", list(templates)),
        Sticky::Learn(learn) => format!(
            "{{ learn = {{ create = {}, lookup = {}, zone = {}, timeout = \"{}ms\", header = {} }} }}",
            list(&learn.create),
            list(&learn.lookup),
            learn.zone,
            learn.timeout.as_millis(),
            learn.header,
        ),
        Sticky::Cookie(cookie) => {
            let mut text = format!("{{ cookie = {{ name = {}", quote(&cookie.name));
            let expires = cookie.expires.map(|expires| match expires {
                StickyExpires::Max => "max".into(),
                StickyExpires::After(time) => format!("{}ms", time.as_millis()),
            });
            let domain = cookie.domain.as_ref().map(|domain| domain.source().to_owned());
            let samesite = cookie.samesite.as_ref().map(|samesite| samesite.source().to_owned());
            let path = cookie.path.as_ref().map(|path| path.to_string());
            let keys = [("expires", expires), ("domain", domain), ("path", path), ("samesite", samesite)];
            for (name, value) in keys.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                let _ = write!(text, ", {name} = {}", quote(&value));
            }
            format!("{text}, secure = {}, httponly = {} }} }}", cookie.secure, cookie.httponly)
        }
    }
}

fn method(method: &Method) -> String {
    let better = |better: &Better| match better {
        Better::LeastConn => "least_conn",
        Better::Header | Better::HeaderInflight => "header",
        Better::LastByte | Better::LastByteInflight => "last_byte",
    };
    match method {
        Method::RoundRobin => quote("round_robin"),
        Method::LeastConn => quote("least_conn"),
        Method::IpHash => quote("ip_hash"),
        Method::Random => quote("random"),
        Method::PeakEwma => quote("peak_ewma"),
        Method::Hash { key, consistent } => {
            format!("{{ hash = {}, consistent = {consistent} }}", quote(key.source()))
        }
        Method::RandomTwo(Better::LeastConn) => "{ random = \"two\", by = \"least_conn\" }".into(),
        Method::RandomTwo(by) => format!("{{ random = \"two\", by = \"least_time={}\" }}", better(by)),
        Method::LeastTime(by) => {
            let inflight = matches!(by, Better::HeaderInflight | Better::LastByteInflight);
            format!("{{ least_time = {}, inflight = {inflight} }}", quote(better(by)))
        }
    }
}
