//! `ssl_*`: TLS towards clients.

use super::proxy::modern;
use crate::args::invalid;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Frame, Outcome, Stop, different, refuse};
use crate::document::{Section, Value};
use crate::place::Problem;
use crate::row::{As, ONE, ONE_OR_TWO, Row, SOME, TWO, To};
use crate::tree::Directive;

const SERVERS: Contexts = Contexts::SERVERS;
const VERIFY: &str = "client certificates are not built yet";
const STAPLING: &str = "OCSP responses are not stapled";
const SESSIONS: &str = "sessions are kept as long as rustls keeps them";

pub(crate) const ROWS: &[Row] = &[
    Row::new("ssl_certificate", SERVERS, ONE, To::By(certificate, "tls.certificates")).repeats(),
    Row::new("ssl_certificate_key", SERVERS, ONE, To::By(certificate_key, "tls.certificates")).repeats(),
    Row::new("ssl_protocols", SERVERS, SOME, To::By(protocols, "tls.protocols")),
    Row::new("ssl_ciphers", SERVERS, ONE, To::Key(&["tls", "ciphers"], As::Text)),
    Row::new("ssl_prefer_server_ciphers", SERVERS, ONE, To::Key(&["tls", "prefer_server_ciphers"], As::Flag)),
    Row::new("ssl_session_tickets", SERVERS, ONE, To::Key(&["tls", "session_tickets"], As::Flag)),
    Row::nothing("ssl_session_cache", SERVERS, ONE_OR_TWO, SESSIONS),
    Row::nothing("ssl_session_timeout", SERVERS, ONE, SESSIONS),
    Row::nothing(
        "ssl_session_ticket_key",
        SERVERS,
        ONE,
        "tickets have keys of their own, which change with time",
    ),
    Row::nothing("ssl_buffer_size", SERVERS, ONE, "records are as large as the data at hand"),
    Row::nothing("ssl_dhparam", SERVERS, ONE, "there are no ciphers with finite-field Diffie-Hellman"),
    Row::nothing("ssl_ecdh_curve", SERVERS, ONE, "rustls chooses the curves"),
    Row::nothing("ssl_early_data", SERVERS, ONE, "clients are not offered 0-RTT"),
    Row::nothing("ssl_stapling", SERVERS, ONE, STAPLING),
    Row::nothing("ssl_stapling_file", SERVERS, ONE, STAPLING),
    Row::nothing("ssl_stapling_responder", SERVERS, ONE, STAPLING),
    Row::nothing("ssl_stapling_verify", SERVERS, ONE, STAPLING),
    Row::nothing("ssl_certificate_cache", SERVERS, SOME, "certificates are read once for each load"),
    Row::nothing("ssl_certificate_compression", SERVERS, ONE, "certificates are sent as they are"),
    Row::new("ssl", SERVERS, ONE, To::By(ssl, "")),
    Row::refused("ssl_reject_handshake", SERVERS, ONE, "it is not built yet"),
    Row::refused("ssl_password_file", SERVERS, ONE, "keys with passwords are not built yet: decrypt the key"),
    Row::new("ssl_verify_client", SERVERS, ONE, To::By(verify, "")),
    Row::refused("ssl_client_certificate", SERVERS, ONE, VERIFY),
    Row::refused("ssl_trusted_certificate", SERVERS, ONE, VERIFY),
    Row::refused("ssl_verify_depth", SERVERS, ONE, VERIFY),
    Row::refused("ssl_crl", SERVERS, ONE, VERIFY),
    Row::refused("ssl_ocsp", SERVERS, ONE, VERIFY),
    Row::refused("ssl_ocsp_cache", SERVERS, ONE, VERIFY),
    Row::refused("ssl_ocsp_responder", SERVERS, ONE, VERIFY),
    Row::refused("ssl_alpn", SERVERS, SOME, "it is not built"),
    Row::refused("ssl_conf_command", SERVERS, TWO, "it speaks of OpenSSL: TLS is done by rustls; remove it"),
    Row::refused("ssl_key_log", SERVERS, ONE, "it is not built"),
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
        return refuse("there are no OpenSSL engines: give the file");
    }
    if path.starts_with("data:") || path.contains('$') {
        return refuse("certificates by variables are not built: give the file");
    }
    convert.frame_mut().collect(name, directive.args());
    Ok(Done::AsWritten)
}

/// The section of a block, with the certificates that stand in it.
pub(super) fn finish(frame: Frame, convert: &Convert<'_>) -> Result<Section, Stop> {
    let (certificates, keys) = (frame.collected("ssl_certificate"), frame.collected("ssl_certificate_key"));
    let mut list = Vec::new();
    for (index, certificate) in certificates.iter().enumerate() {
        let Some(key) = keys.get(index).or(keys.last()) else {
            let message =
                format!("no \"ssl_certificate_key\" is defined for certificate \"{}\"", certificate.text);
            return Err(Stop::Invalid(Problem::new(&certificate.place, message)));
        };
        list.push(Value::table([
            ("certificate", convert.conf_path(&certificate.text).at(&certificate.place)),
            ("key", convert.conf_path(&key.text).at(&key.place)),
        ]));
    }
    let place = certificates.first().map(|word| word.place.clone());
    let mut section = frame.section;
    if !list.is_empty() {
        section.set(&["tls", "certificates"], Value::List(list), place.as_ref());
    }
    Ok(section)
}

fn protocols(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let (words, old) = modern(directive)?;
    if words.is_empty() {
        return refuse("TLS before 1.2 is not built: write TLSv1.2 or TLSv1.3");
    }
    convert.set(crate::convert::Target::Here, &["tls", "protocols"], Value::List(words), &directive.place);
    if old { different("TLS before 1.2 is not spoken") } else { Ok(Done::AsWritten) }
}

/// The old switch: nginx has removed it.
fn ssl(_: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if crate::args::flag(directive, 0)? {
        return refuse("write `ssl` in `listen`: nginx has removed this directive");
    }
    different("nginx has removed this directive")
}

fn verify(_: &mut Convert<'_>, directive: &Directive) -> Outcome {
    match directive.arg(0) {
        "off" => Ok(Done::AsWritten),
        "on" | "optional" | "optional_no_ca" => refuse(VERIFY),
        other => Err(invalid(directive, 0, format!("invalid value \"{other}\""))),
    }
}
