//! The expressions of `if` and `elif`: `$a`, `$a = text`, `$a != text`, `$a = /regular expression/`.

use bytes::Bytes;

use crate::text::{evaluate, lossy};
use crate::{Error, Host};

/// Whether an expression holds. What a regular expression captures is there from then on.
pub(crate) fn holds(host: &dyn Host, expression: &[u8]) -> Result<bool, Error> {
    let invalid = || Error::Expression(lossy(expression));
    let end = expression.iter().position(|byte| !is_of_left(*byte)).unwrap_or(expression.len());
    let (left, rest) = expression.split_at(end);
    let left = evaluate(host, &left.to_ascii_lowercase())?;
    let (negative, right) = match blankless(rest) {
        [] => return Ok(!left.is_empty()),
        [b'=', right @ ..] => (false, blankless(right)),
        [b'!', b'=', right @ ..] => (true, blankless(right)),
        _ => return Err(invalid()),
    };
    let same = match right {
        [b'/', pattern @ .., b'/'] => matches(host, pattern, &left)?,
        [b'/', _, ..] => return Err(invalid()),
        [b'\\', text @ ..] if text.starts_with(b"/") => evaluate(host, text)? == left,
        text => evaluate(host, text)? == left,
    };
    Ok(same != negative)
}

fn matches(host: &dyn Host, pattern: &[u8], text: &Bytes) -> Result<bool, Error> {
    let pattern = lossy(&evaluate(host, pattern)?);
    let captured = host.captures(&pattern, text).map_err(|why| Error::Pattern { pattern, why })?;
    let Some(captured) = captured else { return Ok(false) };
    host.shared().capture(captured.groups);
    for (name, value) in captured.named {
        host.shared().set(name.to_ascii_lowercase().as_bytes(), value)?;
    }
    Ok(true)
}

/// What may stand on the left.
fn is_of_left(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"${}_\"'".contains(&byte)
}

fn blankless(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}
