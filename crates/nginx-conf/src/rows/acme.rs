//! `acme_*` of nginx-acme: certificates that come by themselves.

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Frame, Outcome, Stop, Target, refuse};
use crate::document::{Section, Value};
use crate::place::Problem;
use crate::row::{BLOCK_ONE, ONE, Row, SOME, To};
use crate::tree::Directive;

const HTTP: Contexts = Contexts::HTTP;
const HEADER: &str = "[acme]";

/// What stands for the certificate, and for its key.
pub(super) const CERTIFICATE: &str = "$acme_certificate";

pub(crate) const ROWS: &[Row] = &[
    Row::new("acme_issuer", HTTP, BLOCK_ONE, To::By(issuer, "acme")).repeats().note(
        "There is one; its `account_key` is always ECDSA on P-256, and its `state_path` cannot be off.",
    ),
    Row::new("acme_certificate", Contexts::SERVER, SOME, To::By(certificate, "tls.acme"))
        .note("Regexes among the server's names are left out, and `.example.com` is itself and `www.`, as in nginx."),
    Row::nothing("acme_shared_zone", HTTP, ONE, "workers share challenges and certificates without a zone"),
];

fn issuer(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    if convert.document.named.iter().any(|section| section.is_called(HEADER)) {
        return refuse("there is one issuer: `[acme]`");
    }
    let above = convert.take_pending();
    let mut section = Section::of(HEADER, &directive.place, &above, directive.beside.as_ref());
    convert.entries(block, |convert, entry| {
        entry.above.iter().for_each(|comment| section.comment(comment.clone()));
        let done = setting(convert, entry, &mut section);
        if let (Ok(_), Some(note)) = (&done, &entry.beside) {
            section.beside(note);
        }
        done
    });
    block.below.iter().for_each(|comment| section.comment(comment.clone()));
    if !section.has(&["directory"]) {
        let message = "\"uri\" is missing in \"acme_issuer\"";
        return Err(Stop::Invalid(Problem::new(&directive.place, message)));
    }
    if !section.has(&["state_path"]) {
        // nginx has it below the prefix, called so.
        section.set(&["state_path"], Value::text(format!("acme_{}", directive.arg(0))), None);
        section.beside(" nginx's default");
    }
    convert.document.named.push(section);
    Ok(Done::AsWritten)
}

/// One directive of an issuer.
fn setting(convert: &Convert<'_>, entry: &Directive, section: &mut Section) -> Outcome {
    let (name, count) = (entry.name(), entry.args().len());
    let right = match name {
        "contact" => count >= 1,
        "external_account_key" => count == 2,
        "accept_terms_of_service" => count == 0,
        _ => count == 1,
    };
    let place = entry.place_of(0);
    let text = || Value::text(entry.arg(0)).at(place);
    let mut set = |key: &[&str], value: Value| section.set(key, value, Some(&entry.place));
    match name {
        "uri"
        | "account_key"
        | "challenge"
        | "contact"
        | "external_account_key"
        | "ssl_trusted_certificate"
        | "ssl_verify"
        | "state_path"
        | "accept_terms_of_service"
            if !right =>
        {
            let message = format!("invalid number of arguments in \"{name}\" directive");
            return Err(Stop::Invalid(Problem::new(&entry.place, message)));
        }
        "uri" => set(&["directory"], text()),
        "state_path" if entry.arg(0) == "off" => return refuse("the state is kept: give a directory"),
        "state_path" => set(&["state_path"], text()),
        "contact" => {
            let urls = (0..count).map(|index| Value::text(entry.arg(index)).at(entry.place_of(index)));
            set(&["contact"], Value::List(urls.collect()));
        }
        "challenge" => {
            let kind = match entry.arg(0) {
                "http-01" | "http" => "http-01",
                "tls-alpn-01" | "tls-alpn" => "tls-alpn-01",
                other => return Err(invalid(entry, 0, format!("unsupported challenge: {other}"))),
            };
            set(&["challenge"], Value::text(kind).at(place));
        }
        "account_key" if matches!(entry.arg(0), "ecdsa" | "ecdsa:256") => {}
        "account_key" => return refuse("keys of accounts are ECDSA on P-256, and made here: remove it"),
        "external_account_key" => {
            let key = convert.conf_path(entry.arg(1)).at(entry.place_of(1));
            set(&["external_account"], Value::table(vec![("id", text()), ("key", key)]));
        }
        "ssl_trusted_certificate" => {
            set(&["trusted_certificate"], convert.conf_path(entry.arg(0)).at(place));
        }
        "ssl_verify" if args::flag(entry, 0)? => {}
        "ssl_verify" => return refuse("the CA is always verified: give `ssl_trusted_certificate`"),
        "accept_terms_of_service" => set(&["accept_terms_of_service"], Value::flag(true)),
        _ => {
            let message = format!("unknown directive \"{name}\" in \"acme_issuer\"");
            return Err(Stop::Invalid(Problem::new(&entry.place, message)));
        }
    }
    Ok(Done::AsWritten)
}

fn certificate(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(issuer) = convert.document.named.iter_mut().find(|section| section.is_called(HEADER)) else {
        return refuse("write `acme_issuer` before it");
    };
    let mut names = Vec::new();
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        match word.text.strip_prefix("key=") {
            None => names
                .extend(identifiers(&word.text).into_iter().map(|name| Value::text(name).at(&word.place))),
            Some("ecdsa:256" | "ecdsa") => {}
            Some(kind @ ("ecdsa:384" | "rsa:2048" | "rsa:3072" | "rsa:4096")) => {
                issuer.set(&["key"], Value::text(kind).at(&word.place), Some(&directive.place));
            }
            Some(kind) => return Err(invalid(directive, index, format!("unsupported key: {kind}"))),
        }
    }
    let value = if names.is_empty() { Value::flag(true) } else { Value::List(names) };
    convert.set(Target::Here, &["tls", "acme"], value.at(directive.place_of(0)), &directive.place);
    Ok(Done::AsWritten)
}

/// nginx's one wildcard: a name and the same with `www.`.
fn identifiers(name: &str) -> Vec<String> {
    match name.strip_prefix('.') {
        Some(host) => vec![format!("www.{host}"), host.to_owned()],
        None => vec![name.to_owned()],
    }
}

/// A server is complete: its names are known, those that are no names of a certificate too.
pub(super) fn finish(frame: &mut Frame) {
    let section = &mut frame.section;
    if !section.is_on(&["tls", "acme"]) {
        return;
    }
    let names = section.texts(&["name"]);
    if names.iter().any(|name| name.starts_with(['.', '~'])) {
        let names = names.iter().filter(|name| !name.starts_with('~') && !name.is_empty());
        let names = names.flat_map(|name| identifiers(name)).map(Value::text).collect();
        section.set(&["tls", "acme"], Value::List(names), None);
    }
}
