//! What is not built of streams.

use crate::context::Contexts;
use crate::row::{ANY, BLOCK_TWO, Row, SOME};

const STREAM: Contexts = Contexts::STREAM;
const STREAMS: Contexts = Contexts::STREAMS;
const GROUP: Contexts = Contexts::STREAM_UPSTREAM;

const NAMES: &str = "several servers at one address are not told apart by name: write one, with a `map` of `$ssl_preread_server_name` that `proxy_pass` names";
const PASS: &str =
    "connections are not given to another server of the same process: `proxy_pass` to its address";
const NEVER: &str = "it is not built";
const SCRIPTS: &str = "there is no JavaScript";
const MQTT: &str = "nothing is known of MQTT: it is passed on as it is";
const SYNC: &str = "processes share nothing over the network but caches in Redis";
const ALPN: &str = "which protocols there are behind TLS is not known: clients that offer some get none";
const DROP: &str = "a connection stays until one of its ends closes it";

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
