//! Modules of nginx that are not built, now or ever.

use crate::context::Contexts;
use crate::row::{ANY, BLOCK_ANY, NONE, Row};

const LOCATION: Contexts = Contexts::LOCATION;
const LEVELS: Contexts = Contexts::LEVELS;

const OTHER: &str = "only HTTP, FastCGI, uwsgi, SCGI, gRPC and memcached upstreams are supported: for another \
                     protocol, put a gateway that speaks it before the application";
const GUNZIP: &str =
    "responses are not decompressed: clients that do not accept gzip would get them compressed";
const BODY: &str = "not supported: the body filters are `sub_filter`, `charset`, `ssi`, `add_before_body` and `add_after_body`";
const NEVER: &str = "not supported";
const SCRIPTS: &str = "JavaScript is not supported";
const LUA: &str = "Lua is not supported";
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
    LEVELS, ANY, refused, NEVER: "perl" "limit_proxy";
    LEVELS, ANY, refused, SCRIPTS: "js_content" "js_header_filter" "js_body_filter" "js_set" "js_import" "js_include" "js_path"
        "js_var" "js_periodic" "js_preload_object" "js_shared_dict_zone" "js_context_reuse" "js_engine"
        "js_fetch_buffer_size" "js_fetch_ciphers" "js_fetch_keepalive" "js_fetch_keepalive_requests" "js_fetch_keepalive_time"
        "js_fetch_keepalive_timeout" "js_fetch_max_response_buffer_size" "js_fetch_protocols" "js_fetch_proxy"
        "js_fetch_timeout" "js_fetch_trusted_certificate" "js_fetch_verify" "js_fetch_verify_depth";
    LEVELS, BLOCK_ANY, refused, LUA: "init_by_lua_block" "init_worker_by_lua_block" "set_by_lua_block" "rewrite_by_lua_block"
        "access_by_lua_block" "content_by_lua_block" "header_filter_by_lua_block" "body_filter_by_lua_block" "log_by_lua_block"
        "ssl_certificate_by_lua_block" "server_rewrite_by_lua_block";
    LEVELS, ANY, refused, LUA: "init_by_lua_file" "init_worker_by_lua_file" "set_by_lua_file" "rewrite_by_lua_file"
        "access_by_lua_file" "content_by_lua_file" "header_filter_by_lua_file" "body_filter_by_lua_file" "log_by_lua_file"
        "lua_shared_dict" "lua_package_path" "lua_package_cpath" "lua_code_cache" "lua_ssl_trusted_certificate"
        "lua_ssl_verify_depth" "lua_socket_log_errors";
    LOCATION, NONE, refused, NEVER: "flv" "mp4";
    SERVER_LOCATION, ANY, refused, API: "status" "status_format" "upstream_conf" "dashboard";
};

const SERVER_LOCATION: Contexts = Contexts::SERVER.or(Contexts::LOCATION);
const INNER: Contexts = Contexts::INNER.or(Contexts::LIMIT_EXCEPT);
