//! The table `admin`: where operators look at the process, and act on it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::cache::{self, PurgeAllow};
use crate::effective::Effective;
use crate::headers::Peer;
use crate::key::{Key, Kind, Need, Table};
use crate::listen::{self, ListenAddress};
use crate::listener::Listener;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// Where operators look at the process, and act on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// The addresses, none of which is a server's.
    pub listeners: Vec<Listener>,
    /// Whose requests are answered; none: anybody's.
    pub allow: Option<Vec<Peer>>,
    /// What whoever acts has to show, and what lets others in.
    pub token: Option<Box<str>>,
    /// The names of hosts by which it may be asked, in lower case.
    pub names: Vec<Box<str>>,
    /// The keys as text, with where each value comes from.
    pub effective: Effective,
}

const ADDRESS: Kind = Kind::Text { hint: "an address such as \"127.0.0.1:9180\" or \"unix:/path\"" };
const LOCAL: &str = "[\"127.0.0.0/8\", \"::1\", \"unix:\"]";
const EXPECTED: &str = "expected `127.0.0.1:9180`, `[::1]:9180` or `unix:/path`";

pub(crate) const TABLE: Table = Table {
    name: "admin",
    doc: "Metrics, a JSON API and a status page for operators: see [admin.md](admin.md).",
    keys: &[
        Key {
            name: "listen",
            kind: Kind::Either(&[ADDRESS, Kind::List(&ADDRESS)]),
            need: Need::Required,
            nginx: "",
            doc: "One address to listen on, or a list of them. An address that other machines can reach requires `allow` or `token`.",
        },
        Key {
            name: "allow",
            kind: Kind::List(&Kind::Text {
                hint: "a network such as \"10.0.0.0/8\", an address, \"unix:\" or \"all\"",
            }),
            need: Need::Default(LOCAL),
            nginx: "",
            doc: "The client addresses that are allowed; \"all\": any. Other clients need the `token`: without it they get 401, or 403 if no \
                  `token` is configured.",
        },
        Key {
            name: "token",
            kind: Kind::Text { hint: "a secret" },
            need: Need::Optional,
            nginx: "",
            doc: "The secret that requests which change something (peers, purges, reloads) must send as `Authorization: Bearer TOKEN`. A \
                  request that sends it is accepted from any address. If unset, every allowed client may make changes.",
        },
        Key {
            name: "names",
            kind: Kind::List(&Kind::Text { hint: "a host name" }),
            need: Need::Default("[]"),
            nginx: "",
            doc: "Host names that are accepted in `Host`, besides addresses and `localhost`. Requests for other names get 421, as protection \
                  against DNS rebinding.",
        },
    ],
    unbuilt: &[],
};

/// `servers`: the addresses that servers listen at.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>, servers: &[Listener]) -> Option<Admin> {
    let table = table?;
    let mut effective = Effective::of(&[&TABLE]);
    let mut scope = Scope::process(cx, &TABLE, Some(table), &mut effective);
    let listens = scope.read("listen", |cx, value| Some(addresses(cx, value)))?;
    let PurgeAllow { addresses: allow, token } = cache::allow(&mut scope);
    let names = scope.list("names", name).unwrap_or_default();
    let guarded = token.is_some() || table.contains_key("allow");
    let mut known: Vec<(&ListenAddress, Span)> =
        servers.iter().map(|listener| (&listener.address, listener.span)).collect();
    for listen in &listens {
        if let Some((_, first)) = known.iter().find(|(address, _)| **address == listen.value) {
            let message = format!("{} is already used by another listener", listen.value);
            let diagnostic = Diagnostic::error(listen.span, message).label("expected a different address");
            cx.push(diagnostic.related(*first, "first used here"));
        }
        known.push((&listen.value, listen.span));
        if !guarded && is_open(&listen.value) {
            let message =
                format!("any client that can reach {} could see and change everything", listen.value);
            let help = "add `allow = [\"10.0.0.0/8\"]` or a `token`, or listen on 127.0.0.1";
            cx.push(
                Diagnostic::error(listen.span, message)
                    .label("expected `allow`, `token`, or an address that only this machine can reach")
                    .help(help),
            );
        }
    }
    Some(Admin {
        listeners: listens.into_iter().map(|listen| Listener::alone(listen.value, listen.span)).collect(),
        allow,
        token,
        names,
        effective,
    })
}

/// Whether others than this machine may reach it.
pub(crate) fn is_open(address: &ListenAddress) -> bool {
    matches!(address, ListenAddress::Tcp(address) if !address.ip().to_canonical().is_loopback())
}

fn addresses(cx: &mut Context, value: &Value<'_>) -> Vec<Spanned<ListenAddress>> {
    let items: Vec<(&str, Range<usize>)> = match value.get_ref() {
        DeValue::String(text) => vec![(text, value.span())],
        other => {
            let items = other.as_array().into_iter().flatten();
            items.filter_map(|item| Some((item.get_ref().as_str()?, item.span()))).collect()
        }
    };
    if items.is_empty() {
        cx.push(Diagnostic::at(value.span(), "the address is missing").label(EXPECTED));
    }
    let mut read = |(text, span): (&str, Range<usize>)| match listen::address(text) {
        Ok(address) => Some(Spanned::new(address, cx.span(span))),
        Err(problem) => {
            let place = cx.inside(&span, text, problem.range);
            cx.push(Diagnostic::at(place, problem.message).label(EXPECTED));
            None
        }
    };
    items.into_iter().filter_map(&mut read).collect()
}

/// The name of a host; it is no address, and has no port.
fn name(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Box<str>> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.is_empty() || !text.bytes().all(known) {
        let message = format!("invalid host name `{}`", text.escape_debug());
        cx.push(Diagnostic::at(span, message).label("expected a host name such as \"admin.example.com\""));
        return None;
    }
    Some(text.to_ascii_lowercase().into())
}
