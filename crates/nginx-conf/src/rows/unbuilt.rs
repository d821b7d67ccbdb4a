//! Modules of nginx that are not built, now or ever.

use crate::context::Contexts;
use crate::row::{ANY, NONE, Row};

const LOCATION: Contexts = Contexts::LOCATION;
const LEVELS: Contexts = Contexts::LEVELS;

const OTHER: &str = "only HTTP, FastCGI, uwsgi, SCGI, gRPC and memcached upstreams are supported: for another \
                     protocol, put a gateway that speaks it before the application";
const GUNZIP: &str =
    "responses are not decompressed: clients that do not accept gzip would get them compressed";
const BODY: &str = "not supported: the body filters are `sub_filter`, `charset`, `ssi`, `add_before_body` and `add_after_body`";
const NEVER: &str = "not supported";
const API: &str =
    "nginx has replaced it with `api`, which is supported; the page for operators is `[admin]` in the TOML";

macro_rules! rows {
    ($($contexts:ident, $args:expr, $verdict:ident, $note:ident: $($name:literal)*;)*) => {
        &[$($(Row::$verdict($name, $contexts, $args, $note),)*)*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    INNER, ANY, refused, OTHER: "tunnel_pass";
    LEVELS, ANY, refused, OTHER: "tunnel_connect_timeout" "tunnel_read_timeout" "tunnel_send_timeout" "tunnel_next_upstream"
        "tunnel_next_upstream_timeout" "tunnel_next_upstream_tries" "tunnel_bind" "tunnel_buffer_size";
    LEVELS, ANY, refused, GUNZIP: "gunzip";
    LEVELS, ANY, nothing, GUNZIP: "gunzip_buffers";
    LEVELS, ANY, refused, BODY: "xslt_stylesheet"
        "image_filter" "image_filter_buffer" "image_filter_interlace" "image_filter_jpeg_quality"
        "image_filter_sharpen" "image_filter_transparency" "image_filter_webp_quality";
    LEVELS, ANY, refused, NEVER: "perl" "js_content" "js_header_filter"
        "js_body_filter" "js_set" "js_import" "limit_proxy";
    LOCATION, NONE, refused, NEVER: "flv" "mp4";
    SERVER_LOCATION, ANY, refused, API: "status" "status_format" "upstream_conf" "dashboard";
};

const SERVER_LOCATION: Contexts = Contexts::SERVER.or(Contexts::LOCATION);
const INNER: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);
