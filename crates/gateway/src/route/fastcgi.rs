//! `fastcgi`: configuration to how FastCGI servers are spoken to; the params are [`cgi`](super::cgi)'s.

use std::sync::Arc;

use propylon_config::Settings;
use propylon_exchange::Exchange;
use propylon_pattern::Pattern;
use propylon_upstream::{FastCgi, Stderr};
use propylon_vars::Script;

use crate::error::BuildError;
use crate::rescue;

/// How the servers of a location are spoken to.
pub(super) fn transport(settings: &Settings) -> FastCgi {
    FastCgi::new()
        .keep_conn(settings.fastcgi.keep_conn)
        .catch_stderr(settings.fastcgi.catch_stderr.iter().map(|text| text.as_bytes().to_vec()))
        .max_head(settings.buffer.header_size)
        .read_buffer(super::read_bytes(&settings.buffer))
}

/// What `$fastcgi_script_name` is.
pub(super) fn script(settings: &Settings) -> Result<Arc<Script>, BuildError> {
    let fastcgi = &settings.fastcgi;
    let split = fastcgi.split_path_info.as_ref().map(|split| {
        Pattern::new(&split.value).map_err(BuildError::value("invalid regular expression", split.span))
    });
    let index = fastcgi.index.as_deref().unwrap_or_default().as_bytes().to_vec();
    Ok(Arc::new(Script::new(index, split.transpose()?)))
}

/// Writes what the application says to the error log.
pub(super) fn stderr(exchange: Exchange) -> Stderr {
    Stderr::new(move |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let begun = exchange.with_tries(|tries| tries.last().is_some_and(|last| last.header().is_some()));
        let while_what = match begun {
            false => "while reading response header from upstream",
            true => "while reading upstream",
        };
        rescue::report_upstream(&exchange, &format!("FastCGI sent in stderr: \"{text}\" {while_what}"));
    })
}
