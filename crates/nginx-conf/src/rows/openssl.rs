//! What is said in OpenSSL's own words: lists of ciphers and curves, and commands to it.

use crate::convert::{Convert, Done, Outcome, Stop, Target, different, refuse};
use crate::document::{Section, Value};
use crate::row::As;
use crate::tree::Directive;

/// The ciphers of TLS 1.3 that are spoken.
const MODERN: [&str; 3] =
    ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
/// Those of TLS 1.2.
const SPOKEN: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
];
/// The curves that are spoken, by any of their names.
const CURVES: [&str; 10] = [
    "X25519",
    "prime256v1",
    "P-256",
    "secp256r1",
    "secp384r1",
    "P-384",
    "X25519MLKEM768",
    "SecP256r1MLKEM768",
    "MLKEM768",
    "MLKEM1024",
];
/// nginx's default for `ssl_ciphers`.
const DEFAULT: &str = "HIGH:!aNULL:!MD5";

const CIPHERS: &[&str] = &["tls", "ciphers"];
const PREFER: &[&str] = &["tls", "prefer_server_ciphers"];
/// What commands say, until `http` ends: nginx inherits all commands of a level, or none, and they come after other directives.
const COMMANDS: &[&str] = &["tls", "commands"];
const SUITES: &[&str] = &["tls", "commands", "suites"];
const PREFERENCE: &[&str] = &["tls", "commands", "prefer"];

pub(super) const CONF_COMMAND: &str = "Supported: `Ciphersuites` and `Options ServerPreference`. Other `Options` that have \
                                       no effect with rustls are ignored. Other commands are refused.";
pub(super) const UPSTREAM_COMMAND: &str =
    "`Options` that have no effect with rustls are ignored. Other commands are refused.";

pub(super) fn ciphers(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let value = convert.value(directive, 0, As::Text)?;
    convert.set(Target::Here, CIPHERS, value, &directive.place);
    ciphers_note(directive.arg(0))
}

/// In what the list is not what it is in nginx.
pub(super) fn ciphers_note(list: &str) -> Outcome {
    let separated = list.replace('@', ":@");
    let words = || separated.split([':', ',', ';', ' ']).filter(|word| !word.is_empty());
    let mut notes = Vec::new();
    let is_spoken = |word: &str| {
        word.starts_with(['!', '-', '+', '@']) || SPOKEN.contains(&word) || word.starts_with("TLS_")
    };
    if !words().all(is_spoken) {
        notes.push("only ciphers with forward secrecy (ECDHE) and AEAD are supported");
    }
    let modern = || words().filter(|word| word.starts_with("TLS_"));
    if modern().next().is_some() && !MODERN.iter().all(|name| modern().any(|word| word == *name)) {
        notes.push(
            "OpenSSL ignores TLS 1.3 ciphers in this list; here only those that it names are enabled, unless \
                    `Ciphersuites` sets them",
        );
    }
    let level =
        |word: &str| word.strip_prefix("@SECLEVEL=").is_some_and(|level| !matches!(level, "0" | "1" | "2"));
    if words().any(level) {
        notes.push("`@SECLEVEL` is ignored: certificates and ciphers that it forbids are accepted");
    }
    if notes.is_empty() { Ok(Done::AsWritten) } else { different(notes.join("; ")) }
}

pub(super) fn curves(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let text = directive.arg(0);
    if text == "auto" {
        return Ok(Done::AsWritten);
    }
    let place = directive.place_of(0);
    let curves = text.split(':').map(|curve| Value::text(curve).at(place)).collect();
    convert.set(Target::Here, &["tls", "curves"], Value::List(curves), &directive.place);
    let passed_over = |curve: &&str| !CURVES.iter().any(|known| known.eq_ignore_ascii_case(curve));
    let passed_over: Vec<&str> = text.split(':').filter(passed_over).collect();
    match passed_over.is_empty() {
        true => Ok(Done::AsWritten),
        false => different(format!("not supported: {}; clients use another one", passed_over.join(", "))),
    }
}

/// What an option of OpenSSL's comes to.
enum Say {
    /// Nothing: it is about speed, about what rustls never does, or about what is always so.
    Nothing,
    /// Whose order of ciphers counts.
    Preference(bool),
    Unknown,
}

fn option(option: &str) -> Say {
    const NOTHING: [&str; 9] = [
        "PrioritizeChaCha",
        "KTLS",
        "NoRenegotiation",
        "NoResumptionOnRenegotiation",
        "AntiReplay",
        "Compression",
        "MiddleboxCompat",
        "DHSingle",
        "ECDHSingle",
    ];
    let option = option.trim();
    let on = !option.starts_with('-');
    let name = option.strip_prefix(['-', '+']).unwrap_or(option);
    if name.eq_ignore_ascii_case("ServerPreference") {
        return Say::Preference(on);
    }
    match NOTHING.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        true => Say::Nothing,
        false => Say::Unknown,
    }
}

/// `ssl_conf_command`
pub(super) fn command(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    // A level with a command of its own has none of the outer ones.
    if !convert.frame().section.has(COMMANDS) {
        convert.section(Target::Here).set(COMMANDS, Value::flag(true), Some(&directive.place));
    }
    let place = &directive.place;
    if is(directive, "Ciphersuites") {
        let (spoken, others) = suites(directive)?;
        let value = Value::text(spoken.join(":")).at(directive.place_of(1));
        convert.section(Target::Here).set(SUITES, value, Some(place));
        return match others.is_empty() {
            true => Ok(Done::AsWritten),
            false => different(format!("{} is not supported", others.join(", "))),
        };
    }
    if is(directive, "Options") {
        let mut notes = false;
        for said in directive.arg(1).split(',').map(option) {
            match said {
                Say::Unknown => return unknown(directive),
                Say::Nothing => notes = true,
                Say::Preference(on) => {
                    convert.section(Target::Here).set(PREFERENCE, Value::flag(on).at(place), Some(place));
                }
            }
        }
        return if notes { no_difference() } else { Ok(Done::AsWritten) };
    }
    unknown(directive)
}

/// `proxy_ssl_conf_command`, `grpc_ssl_conf_command`
pub(super) fn upstream_command(_: &mut Convert<'_>, directive: &Directive) -> Outcome {
    if is(directive, "Ciphersuites") {
        let (spoken, _) = suites(directive)?;
        return match MODERN.iter().all(|name| spoken.contains(name)) {
            true => no_difference(),
            false => refuse(format!(
                "write {} before the other ciphers into `{}_ssl_ciphers`: only the TLS 1.3 ciphers that it names are enabled",
                spoken.join(":"),
                directive.name().split('_').next().unwrap_or_default()
            )),
        };
    }
    let plain = |word: &str| matches!(option(word), Say::Nothing);
    match is(directive, "Options") && directive.arg(1).split(',').all(plain) {
        true => no_difference(),
        false => unknown(directive),
    }
}

fn is(directive: &Directive, command: &str) -> bool {
    directive.arg(0).eq_ignore_ascii_case(command)
}

fn no_difference() -> Outcome {
    different("an OpenSSL option without effect: TLS is implemented by rustls")
}

fn unknown(directive: &Directive) -> Outcome {
    let instead = match directive.arg(0).to_ascii_lowercase().as_str() {
        "cipherstring" => "write `ssl_ciphers`",
        "minprotocol" | "maxprotocol" | "protocol" => "write `ssl_protocols`",
        "curves" | "groups" => "write `ssl_ecdh_curve`",
        _ => "remove it",
    };
    refuse(format!("an OpenSSL command, but TLS is implemented by rustls: {instead}"))
}

/// The ciphers of TLS 1.3 that a command names: those that are spoken, and the others.
fn suites(directive: &Directive) -> Result<(Vec<&str>, Vec<&str>), Stop> {
    let words = directive.arg(1).split(':').map(str::trim).filter(|word| !word.is_empty());
    let (spoken, others): (Vec<_>, Vec<_>) = words.partition(|word| MODERN.contains(word));
    match spoken.is_empty() {
        true => refuse(format!(
            "the supported TLS 1.3 ciphers are {}; to use none of them, write `ssl_protocols TLSv1.2`",
            MODERN.join(", ")
        )),
        false => Ok((spoken, others)),
    }
}

/// What the commands of a level say.
struct Commands {
    suites: Option<Value>,
    prefer: Option<Value>,
}

impl Commands {
    fn take(section: &mut Section) -> Option<Self> {
        section.has(COMMANDS).then(|| {
            let commands = Self { suites: section.take(SUITES), prefer: section.take(PREFERENCE) };
            section.remove(COMMANDS);
            commands
        })
    }
}

/// `http` ends: what commands say comes to what other directives say.
pub(super) fn join(http: &mut Section, servers: &mut [Section]) {
    let outer = Commands::take(http);
    let (ciphers, prefer) = (http.value_mut(CIPHERS).cloned(), http.value_mut(PREFER).cloned());
    for server in servers {
        let own = Commands::take(server);
        let is_own = own.is_some();
        let said = own.as_ref().or(outer.as_ref());
        let any = |get: fn(&Commands) -> &Option<Value>| {
            [own.as_ref(), outer.as_ref()].into_iter().flatten().any(|commands| get(commands).is_some())
        };
        if any(|commands| &commands.suites) && (is_own || server.has(CIPHERS)) {
            let plain = server.value_mut(CIPHERS).cloned().or_else(|| ciphers.clone());
            let suites = said.and_then(|commands| commands.suites.as_ref());
            server.set(CIPHERS, with_suites(suites, plain.as_ref()), None);
        }
        if any(|commands| &commands.prefer) && (is_own || server.has(PREFER)) {
            let plain = || server.value_mut(PREFER).cloned().or_else(|| prefer.clone());
            let prefer = said.and_then(|commands| commands.prefer.clone()).or_else(plain);
            server.set(PREFER, prefer.unwrap_or_else(|| Value::flag(false)), None);
        }
    }
    let Some(Commands { suites, prefer }) = outer else { return };
    if suites.is_some() {
        http.set(CIPHERS, with_suites(suites.as_ref(), ciphers.as_ref()), None);
    }
    if let Some(prefer) = prefer {
        http.set(PREFER, prefer, None);
    }
}

/// The ciphers of TLS 1.3 and, of a list in which OpenSSL passes over such, the others.
fn with_suites(suites: Option<&Value>, ciphers: Option<&Value>) -> Value {
    let list = ciphers.and_then(Value::as_text).unwrap_or(DEFAULT);
    let place = suites.or(ciphers).and_then(Value::place);
    let Some(suites) = suites.and_then(Value::as_text) else { return Value::text(list) };
    let others =
        list.split([':', ',', ';', ' ']).filter(|word| !word.is_empty() && !word.starts_with("TLS_"));
    let words: Vec<&str> = suites.split(':').chain(others).collect();
    let joined = Value::text(words.join(":"));
    match place {
        Some(place) => joined.at(place),
        None => joined,
    }
}
