//! nginx's kinds of arguments, with its words for what is wrong with them.

use crate::convert::Stop;
use crate::place::Problem;
use crate::tree::Directive;

/// What nginx says of a value that it cannot read.
pub(crate) fn invalid(directive: &Directive, index: usize, message: impl Into<String>) -> Stop {
    Stop::Invalid(Problem::new(directive.place_of(index), message))
}

/// `on` or `off`.
pub(crate) fn flag(directive: &Directive, index: usize) -> Result<bool, Stop> {
    let (name, text) = (directive.name(), directive.arg(index));
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => {
            let message =
                format!("invalid value \"{text}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
            Err(invalid(directive, index, message))
        }
    }
}

/// A duration, as the other configuration writes it.
pub(crate) fn time(directive: &Directive, index: usize) -> Result<String, Stop> {
    duration(directive.arg(index))
        .ok_or_else(|| invalid(directive, index, format!("\"{}\" directive invalid value", directive.name())))
}

/// nginx takes a number alone for seconds.
pub(crate) fn duration(text: &str) -> Option<String> {
    propylon_config::duration(text).ok()?;
    let bare = text.bytes().all(|byte| byte.is_ascii_digit());
    let zero = bare && text.bytes().all(|byte| byte == b'0');
    Some(match (zero, bare) {
        (true, _) => "0".to_owned(),
        (false, true) => format!("{text}s"),
        (false, false) => text.to_owned(),
    })
}

/// A number of bytes with a unit.
pub(crate) fn size(directive: &Directive, index: usize) -> Result<String, Stop> {
    let text = directive.arg(index);
    match propylon_config::size(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(invalid(directive, index, format!("\"{}\" directive invalid value", directive.name()))),
    }
}

/// A number.
pub(crate) fn number(directive: &Directive, index: usize) -> Result<u64, Stop> {
    digits(directive.arg(index)).ok_or_else(|| {
        invalid(directive, index, format!("\"{}\" directive invalid number", directive.name()))
    })
}

/// Digits and nothing else: no sign.
pub(crate) fn digits(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// One of some words.
pub(crate) fn one_of(
    directive: &Directive,
    index: usize,
    words: &[&'static str],
) -> Result<&'static str, Stop> {
    let text = directive.arg(index);
    words
        .iter()
        .find(|word| word.eq_ignore_ascii_case(text))
        .copied()
        .ok_or_else(|| invalid(directive, index, format!("invalid value \"{text}\"")))
}
