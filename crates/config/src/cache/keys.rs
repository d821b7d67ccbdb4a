//! The keys of the table `cache`.

use super::purge;
use crate::key::{Key, Kind, Need, Table};

/// What `cache.use_stale` may list, which is what nginx knows as well.
pub const CACHE_STALE: &[&str] = &[
    "error",
    "timeout",
    "invalid_header",
    "updating",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_403",
    "http_404",
    "http_429",
    "off",
];

const TEMPLATES: Kind = Kind::List(&Kind::Template);
const SWITCH: Kind = Kind::Bool;
pub(crate) const TABLE: Table = Table {
    name: "cache",
    doc: "Caching of upstream responses.",
    keys: &[
        Key {
            name: "zone",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_cache, fastcgi_cache",
            doc: "The name of the `[cache_zone.NAME]` to use; it may contain variables. \"off\" or unset: nothing is cached.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_cache_key, fastcgi_cache_key",
            doc: "The cache key. Default: the scheme and host that the client requested, followed by the upstream and the request target \
                  sent to it; in mode \"nginx\", only the latter two.",
        },
        Key {
            name: "valid",
            kind: Kind::Either(&[Kind::Duration { zero: true }, Kind::Names(&Kind::Duration { zero: true })]),
            need: Need::Default("{}"),
            nginx: "proxy_cache_valid, fastcgi_cache_valid",
            doc: "How long responses are fresh that do not state it themselves: { \"200 302\" = \"10m\", any = \"1m\" }; the first entry \
                  with the status applies. \"10m\" alone applies to 200, 301 and 302. \"0\": they are not cached.",
        },
        Key {
            name: "methods",
            kind: Kind::List(&Kind::Choice { built: &["GET", "HEAD", "POST"], unbuilt: &[] }),
            need: Need::Default("[\"GET\", \"HEAD\"]"),
            nginx: "proxy_cache_methods, fastcgi_cache_methods",
            doc: "The methods of requests that are answered from the cache; GET and HEAD are always included. With POST, `key` should \
                  contain `$request_body`.",
        },
        Key {
            name: "min_uses",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1"),
            nginx: "proxy_cache_min_uses, fastcgi_cache_min_uses",
            doc: "The number of requests for a key at which its response is cached; 1: at the first request.",
        },
        Key {
            name: "bypass",
            kind: TEMPLATES,
            need: Need::Default("[]"),
            nginx: "proxy_cache_bypass, fastcgi_cache_bypass",
            doc: "If one of these is neither empty nor 0, the request goes to the upstream; its response is cached.",
        },
        Key {
            name: "no_cache",
            kind: TEMPLATES,
            need: Need::Default("[]"),
            nginx: "proxy_no_cache, fastcgi_no_cache",
            doc: "If one of these is neither empty nor 0, the response is not cached.",
        },
        Key {
            name: "use_stale",
            kind: Kind::List(&Kind::Choice { built: CACHE_STALE, unbuilt: &[] }),
            need: Need::Optional,
            nginx: "proxy_cache_use_stale, fastcgi_cache_use_stale",
            doc: "When a stale response may be served: if the upstream fails in one of these ways or, with \"updating\", while another \
                  request fetches a new one. Default: [\"error\", \"timeout\", \"invalid_header\", \"http_500\", \"http_502\", \"http_503\", \
                  \"http_504\"]; in mode \"nginx\" []. [\"off\"] or []: never, unless the response itself allows it (stale-if-error, \
                  stale-while-revalidate).",
        },
        Key {
            name: "lock",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_cache_lock, fastcgi_cache_lock",
            doc: "Sends only one of several concurrent requests for an uncached response to the upstream; the others wait for its response. \
                  In mode \"rfc\" they receive it while it arrives, unless `buffer.response` is false: then, as in mode \"nginx\", they \
                  receive it when it is complete, because it arrives only as fast as the first client takes it. With `X-Accel-Buffering: \
                  no`, and beyond `buffer.max_temp_file_size`, it also arrives only that fast, and all clients that share it are as slow as \
                  the first one.",
        },
        Key {
            name: "lock_timeout",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"5s\""),
            nginx: "proxy_cache_lock_timeout, fastcgi_cache_lock_timeout",
            doc: "How long requests wait for the response. After that they go to the upstream, and their responses are not cached.",
        },
        Key {
            name: "lock_age",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"5s\""),
            nginx: "proxy_cache_lock_age, fastcgi_cache_lock_age",
            doc: "After this time one more of the waiting requests goes to the upstream, and its response is cached.",
        },
        Key {
            name: "background_update",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_cache_background_update, fastcgi_cache_background_update",
            doc: "Where a stale response may be served while a new one is fetched (\"updating\", stale-while-revalidate), serves it also to \
                  the request that finds it stale, and fetches the new one in the background.",
        },
        Key {
            name: "revalidate",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "proxy_cache_revalidate, fastcgi_cache_revalidate",
            doc: "Revalidates stale responses with the upstream, by `If-None-Match` and `If-Modified-Since`. Default: true; in mode \
                  \"nginx\" false.",
        },
        Key {
            name: "convert_head",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_cache_convert_head, fastcgi_cache_convert_head",
            doc: "Sends HEAD to the upstream as GET, in order to cache the response. If false, `key` should contain `$request_method`.",
        },
        Key {
            name: "max_range_offset",
            kind: Kind::Size,
            need: Need::Optional,
            nginx: "proxy_cache_max_range_offset, fastcgi_cache_max_range_offset",
            doc: "A request for a range that begins after this offset in an uncached response goes to the upstream unchanged, and nothing is \
                  cached. If unset, the whole response is fetched.",
        },
        Key {
            name: "mode",
            kind: Kind::Choice { built: &["rfc", "nginx"], unbuilt: &[] },
            need: Need::Default("\"rfc\""),
            nginx: "",
            doc: "\"rfc\": as RFC 9111 specifies; \"nginx\": as nginx does. The mode sets the defaults of the keys below and of `use_stale` \
                  and `revalidate`.",
        },
        Key {
            name: "set_cookie",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Caches responses with `Set-Cookie`. If false, they are cached only if `headers.ignore` contains `Set-Cookie`. Default: \
                  true; in mode \"nginx\" false.",
        },
        Key {
            name: "request_directives",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Obeys the clients' `Cache-Control` and `Pragma`, which lets them bypass the cache. Default: true; in mode \"nginx\" false.",
        },
        Key {
            name: "heuristic",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Treats a response that states only when it was last modified as fresh for a tenth of the time since then. Default: true; \
                  in mode \"nginx\" false.",
        },
        Key {
            name: "invalidate",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Removes the cached response for a target when a request that changes something there (POST, PUT, DELETE …) succeeds. \
                  Default: true; in mode \"nginx\" false.",
        },
        Key {
            name: "guard_stale",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Lets a response's `must-revalidate`, `proxy-revalidate`, `s-maxage` or `no-cache` forbid what `use_stale` allows. Default: \
                  true; in mode \"nginx\" false.",
        },
        Key {
            name: "update_fields",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Replaces the fields of a cached response with those of a 304. Default: true; in mode \"nginx\" false.",
        },
        Key {
            name: "targeted",
            kind: Kind::List(&Kind::Text { hint: "a header name such as \"CDN-Cache-Control\"" }),
            need: Need::Optional,
            nginx: "",
            doc: "Targeted fields (RFC 9213). The first of these that a response has applies alone; `Cache-Control` and `Expires` are then \
                  ignored. Default: [\"CDN-Cache-Control\"]; in mode \"nginx\" [].",
        },
        Key {
            name: "status",
            kind: Kind::Either(&[Kind::Bool, Kind::Text { hint: "a name for this cache" }]),
            need: Need::Optional,
            nginx: "",
            doc: "Adds `Cache-Status` (RFC 9211), which says what the cache did, to responses. A text is the name of the cache in it; true: \
                  \"propylon\". Default: true; in mode \"nginx\" false.",
        },
        Key {
            name: "purge",
            kind: Kind::Either(&[Kind::Bool, Kind::Table(&purge::PURGE)]),
            need: Need::Default("false"),
            nginx: "proxy_cache_purge, fastcgi_cache_purge",
            doc: "Which requests purge what is cached for their target; true: PURGE from this machine.",
        },
    ],
    unbuilt: &[],
};
