//! The table `cache`: which responses are kept and answered with; and the action `purge`.

mod keys;
mod purge;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method, StatusCode};
use propylon_vars::Template;
use toml::de::DeValue;

use crate::cache_zone::{self, CacheZone};
use crate::headers;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;
use crate::units;

pub use keys::CACHE_STALE;
pub(crate) use keys::TABLE;
pub(crate) use purge::{ACTION_KEY, allow, read_action};
pub use purge::{Purge, PurgeAllow, PurgeRequests, Purged};

/// Which responses are kept and answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// Where they are kept; none: nothing is.
    pub zone: Option<ZoneName>,
    /// What tells them apart; none: scheme, upstream and target.
    pub key: Option<Template>,
    /// How long they are fresh where they do not say so themselves.
    pub valid: Vec<Valid>,
    /// Which requests are looked at, GET and HEAD always.
    pub methods: Vec<Method>,
    /// How often something must be asked for before it is kept.
    pub min_uses: u32,
    /// What must be empty or 0 for a request to be answered from the cache.
    pub bypass: Vec<Template>,
    /// What must be empty or 0 for a response to be kept.
    pub no_cache: Vec<Template>,
    /// When a response that is not fresh serves all the same, in nginx's names.
    pub use_stale: Vec<&'static str>,
    /// Whether one request fetches what others wait for.
    pub lock: bool,
    /// How long those wait.
    pub lock_timeout: Duration,
    /// After how long another one fetches it too.
    pub lock_age: Duration,
    /// Whether what may be used while it is not fresh is fetched anew beside the request.
    pub background_update: bool,
    /// Whether the upstream is asked if what is kept is still good.
    pub revalidate: bool,
    /// Whether HEAD is sent as GET, to keep the response.
    pub convert_head: bool,
    /// From where on ranges go to the upstream.
    pub max_range_offset: Option<u64>,
    /// What differs between RFC 9111 and nginx.
    pub habits: Habits,
    /// What the cache calls itself in `Cache-Status`; none: the field is not sent.
    pub status: Option<Box<str>>,
    /// Which requests remove what they name.
    pub purge: Option<PurgeRequests>,
}

/// What differs between RFC 9111 and nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Habits {
    /// Whether everything else is as in nginx.
    pub nginx: bool,
    /// Whether responses with `Set-Cookie` are kept.
    pub set_cookie: bool,
    /// Whether clients' `Cache-Control` is obeyed.
    pub request_directives: bool,
    /// Whether responses that say nothing may be kept for a tenth of their age.
    pub heuristic: bool,
    /// Whether a request that changes something removes what is kept of it.
    pub invalidate: bool,
    /// Whether `must-revalidate` and the like forbid what `use_stale` allows.
    pub guard_stale: bool,
    /// Whether a 304 changes the fields that are kept.
    pub update_fields: bool,
    /// Fields that count in the place of `Cache-Control`.
    pub targeted: Vec<HeaderName>,
}

/// A zone.
#[derive(Clone, Debug, PartialEq)]
pub enum ZoneName {
    /// This one.
    Fixed(Arc<CacheZone>),
    /// The one that is called so then.
    Template(Template),
}

/// How long responses are fresh that do not say so themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid {
    /// Those with one of these statuses; none: all.
    pub codes: Option<Vec<StatusCode>>,
    /// So long; zero: they are not kept.
    pub time: Duration,
}

/// RFC 9111 4.2.4 allows it where nobody can be reached; RFC 5861 4 counts these statuses as such.
const STALE_BY_DEFAULT: [&str; 7] =
    ["error", "timeout", "invalid_header", "http_500", "http_502", "http_503", "http_504"];

impl Cache {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let nginx = scope.text("mode").is_some_and(|mode| &*mode.value == "nginx");
        let use_stale =
            scope.list("use_stale", |_, text, _| CACHE_STALE.iter().copied().find(|known| *known == text));
        let default = || if nginx { Vec::new() } else { STALE_BY_DEFAULT.to_vec() };
        let mut use_stale = use_stale.unwrap_or_else(default);
        if use_stale.contains(&"off") {
            use_stale.clear();
        }
        let mut methods =
            scope.list("methods", |_, text, _| Method::from_bytes(text.as_bytes()).ok()).unwrap_or_default();
        for always in [Method::GET, Method::HEAD] {
            if !methods.contains(&always) {
                methods.push(always);
            }
        }
        let min_uses = scope.integer("min_uses").and_then(|uses| u32::try_from(uses).ok());
        let unless_nginx = (!nginx).then(|| "propylon".into());
        Self {
            zone: scope.read("zone", zone).flatten(),
            key: scope.template("key"),
            valid: scope.read("valid", valid).unwrap_or_default(),
            methods,
            min_uses: min_uses.unwrap_or(1),
            bypass: templates(scope, "bypass"),
            no_cache: templates(scope, "no_cache"),
            use_stale,
            lock: scope.bool("lock"),
            lock_timeout: scope.duration("lock_timeout"),
            lock_age: scope.duration("lock_age"),
            background_update: scope.bool("background_update"),
            revalidate: switch(scope, "revalidate", nginx),
            convert_head: scope.bool("convert_head"),
            max_range_offset: scope.size_if_set("max_range_offset"),
            habits: Habits::read(scope, nginx),
            status: scope.read("status", headers::own_name).unwrap_or(unless_nginx),
            purge: scope.read("purge", purge::read).flatten(),
        }
    }
}

impl Habits {
    fn read(scope: &mut Scope<'_>, nginx: bool) -> Self {
        let targeted = scope.list("targeted", Context::header_name);
        let default = || match nginx {
            true => Vec::new(),
            false => vec![HeaderName::from_static("cdn-cache-control")],
        };
        let mut switch = |name| switch(scope, name, nginx);
        Self {
            nginx,
            set_cookie: switch("set_cookie"),
            request_directives: switch("request_directives"),
            heuristic: switch("heuristic"),
            invalidate: switch("invalidate"),
            guard_stale: switch("guard_stale"),
            update_fields: switch("update_fields"),
            targeted: targeted.unwrap_or_else(default),
        }
    }
}

/// What is on, unless everything is as in nginx.
fn switch(scope: &mut Scope<'_>, name: &'static str, nginx: bool) -> bool {
    scope.read(name, |_, value| value.get_ref().as_bool()).unwrap_or(!nginx)
}

fn templates(scope: &mut Scope<'_>, name: &'static str) -> Vec<Template> {
    scope.list(name, |cx, text, span| cx.template(text, &span)).unwrap_or_default()
}

/// `Some(None)`: off.
#[expect(clippy::option_option, reason = "an error was reported, or it is off, or on")]
fn zone(cx: &mut Context, value: &Value<'_>) -> Option<Option<ZoneName>> {
    let text = value.get_ref().as_str()?;
    if text == "off" {
        return Some(None);
    }
    if text.contains('$') {
        return cx.template_of(value).map(ZoneName::Template).map(Some);
    }
    let name = Spanned::new(text.into(), cx.span(value.span()));
    cache_zone::find(cx, &name).map(ZoneName::Fixed).map(Some)
}

fn valid(cx: &mut Context, value: &Value<'_>) -> Option<Vec<Valid>> {
    let time = |value: &Value<'_>| units::duration(value.get_ref().as_str()?).ok();
    let DeValue::Table(table) = value.get_ref() else {
        let codes = vec![StatusCode::OK, StatusCode::MOVED_PERMANENTLY, StatusCode::FOUND];
        return Some(vec![Valid { codes: Some(codes), time: time(value)? }]);
    };
    let rules = table.iter().filter_map(|(name, value)| {
        let codes = codes(cx, name.get_ref(), name.span())?;
        Some(Valid { codes, time: time(value)? })
    });
    Some(rules.collect())
}

/// `Some(None)`: all of them.
#[expect(clippy::option_option, reason = "an error was reported, or all are meant, or some")]
fn codes(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Option<Vec<StatusCode>>> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.contains(&"any") {
        return Some(None);
    }
    let code = |word: &&str| {
        let known = word.len() == 3 && word.starts_with(['1', '2', '3', '4', '5']);
        known.then(|| StatusCode::from_bytes(word.as_bytes()).ok()).flatten()
    };
    let codes: Option<Vec<StatusCode>> = words.iter().map(code).collect();
    let codes = codes.filter(|codes| !codes.is_empty());
    if codes.is_none() {
        let diagnostic = Diagnostic::at(span, format!("invalid statuses `{}`", text.escape_debug()));
        cx.push(diagnostic.label("expected \"any\", or statuses such as \"200 302\""));
    }
    Some(Some(codes?))
}
