//! `ssl_*`: TLS towards clients.

use super::openssl;
use super::proxy::modern;
use crate::args::{self, duration, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::place::Problem;
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, To};
use crate::tree::Directive;

const SERVERS: Contexts = Contexts::SERVERS;
const BOTH: Contexts = SERVERS.or(Contexts::STREAMS);
const VERIFY: &str = "checking client certificates by OCSP is not supported";
const STAPLING: &str = "OCSP responses are not fetched: staple one from a file with `ssl_stapling_file`";
const PASSED_OVER: &str = "Ciphers without forward secrecy or without AEAD, and those with finite-field Diffie-Hellman, are \
                           ignored, as long as others are left.";

pub(crate) const ROWS: &[Row] = &[
    Row::new("ssl_certificate", BOTH, ONE, To::By(certificate, "tls.certificates")).repeats(),
    Row::new("ssl_certificate_key", BOTH, ONE, To::By(certificate_key, "tls.certificates")).repeats(),
    Row::new("ssl_protocols", BOTH, SOME, To::By(protocols, "tls.protocols")),
    Row::new("ssl_ciphers", BOTH, ONE, To::By(openssl::ciphers, "tls.ciphers")).note(PASSED_OVER),
    Row::new("ssl_prefer_server_ciphers", BOTH, ONE, To::Key(&["tls", "prefer_server_ciphers"], As::Flag)),
    Row::new("ssl_session_tickets", BOTH, ONE, To::Key(&["tls", "session_tickets"], As::Flag)),
    Row::new("ssl_session_cache", BOTH, ONE_OR_TWO, To::By(session_cache, "tls.session_cache"))
        .note("Becomes a number of sessions. `builtin` and `shared` make no difference."),
    Row::new("ssl_session_timeout", BOTH, ONE, To::Key(&["tls", "session_timeout"], As::Time)),
    Row::new("ssl_session_ticket_key", BOTH, ONE, To::Item(&["tls", "session_ticket_keys"], As::ConfPath))
        .repeats(),
    Row::new("ssl_ecdh_curve", BOTH, ONE, To::By(openssl::curves, "tls.curves"))
        .note("Unsupported curves, such as secp521r1 and X448, are ignored, as long as one is left."),
    Row::new("ssl_certificate_cache", BOTH, SOME, To::By(certificate_cache, "tls.certificate_cache")),
    Row::new("ssl_stapling_file", BOTH, ONE, To::By(staple, "tls.certificates.staple")),
    Row::new("ssl_password_file", BOTH, ONE, To::By(passwords, "tls.certificates.password_file")),
    Row::new("ssl_reject_handshake", BOTH, ONE, To::Key(&["tls", "reject_handshake"], As::Flag)),
    Row::new("ssl_verify_client", BOTH, ONE, To::By(verify, "tls.verify_client")),
    Row::new("ssl_client_certificate", BOTH, ONE, To::Key(&["tls", "client_certificate"], As::ConfPath)),
    Row::new("ssl_trusted_certificate", BOTH, ONE, To::Key(&["tls", "trusted_certificate"], As::ConfPath)),
    Row::new("ssl_verify_depth", BOTH, ONE, To::Key(&["tls", "verify_depth"], As::Number)),
    Row::new("ssl_crl", BOTH, ONE, To::Key(&["tls", "crl"], As::ConfPath)),
    Row::nothing("ssl_buffer_size", SERVERS, ONE, "TLS records are as large as the available data"),
    Row::nothing(
        "ssl_dhparam",
        BOTH,
        ONE,
        "not needed: ciphers with finite-field Diffie-Hellman are not supported",
    ),
    Row::nothing("ssl_early_data", SERVERS, ONE, "0-RTT is not supported"),
    Row::nothing("ssl_stapling", BOTH, ONE, STAPLING),
    Row::nothing("ssl_stapling_responder", BOTH, ONE, STAPLING),
    Row::nothing("ssl_stapling_verify", BOTH, ONE, STAPLING),
    Row::nothing("ssl_certificate_compression", BOTH, ONE, "certificates are sent uncompressed"),
    Row::new("ssl", SERVERS, ONE, To::By(ssl, "server.listen"))
        .differs("nginx has removed this directive: it becomes the option of each `listen` of the server"),
    Row::refused("ssl_ocsp", BOTH, ONE, VERIFY),
    Row::refused("ssl_ocsp_cache", BOTH, ONE, VERIFY),
    Row::refused("ssl_ocsp_responder", BOTH, ONE, VERIFY),
    Row::refused(
        "ssl_alpn",
        SERVERS,
        SOME,
        "nginx has it only in `stream`: `http2` determines the protocols",
    ),
    Row::new(
        "ssl_conf_command",
        BOTH,
        TWO,
        To::By(openssl::command, "tls.ciphers, tls.prefer_server_ciphers"),
    )
    .repeats()
    .note(openssl::CONF_COMMAND),
    Row::new("ssl_key_log", BOTH, ONE, To::Key(&["tls", "key_log"], As::Path)),
];

fn certificate(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    file(convert, directive, "ssl_certificate")
}

fn certificate_key(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    file(convert, directive, "ssl_certificate_key")
}

fn file(convert: &mut Convert<'_>, directive: &Directive, name: &'static str) -> Outcome {
    let path = directive.arg(0);
    if path.starts_with("engine:") || path.starts_with("store:") {
        return refuse("there are no OpenSSL engines: specify a file");
    }
    convert.frame_mut().collect(name, directive.args());
    Ok(Done::AsWritten)
}

/// `ssl on` is said of each address.
fn switch_on(frame: &mut Frame) {
    let place = frame.collected("ssl").first().map(|word| word.place.clone());
    let section = &mut frame.section;
    if place.is_none() {
        return;
    }
    if !section.has(&["listen"]) {
        section.set(&["listen"], Value::List(vec![Value::text("80")]), place.as_ref());
    }
    section.change_texts(&["listen"], |listen| {
        if !listen.split(' ').any(|option| option == "tls" || option == "http3") {
            listen.push_str(" tls");
        }
    });
}

/// The section of a block, with the certificates that stand in it.
pub(super) fn finish(mut frame: Frame, convert: &Convert<'_>) -> Result<Section, Stop> {
    const PARTS: [&str; 4] =
        ["ssl_certificate", "ssl_certificate_key", "ssl_password_file", "ssl_stapling_file"];
    switch_on(&mut frame);
    super::acme::finish(&mut frame);
    if PARTS.iter().all(|part| frame.collected(part).is_empty()) {
        return Ok(frame.section);
    }
    // Each is inherited by itself: what this level lacks is that of an outer one.
    let words = |name| match frame.collected(name) {
        [] => convert.outer_collected(name),
        own => own,
    };
    let [certificates, keys, passwords, staples] = PARTS.map(words);
    if matches!(frame.context, Contexts::HTTP | Contexts::STREAM) && keys.is_empty() {
        return Ok(frame.section); // servers may have them
    }
    let mut list = Vec::new();
    for (index, certificate) in certificates.iter().enumerate() {
        if certificate.text == super::acme::CERTIFICATE {
            continue; // `tls.acme` stands for it
        }
        let Some(key) = keys.get(index).or(keys.last()) else {
            let message =
                format!("no \"ssl_certificate_key\" is defined for certificate \"{}\"", certificate.text);
            return Err(Stop::Invalid(Problem::new(&certificate.place, message)));
        };
        let mut pair = vec![
            ("certificate", convert.conf_path(&certificate.text).at(&certificate.place)),
            ("key", convert.conf_path(&key.text).at(&key.place)),
        ];
        for (name, files) in [("password_file", passwords), ("staple", staples)] {
            pair.extend(files.first().map(|file| (name, convert.conf_path(&file.text).at(&file.place))));
        }
        list.push(Value::table(pair));
    }
    let place = certificates.first().map(|word| word.place.clone());
    // One of ACME's alone: none of an outer level's is inherited.
    let is_acme = certificates.iter().any(|one| one.text == super::acme::CERTIFICATE);
    let mut section = frame.section;
    if !list.is_empty() || is_acme {
        section.set(&["tls", "certificates"], Value::List(list), place.as_ref());
    }
    Ok(section)
}

fn protocols(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (words, old) = modern(directive)?;
    if words.is_empty() {
        return refuse("TLS before 1.2 is not supported: write TLSv1.2 or TLSv1.3");
    }
    convert.set(Target::Here, &["tls", "protocols"], Value::List(words), &directive.place);
    if old { different("TLS before 1.2 is not supported") } else { Ok(Done::AsWritten) }
}

/// The old switch: nginx has removed it.
fn ssl(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if crate::args::flag(directive, 0)? {
        if convert.frame().context != Contexts::SERVER {
            return refuse("nginx has removed this directive: write `ssl` in `listen`");
        }
        convert.frame_mut().collect("ssl", directive.args());
    }
    Ok(Done::AsWritten)
}

fn verify(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let word = args::one_of(directive, 0, &["off", "on", "optional", "optional_no_ca"])?;
    let value = Value::text(word).at(directive.place_of(0));
    convert.set(Target::Here, &["tls", "verify_client"], value, &directive.place);
    Ok(Done::AsWritten)
}

fn passwords(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    convert.frame_mut().collect("ssl_password_file", directive.args());
    Ok(Done::AsWritten)
}

fn staple(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    convert.frame_mut().collect("ssl_stapling_file", directive.args());
    Ok(Done::AsWritten)
}

/// The memory that nginx takes for a session is about 256 bytes.
const SESSION: u64 = 256;

fn session_cache(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let mut value = None;
    for (index, word) in directive.args().iter().enumerate() {
        let wrong = || invalid(directive, index, format!("invalid session cache \"{}\"", word.text));
        let mut parts = word.text.split(':');
        value = Some(match (parts.next(), parts.next(), parts.next()) {
            (Some("off" | "none"), None, None) => Value::text("off"),
            (Some("builtin"), None, None) => Value::number(20480),
            (Some("builtin"), Some(count), None) => Value::number(count.parse().map_err(|_| wrong())?),
            (Some("shared"), Some(_), Some(size)) => {
                let bytes = propylon_config::size(size).map_err(|_| wrong())?;
                Value::number((bytes / SESSION).clamp(1, 10_000_000))
            }
            _ => return Err(wrong()),
        });
    }
    if let Some(value) = value {
        convert.set(Target::Here, &["tls", "session_cache"], value, &directive.place);
    }
    Ok(Done::AsWritten)
}

fn certificate_cache(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    cache(convert, directive, &["tls", "certificate_cache"])
}

/// `off`, or `max=N [inactive=time] [valid=time]`.
pub(super) fn cache(convert: &mut Convert<'_>, directive: &Directive, path: &[&str]) -> Outcome {
    if directive.arg(0) == "off" {
        convert.set(Target::Here, path, Value::flag(false), &directive.place);
        return Ok(Done::AsWritten);
    }
    let mut pairs = Vec::new();
    for (index, word) in directive.args().iter().enumerate() {
        let wrong = || invalid(directive, index, format!("invalid parameter \"{}\"", word.text));
        let time = |value: &str| duration(value).map(Value::text).ok_or_else(wrong);
        pairs.push(match word.text.split_once('=') {
            Some(("max", value)) => ("max", Value::number(value.parse().map_err(|_| wrong())?)),
            Some(("inactive", value)) => ("inactive", time(value)?),
            Some(("valid", value)) => ("valid", time(value)?),
            _ => return Err(wrong()),
        });
    }
    convert.set(Target::Here, path, Value::table(pairs), &directive.place);
    Ok(Done::AsWritten)
}
