//! `grpc_pass`: what gRPC needs of how a location passes requests on.

use toml::de::DeTable;

use crate::effective::{Effective, Level, Origin};
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::settings::Settings;
use crate::source::Span;
use crate::upstream::UpstreamVersion;

/// Changes the settings of a location that has `grpc_pass` to what gRPC is: HTTP/2, both ways at once, and nothing is kept.
/// `own`: the location's own table, whose word counts.
pub(crate) fn imply(cx: &mut Context, settings: &mut Settings, own: &DeTable<'_>, pass: Span) {
    let written = |table: &str, key: &str| {
        let (_, value) = own.get(table)?.get_ref().as_table()?.get_key_value(key)?;
        Some(value)
    };
    if let Some(version) = written("upstream", "http_version")
        && version.get_ref().as_str() != Some("2")
    {
        let diagnostic = Diagnostic::at(version.span(), "`grpc_pass` requires HTTP/2");
        cx.push(
            diagnostic.label("expected \"2\", which `grpc_pass` implies").related(pass, "the `grpc_pass`"),
        );
    }
    if let Some(websocket) = written("upstream", "websocket")
        && websocket.get_ref().as_bool() == Some(true)
    {
        let diagnostic = Diagnostic::at(websocket.span(), "`websocket` cannot be used with `grpc_pass`");
        cx.push(diagnostic.label("expected `false`").related(pass, "the `grpc_pass`"));
    }
    settings.speak_grpc(pass, |_, table, key| written(table, key).is_some());
}

impl Settings {
    /// The same for requests that the `grpc_pass` of another location passes on: what is written for them counts.
    #[must_use]
    pub fn over_grpc(&self, pass: Span) -> Self {
        let mut settings = self.clone();
        settings.speak_grpc(pass, |effective, table, key| {
            table == "buffer" && {
                let setting = effective.find(&format!("{table}.{key}"));
                setting.is_some_and(|it| matches!(it.origin, Origin::Set { level: Level::Location, .. }))
            }
        });
        settings
    }

    /// What gRPC implies, but for what `stays`.
    fn speak_grpc(&mut self, pass: Span, stays: impl Fn(&Effective, &str, &str) -> bool) {
        let settings = self;
        let effective = &mut settings.effective;
        let mut imply = |table: &'static str, key: &'static str, value: &str| {
            let implied = !stays(effective, table, key);
            if implied {
                effective.imply(table, key, value, pass);
            }
            implied
        };
        if imply("upstream", "http_version", "\"2\"") {
            settings.upstream.http_version = UpstreamVersion::Http2;
        }
        if imply("upstream", "websocket", "false") {
            settings.upstream.websocket = false;
        }
        if imply("buffer", "request", "false") {
            settings.buffer.request = false;
        }
        if imply("buffer", "response", "false") {
            settings.buffer.response = false;
        }
        if imply("redirect", "rules", "[]") {
            settings.redirect.rules.clear();
        }
        // All calls are POST, and what is asked for is in the body, which is part of no key.
        if imply("cache", "zone", "\"off\"") {
            settings.cache.zone = None;
        }
    }
}
