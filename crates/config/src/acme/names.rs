//! `tls.acme`: the names of a certificate.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::listen::Listen;
use crate::reader::{Context, Value};
use crate::report::Diagnostic;
use crate::server_name::ServerName;
use crate::source::{Span, Spanned};
use crate::tls::{Certificate, Tls};

/// What `tls.acme` says.
pub(crate) enum Asked {
    /// The server's names.
    Names(Span),
    /// These names.
    These(Vec<Spanned<Box<str>>>, Span),
}

/// Reads `tls.acme`.
pub(crate) fn asked(cx: &mut Context, value: &Value<'_>) -> Option<Asked> {
    let span = cx.span(value.span());
    if let Some(on) = value.get_ref().as_bool() {
        return on.then_some(Asked::Names(span));
    }
    let items = value.get_ref().as_array()?.iter();
    let names = items
        .filter_map(|item| Some(Spanned::new(canonical(item.get_ref().as_str()?), cx.span(item.span()))));
    Some(Asked::These(names.collect(), span))
}

/// The names of the certificate of a server, and its place in its TLS.
pub(crate) fn of_server(
    cx: &mut Context,
    asked: Asked,
    tls: &mut Tls,
    (listens, names): (&[Spanned<Listen>], &[Spanned<ServerName>]),
) {
    // One without TLS may have inherited it.
    if !listens.iter().any(|listen| listen.tls) {
        return;
    }
    let (span, mut names) = match asked {
        Asked::Names(span) => (span, certified(cx, names, span)),
        Asked::These(names, span) => {
            if names.is_empty() {
                let diagnostic = Diagnostic::error(span, "a certificate needs at least one name");
                cx.push(diagnostic.label("expected names, or `true` for the names of the server"));
            }
            let mut certified = Vec::new();
            for name in names {
                match is_certified(&name) {
                    true => certified.push(name.value),
                    false => refuse(cx, &name.value, name.span),
                }
            }
            (span, certified)
        }
    };
    let mut before = BTreeSet::new();
    names.retain(|name| before.insert(name.clone()));
    if let Some(own) = tls.certificates.first() {
        let diagnostic = Diagnostic::error(span, "this server has both its own certificate and `acme`");
        cx.push(diagnostic.label("expected one or the other").related(own.span, "its own certificate"));
        return;
    }
    let Some(state) = &cx.acme else {
        let diagnostic = Diagnostic::error(span, "`acme` requires an `[acme]` table");
        cx.push(
            diagnostic
                .label("a certificate is requested here")
                .help("add an `[acme]` table with `state_path` and `accept_terms_of_service = true`"),
        );
        return;
    };
    if let (Some(first), Some(state)) = (names.first(), state) {
        tls.certificates = vec![Spanned::new(Certificate::in_file(&file(state, first)), span)];
        tls.acme = names;
    }
}

/// The names of a server that a certificate can be for.
fn certified(cx: &mut Context, names: &[Spanned<ServerName>], asked: Span) -> Vec<Box<str>> {
    let (mut certified, before) = (Vec::new(), cx.report.diagnostics().len());
    for name in names {
        match &name.value {
            ServerName::Exact(exact) if exact.is_empty() => {}
            ServerName::Exact(exact) if is_certified(bare(exact)) => certified.push(canonical(bare(exact))),
            _ => refuse(cx, name.value.as_str(), name.span),
        }
    }
    if certified.is_empty() && cx.report.diagnostics().len() == before {
        let diagnostic = Diagnostic::error(asked, "this server has no name for a certificate");
        cx.push(
            diagnostic.label("expected `name = [\"example.com\"]` in the server, or a list of names here"),
        );
    }
    certified
}

fn refuse(cx: &mut Context, name: &str, span: Span) {
    let wild = name.contains('*') || name.starts_with(['.', '~']);
    let message = format!("no certificate can be ordered for `{}`", name.escape_debug());
    let label = if wild {
        "expected an exact name: wildcards need DNS-01, which is not built into this version of propylon"
    } else {
        "expected a host name or an IP address"
    };
    let help = "list the names of the certificate: `acme = [\"example.com\"]`";
    cx.push(Diagnostic::error(span, message).label(label).help(help));
}

/// An address without its brackets.
fn bare(name: &str) -> &str {
    name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name)
}

/// A name as certificates have it: an address has several forms.
fn canonical(name: &str) -> Box<str> {
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_string().into(),
        Err(_) => name.to_ascii_lowercase().into(),
    }
}

/// Whether this may be the name of a host, or an address.
fn is_certified(name: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits) && !label.starts_with('-')
    };
    name.parse::<IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

/// The file of the certificate that is called so.
fn file(state: &Path, name: &str) -> PathBuf {
    state.join("certificates").join(format!("{name}.pem"))
}
