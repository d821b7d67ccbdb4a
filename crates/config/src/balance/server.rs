//! One server of a group: a table of `upstream.NAME.server`.

use toml::de::{DeTable, DeValue};

use super::UpstreamServer;
use super::tables::SERVER;
use crate::address::{self, Address};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

pub(super) fn server(cx: &mut Context, value: &DeValue<'_>) -> Option<UpstreamServer> {
    let table = value.as_table()?;
    let value = table.get("address")?;
    let text = value.get_ref().as_str()?;
    let address = match address::parse(text) {
        Ok(address) => Spanned::new(address, cx.span(value.span())),
        Err(problem) => {
            let place = cx.inside(&value.span(), text, problem.range);
            cx.push(Diagnostic::at(place, problem.message).label(format!("expected {}", problem.expected)));
            return None;
        }
    };
    let mut scope = Scope::alone(cx, &SERVER, Some(table));
    let mut count =
        |name| scope.integer(name).and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    let (weight, max_conns, max_fails) = (count("weight"), count("max_conns"), count("max_fails"));
    let server = UpstreamServer {
        address,
        written: text.into(),
        weight,
        max_conns,
        max_fails,
        fail_timeout: scope.duration("fail_timeout"),
        slow_start: scope.duration("slow_start"),
        backup: scope.bool("backup"),
        down: scope.bool("down"),
        drain: scope.bool("drain"),
        route: scope.read("route", route),
        resolve: scope.bool("resolve"),
        service: scope.text("service").map(|service| service.value),
    };
    check_resolve(cx, &server, table);
    Some(server)
}

fn route(cx: &mut Context, value: &Value<'_>) -> Option<Box<str>> {
    let text = value.get_ref().as_str()?;
    // It may stand in a cookie.
    let valid = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    if text.is_empty() || text.len() > 32 || !text.bytes().all(valid) {
        let diagnostic = Diagnostic::at(value.span(), format!("invalid route `{}`", text.escape_debug()));
        cx.push(diagnostic.label("expected 1 to 32 visible ASCII characters except any of \",;\\"));
        return None;
    }
    Some(text.into())
}

fn check_resolve(cx: &mut Context, server: &UpstreamServer, table: &DeTable<'_>) {
    let is_name = matches!(server.address.value, Address::Name { .. });
    for key in ["resolve", "service"] {
        let Some((written, _)) = table.get_key_value(key) else { continue };
        let problem = match key {
            "resolve" if server.resolve && !is_name => {
                ("`resolve` requires a host name", "expected a host name in `address`")
            }
            "service" if !is_name => ("`service` requires a host name", "expected a host name in `address`"),
            "service" if !server.resolve => {
                ("`service` requires `resolve`", "expected `resolve = true` in the same table")
            }
            "service" if server.written.contains(':') => (
                "`service` cannot be used with a port",
                "expected an `address` without a port: the SRV records contain it",
            ),
            _ => continue,
        };
        cx.push(Diagnostic::at(written.span(), problem.0).label(problem.1));
    }
}
