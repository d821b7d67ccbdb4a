//! `grpc_ssl_*` and `uwsgi_ssl_*`: what `proxy_ssl_*` means for their servers.

use super::openssl::{UPSTREAM_COMMAND, upstream_command};
use super::proxy::{self, PASSED_OVER, like};
use crate::context::Contexts;
use crate::document::{GRPC, UWSGI};
use crate::row::{As, ONE, Row, SOME, TWO, To};

const LEVELS: Contexts = Contexts::LEVELS;

macro_rules! rows {
    ($($name:literal, $waits:ident;)*) => {
        &[$(
                like(concat!($name, "_ssl_verify"), &[$waits, "upstream", "tls", "verify"], As::Flag),
                like(concat!($name, "_ssl_trusted_certificate"), &[$waits, "upstream", "tls", "trusted_certificate"], As::ConfPath),
                like(concat!($name, "_ssl_verify_depth"), &[$waits, "upstream", "tls", "verify_depth"], As::Number),
                like(concat!($name, "_ssl_crl"), &[$waits, "upstream", "tls", "crl"], As::ConfPath),
                like(concat!($name, "_ssl_server_name"), &[$waits, "upstream", "tls", "server_name"], As::Flag),
                like(concat!($name, "_ssl_name"), &[$waits, "upstream", "tls", "name"], As::Text),
                like(concat!($name, "_ssl_certificate"), &[$waits, "upstream", "tls", "certificate"], As::ConfPath),
                like(concat!($name, "_ssl_certificate_key"), &[$waits, "upstream", "tls", "key"], As::ConfPath),
                like(concat!($name, "_ssl_password_file"), &[$waits, "upstream", "tls", "password_file"], As::ConfPath),
                like(concat!($name, "_ssl_session_reuse"), &[$waits, "upstream", "tls", "session_reuse"], As::Flag),
                Row::new(concat!($name, "_ssl_ciphers"), LEVELS, ONE, To::By(proxy::ciphers, "upstream.tls.ciphers")).note(PASSED_OVER),
                Row::new(concat!($name, "_ssl_protocols"), LEVELS, SOME, To::By(proxy::protocols, "upstream.tls.protocols")),
                Row::new(
                    concat!($name, "_ssl_certificate_cache"),
                    LEVELS,
                    SOME,
                    To::By(proxy::certificate_cache, "upstream.tls.certificate_cache"),
                ),
                Row::new(concat!($name, "_ssl_conf_command"), LEVELS, TWO, To::By(upstream_command, "")).repeats().differs(UPSTREAM_COMMAND),
                like(concat!($name, "_ssl_key_log"), &[$waits, "upstream", "tls", "key_log"], As::Path),
        )*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    "grpc", GRPC;
    "uwsgi", UWSGI;
};
