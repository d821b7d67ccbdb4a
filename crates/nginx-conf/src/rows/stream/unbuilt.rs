//! Directives of streams that are not supported.

use crate::context::Contexts;
use crate::row::{ANY, BLOCK_TWO, Row, SOME};

const STREAM: Contexts = Contexts::STREAM;
const STREAMS: Contexts = Contexts::STREAMS;
const GROUP: Contexts = Contexts::STREAM_UPSTREAM;

const NAMES: &str = "selecting a server by name is not supported: use one `server` block per address, with a `map` of `$ssl_preread_server_name` in `proxy_pass`";
const PASS: &str =
    "connections cannot be passed to another `server` block directly: use `proxy_pass` with its address";
const NEVER: &str = "not supported";
const SCRIPTS: &str = "JavaScript is not supported";
const MQTT: &str = "MQTT is not parsed: it is passed on unchanged";
const SYNC: &str = "zones are not synchronised between machines: only caches can be shared, in Redis";
const ALPN: &str = "ALPN is not supported in streams: no protocol is negotiated";
const DROP: &str = "connections to a removed server stay open until one side closes them";

macro_rules! rows {
    ($($contexts:ident, $args:expr, $note:ident: $($name:literal)*;)*) => {
        &[$($(Row::refused($name, $contexts, $args, $note),)*)*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    STREAMS, SOME, NAMES: "server_name";
    STREAMS, SOME, PASS: "pass";
    STREAMS, ANY, NEVER: "set" "proxy_protocol_version" "proxy_protocol_tlv";
    STREAMS, ANY, DROP: "proxy_session_drop";
    STREAMS, SOME, ALPN: "ssl_alpn" "proxy_ssl_alpn";
    STREAM, BLOCK_TWO, NEVER: "num_map";
    GROUP, ANY, NEVER: "ip_hash" "queue" "keepalive" "sticky";
    STREAMS, ANY, SCRIPTS: "js_access" "js_preread" "js_filter" "js_import" "js_include" "js_path" "js_set" "js_var"
        "js_periodic" "js_preload_object" "js_shared_dict_zone" "js_context_reuse" "js_engine" "js_fetch_buffer_size"
        "js_fetch_ciphers" "js_fetch_keepalive" "js_fetch_keepalive_requests" "js_fetch_keepalive_time"
        "js_fetch_keepalive_timeout" "js_fetch_max_response_buffer_size" "js_fetch_protocols" "js_fetch_proxy"
        "js_fetch_timeout" "js_fetch_trusted_certificate" "js_fetch_verify" "js_fetch_verify_depth";
    STREAMS, ANY, MQTT: "mqtt" "mqtt_buffers" "mqtt_rewrite_buffer_size" "mqtt_set_connect" "mqtt_preread";
    STREAMS, ANY, SYNC: "zone_sync" "zone_sync_buffers" "zone_sync_connect_retry_interval" "zone_sync_connect_timeout"
        "zone_sync_interval" "zone_sync_recv_buffer_size" "zone_sync_server" "zone_sync_ssl" "zone_sync_ssl_certificate"
        "zone_sync_ssl_certificate_key" "zone_sync_ssl_ciphers" "zone_sync_ssl_conf_command" "zone_sync_ssl_crl"
        "zone_sync_ssl_name" "zone_sync_ssl_password_file" "zone_sync_ssl_protocols" "zone_sync_ssl_server_name"
        "zone_sync_ssl_trusted_certificate" "zone_sync_ssl_verify" "zone_sync_ssl_verify_depth" "zone_sync_timeout";
};
