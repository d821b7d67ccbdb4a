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
    doc: "Which responses of upstreams are kept, and answer later requests.",
    keys: &[
        Key {
            name: "zone",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_cache, fastcgi_cache",
            doc: "The `[cache_zone.NAME]` that they are kept in, which may be chosen by variables; \"off\" or not set: they are not \
                  kept.",
        },
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_cache_key, fastcgi_cache_key",
            doc: "What tells responses apart; not set: the scheme and the host that the client asks for, and the upstream and the \
                  target that it is asked for; in nginx the latter alone.",
        },
        Key {
            name: "valid",
            kind: Kind::Either(&[Kind::Duration { zero: true }, Kind::Names(&Kind::Duration { zero: true })]),
            need: Need::Default("{}"),
            nginx: "proxy_cache_valid, fastcgi_cache_valid",
            doc: "How long responses are fresh that do not say so themselves: { \"200 302\" = \"10m\", any = \"1m\" }, the first that \
                  has the status; \"10m\" alone: 200, 301 and 302. \"0\": they are not kept.",
        },
        Key {
            name: "methods",
            kind: Kind::List(&Kind::Choice { built: &["GET", "HEAD", "POST"], unbuilt: &[] }),
            need: Need::Default("[\"GET\", \"HEAD\"]"),
            nginx: "proxy_cache_methods, fastcgi_cache_methods",
            doc: "Which requests are answered from the cache; GET and HEAD always. With POST `key` should have `$request_body`.",
        },
        Key {
            name: "min_uses",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1"),
            nginx: "proxy_cache_min_uses, fastcgi_cache_min_uses",
            doc: "At which request for it something is kept.",
        },
        Key {
            name: "bypass",
            kind: TEMPLATES,
            need: Need::Default("[]"),
            nginx: "proxy_cache_bypass, fastcgi_cache_bypass",
            doc: "A request for which one of these is neither empty nor 0 goes to the upstream; the response is kept.",
        },
        Key {
            name: "no_cache",
            kind: TEMPLATES,
            need: Need::Default("[]"),
            nginx: "proxy_no_cache, fastcgi_no_cache",
            doc: "A response for which one of these is neither empty nor 0 is not kept.",
        },
        Key {
            name: "use_stale",
            kind: Kind::List(&Kind::Choice { built: CACHE_STALE, unbuilt: &[] }),
            need: Need::Optional,
            nginx: "proxy_cache_use_stale, fastcgi_cache_use_stale",
            doc: "When a response that is no longer fresh serves all the same: the upstream fails with this, or \"updating\": another \
                  request fetches it. Not set: by `mode`: [\"error\", \"timeout\", \"invalid_header\", \"http_500\", \"http_502\", \
                  \"http_503\", \"http_504\"], in nginx []. [\"off\"] or []: never, unless the response itself says so \
                  (stale-if-error, stale-while-revalidate).",
        },
        Key {
            name: "lock",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_cache_lock, fastcgi_cache_lock",
            doc: "Whether of several requests for what is not kept one goes to the upstream, and the others wait for its response. \
                  In mode \"rfc\" they have it while it comes, unless `buffer.response` is false: then, as in nginx, when all \
                  of it is there, for it comes as fast as the first client takes it. So it does, and all who have it with that \
                  client are as slow, with X-Accel-Buffering: no, and behind `buffer.max_temp_file_size`.",
        },
        Key {
            name: "lock_timeout",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"5s\""),
            nginx: "proxy_cache_lock_timeout, fastcgi_cache_lock_timeout",
            doc: "How long they wait; after that they go to the upstream, and what they get is not kept.",
        },
        Key {
            name: "lock_age",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"5s\""),
            nginx: "proxy_cache_lock_age, fastcgi_cache_lock_age",
            doc: "After how long one more of them goes, whose response is kept.",
        },
        Key {
            name: "background_update",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_cache_background_update, fastcgi_cache_background_update",
            doc: "Whether a response that is not fresh, and may serve while it is fetched anew (\"updating\", stale-while-revalidate), \
                  serves the request that finds it so too, and is fetched beside it.",
        },
        Key {
            name: "revalidate",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "proxy_cache_revalidate, fastcgi_cache_revalidate",
            doc: "Whether the upstream is asked, by `If-None-Match` and `If-Modified-Since`, if what is no longer fresh is still good. Not \
                  set: yes, in nginx no.",
        },
        Key {
            name: "convert_head",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_cache_convert_head, fastcgi_cache_convert_head",
            doc: "Whether HEAD goes to the upstream as GET, to keep the response; if not, `key` should have `$request_method`.",
        },
        Key {
            name: "max_range_offset",
            kind: Kind::Size,
            need: Need::Optional,
            nginx: "proxy_cache_max_range_offset, fastcgi_cache_max_range_offset",
            doc: "A range that begins after it, of what is not kept, goes to the upstream as it is, and nothing is kept. Not set: all is \
                  fetched.",
        },
        Key {
            name: "mode",
            kind: Kind::Choice { built: &["rfc", "nginx"], unbuilt: &[] },
            need: Need::Default("\"rfc\""),
            nginx: "",
            doc: "\"rfc\": as RFC 9111 has it; \"nginx\": as nginx does it. The keys below, `use_stale` and `revalidate` go by it \
                  where they are not set.",
        },
        Key {
            name: "set_cookie",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Whether responses with `Set-Cookie` are kept; if not, `headers.ignore` may say so. Not set: yes, in nginx no.",
        },
        Key {
            name: "request_directives",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Whether clients' `Cache-Control` and `Pragma` are obeyed: clients can get past the cache then. Not set: yes, in nginx no.",
        },
        Key {
            name: "heuristic",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Whether a response that says nothing but when it was last modified is fresh for a tenth of the time since. Not set: yes, \
                  in nginx no.",
        },
        Key {
            name: "invalidate",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Whether a request that changes something (POST, PUT, DELETE …) and succeeds removes what is kept under its target. Not set: \
                  yes, in nginx no.",
        },
        Key {
            name: "guard_stale",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Whether a response's `must-revalidate`, `proxy-revalidate`, `s-maxage` or `no-cache` forbids what `use_stale` allows. Not \
                  set: yes, in nginx no.",
        },
        Key {
            name: "update_fields",
            kind: SWITCH,
            need: Need::Optional,
            nginx: "",
            doc: "Whether the fields of a 304 take the place of those that are kept. Not set: yes, in nginx no.",
        },
        Key {
            name: "targeted",
            kind: Kind::List(&Kind::Text { hint: "a header name such as \"CDN-Cache-Control\"" }),
            need: Need::Optional,
            nginx: "",
            doc: "Fields (RFC 9213) of which the first one that a response has counts alone, whatever `Cache-Control` and `Expires` say. Not \
                  set: [\"CDN-Cache-Control\"], in nginx [].",
        },
        Key {
            name: "status",
            kind: Kind::Either(&[Kind::Bool, Kind::Text { hint: "a name for this cache" }]),
            need: Need::Optional,
            nginx: "",
            doc: "Whether responses tell in `Cache-Status` (RFC 9211) what the cache did, and its name there; true: \"propylon\". Not set: \
                  true, in nginx false.",
        },
        Key {
            name: "purge",
            kind: Kind::Either(&[Kind::Bool, Kind::Table(&purge::PURGE)]),
            need: Need::Default("false"),
            nginx: "proxy_cache_purge, fastcgi_cache_purge",
            doc: "Which requests remove what is kept of what they name; true: PURGE from this machine.",
        },
    ],
    unbuilt: &[],
};
