//! What the targets do.

#[path = "../../crates/config/tests/fuzz/targets.rs"]
mod config;

#[path = "../../crates/cookie/tests/fuzz/targets.rs"]
mod cookie;

#[path = "../../crates/gateway/tests/fuzz/targets.rs"]
mod gateway;

#[path = "../../crates/h1/tests/fuzz/targets.rs"]
mod h1;

#[path = "../../crates/h3/tests/fuzz/targets.rs"]
mod h3;

#[path = "../../crates/nginx-conf/tests/fuzz/targets.rs"]
mod nginx_conf;

#[path = "../../crates/proxy-protocol/tests/fuzz/targets.rs"]
mod proxy_protocol;

#[path = "../../crates/stream/tests/fuzz/targets.rs"]
mod stream;

#[path = "../../crates/vars/tests/fuzz/targets.rs"]
mod vars;

pub fn toml(data: &[u8]) {
    config::toml(data);
}

pub fn set_cookie(data: &[u8]) {
    cookie::set_cookie(data);
}

pub fn host(data: &[u8]) {
    gateway::host(data);
}

pub fn path(data: &[u8]) {
    gateway::path(data);
}

pub fn target(data: &[u8]) {
    gateway::target(data);
}

pub fn chunked_body(data: &[u8]) {
    h1::chunked_body(data);
}

pub fn request_head(data: &[u8]) {
    h1::request_head(data);
}

pub fn response_head(data: &[u8]) {
    h1::response_head(data);
}

pub fn server_connection(data: &[u8]) {
    h1::server_connection(data);
}

pub fn http3_request(data: &[u8]) {
    h3::http3_request(data);
}

pub fn http3_one_way(data: &[u8]) {
    h3::http3_one_way(data);
}

pub fn http3_fields(data: &[u8]) {
    h3::http3_fields(data);
}

pub fn nginx_conf(data: &[u8]) {
    nginx_conf::nginx_conf(data);
}

pub fn proxy_header(data: &[u8]) {
    proxy_protocol::proxy_header(data);
}

pub fn client_hello(data: &[u8]) {
    stream::client_hello(data);
}

pub fn template(data: &[u8]) {
    vars::template(data);
}
