//! `acme_*` of nginx-acme: certificates that come by themselves.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use crate::args::{self, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::place::Problem;
use crate::row::{BLOCK_ONE, ONE, Row, SOME, To};
use crate::tree::Directive;

const HTTP: Contexts = Contexts::HTTP;
const HEADER: &str = "[acme]";

/// What stands for the certificate, and for its key.
pub(super) const CERTIFICATE: &str = "$acme_certificate";

pub(crate) const ROWS: &[Row] = &[
    Row::new("acme_issuer", HTTP, BLOCK_ONE, To::By(issuer, "acme")).repeats().note(
        "Only one issuer is supported. Its `account_key` is always ECDSA P-256, its `state_path` cannot be off, and its \
         `profile` is always required. `preferred_chain` and `common_name_in_csr on` are refused.",
    ),
    Row::new("acme_certificate", Contexts::SERVER, SOME, To::By(certificate, "tls.acme"))
        .note(
        "As in nginx, regexes among the server's names are left out, and `.example.com` stands for `example.com` and \
         `www.example.com`. `key=` must be the same for all certificates.",
    ),
    Row::nothing("acme_shared_zone", HTTP, ONE, "not needed: workers are threads and share challenges and certificates"),
];

/// The issuers so far.
#[derive(Default)]
pub(crate) struct Issuers {
    /// Their names, of which the first is that of `[acme]`.
    names: Vec<String>,
    /// The kind of key that certificates have.
    key: Option<&'static str>,
}

fn issuer(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let Some(block) = directive.block() else { return Ok(Done::AsWritten) };
    let known = &mut convert.issuers.names;
    if known.iter().any(|name| name == directive.arg(0)) {
        let message = "\"acme_issuer\" directive is duplicate";
        return Err(Stop::Invalid(Problem::new(&directive.place, message)));
    }
    known.push(directive.arg(0).to_owned());
    if let [first, _, ..] = known.as_slice() {
        return refuse(format!("several issuers are not supported: `[acme]` is \"{first}\""));
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

/// The directives of an issuer, and how many arguments they have.
const SETTINGS: [(&str, RangeInclusive<usize>); 12] = [
    ("uri", 1..=1),
    ("account_key", 1..=1),
    ("challenge", 1..=1),
    ("common_name_in_csr", 1..=1),
    ("contact", 1..=1),
    ("external_account_key", 2..=2),
    ("preferred_chain", 1..=1),
    ("profile", 1..=2),
    ("ssl_trusted_certificate", 1..=1),
    ("ssl_verify", 1..=1),
    ("state_path", 1..=1),
    ("accept_terms_of_service", 0..=0),
];

/// One directive of an issuer.
fn setting(convert: &Convert<'_>, entry: &Directive, section: &mut Section) -> Outcome {
    let name = entry.name();
    let wrong = |message: String| Err(Stop::Invalid(Problem::new(&entry.place, message)));
    let Some((_, count)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
        return wrong(format!("unknown directive \"{name}\" in \"acme_issuer\""));
    };
    if !count.contains(&entry.args().len()) {
        return wrong(format!("invalid number of arguments in \"{name}\" directive"));
    }
    let place = entry.place_of(0);
    let text = || Value::text(entry.arg(0)).at(place);
    let mut set = |key: &[&str], value: Value| section.set(key, value, Some(&entry.place));
    match name {
        "uri" => set(&["directory"], text()),
        "state_path" if entry.arg(0) == "off" => return refuse("state is always kept: specify a directory"),
        "state_path" => set(&["state_path"], text()),
        "contact" => match section.value_mut(&["contact"]) {
            Some(Value::List(urls)) => urls.push(text()),
            _ => section.set(&["contact"], Value::List(vec![text()]), Some(&entry.place)),
        },
        "challenge" => {
            let kind = match entry.arg(0) {
                "http-01" | "http" => "http-01",
                "tls-alpn-01" | "tls-alpn" => "tls-alpn-01",
                other => return Err(invalid(entry, 0, format!("unsupported challenge: {other}"))),
            };
            set(&["challenge"], Value::text(kind).at(place));
        }
        "account_key" if matches!(entry.arg(0), "ecdsa" | "ecdsa:256") => {}
        "account_key" => return refuse("the gateway creates account keys itself, as ECDSA P-256: remove it"),
        "external_account_key" => {
            let key = convert.conf_path(entry.arg(1)).at(entry.place_of(1));
            set(&["external_account"], Value::table(vec![("id", text()), ("key", key)]));
        }
        "ssl_trusted_certificate" => {
            set(&["trusted_certificate"], convert.conf_path(entry.arg(0)).at(place));
        }
        "ssl_verify" if args::flag(entry, 0)? => {}
        "ssl_verify" => {
            return refuse("the CA's certificate is always verified: set `ssl_trusted_certificate` instead");
        }
        "common_name_in_csr" if args::flag(entry, 0)? => {
            return refuse(
                "names are only written to subjectAltName, which is what clients check: remove it",
            );
        }
        "preferred_chain" => return refuse("the CA's default chain is always used: remove it"),
        "profile" => return profile(entry, section),
        "accept_terms_of_service" => set(&["accept_terms_of_service"], Value::flag(true)),
        _ => {}
    }
    Ok(Done::AsWritten)
}

fn profile(entry: &Directive, section: &mut Section) -> Outcome {
    section.set(&["profile"], Value::text(entry.arg(0)).at(entry.place_of(0)), Some(&entry.place));
    match entry.args().len() {
        1 => different(
            "the profile is required, as with `require`: if the CA does not offer it, no certificate is ordered",
        ),
        _ if entry.arg(1) == "require" => Ok(Done::AsWritten),
        _ => Err(invalid(entry, 1, "invalid value in \"profile\" directive")),
    }
}

fn certificate(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let asked = directive.arg(0);
    match convert.issuers.names.split_first() {
        None => return refuse("define `acme_issuer` before `acme_certificate`"),
        Some((own, _)) if own == asked => {}
        Some((own, others)) => {
            return refuse(match others.iter().any(|other| other == asked) {
                true => format!("several issuers are not supported: `[acme]` is \"{own}\""),
                false => format!("unknown issuer \"{asked}\": only \"{own}\" is defined before this line"),
            });
        }
    }
    let (mut names, mut key) = (Vec::new(), "ecdsa:256");
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        match word.text.strip_prefix("key=") {
            None => names
                .extend(identifiers(&word.text).into_iter().map(|name| Value::text(name).at(&word.place))),
            Some("ecdsa" | "ecdsa:256") => key = "ecdsa:256",
            Some("rsa" | "rsa:2048") => key = "rsa:2048",
            Some("ecdsa:384") => key = "ecdsa:384",
            Some("rsa:3072") => key = "rsa:3072",
            Some("rsa:4096") => key = "rsa:4096",
            Some("ecdsa:521") => return refuse("P-521 keys are not supported: use `key=ecdsa:384`"),
            Some(kind) => return Err(invalid(directive, index, format!("unsupported key: {kind}"))),
        }
    }
    the_key(convert, directive, key)?;
    let value = if names.is_empty() { Value::flag(true) } else { Value::List(names) };
    convert.set(Target::Here, &["tls", "acme"], value.at(directive.place_of(0)), &directive.place);
    Ok(Done::AsWritten)
}

/// nginx has a kind of key for each certificate; here it is one for all.
fn the_key(convert: &mut Convert<'_>, directive: &Directive, key: &'static str) -> Result<(), Stop> {
    match convert.issuers.key {
        Some(known) if known == key => {}
        Some(known) => {
            return refuse(format!(
                "all certificates use the same kind of key, which is already {known}: {key} is not possible"
            ));
        }
        None => {
            convert.issuers.key = Some(key);
            let issuer = convert.document.named.iter_mut().find(|section| section.is_called(HEADER));
            if let Some(issuer) = issuer.filter(|_| key != "ecdsa:256") {
                issuer.set(&["key"], Value::text(key), Some(&directive.place));
            }
        }
    }
    Ok(())
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
    if !section.has(&["tls", "acme"]) {
        return;
    }
    let names = section.texts(&["name"]);
    // In nginx an address stands there as in a certificate, here as in a URL.
    section.change_texts(&["name"], |name| {
        if name.parse::<Ipv6Addr>().is_ok() {
            *name = format!("[{name}]");
        }
    });
    if section.is_on(&["tls", "acme"]) && names.iter().any(|name| name.starts_with(['.', '~'])) {
        let names = names.iter().filter(|name| !name.starts_with('~') && !name.is_empty());
        let names = names.flat_map(|name| identifiers(name)).map(Value::text).collect();
        section.set(&["tls", "acme"], Value::List(names), None);
    }
}
