//! Durations and sizes as nginx writes them.

use std::ops::Range;
use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Why a duration or size cannot be read, and which part of the text is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct UnitError {
    problem: &'static str,
    range: Range<usize>,
}

impl UnitError {
    const fn new(problem: &'static str, range: Range<usize>) -> Self {
        Self { problem, range }
    }

    /// The bytes of the text that are at fault.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

/// Reads a duration: `"300ms"`, `"5s"`, `"1h30m"`, `"1d"`, `"1w"`, `"1M"` (30 days), `"1y"` (365 days); a bare number is
/// seconds. Units go from the largest to the smallest, each at most once, with or without one space between.
///
/// ```
/// use std::time::Duration;
/// use propylon_config::duration;
/// assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
/// assert_eq!(duration("1M"), Ok(Duration::from_secs(30 * 86_400)));
/// assert!(duration("5 s").is_err());
/// ```
///
/// # Errors
/// When it is not of that form, or longer than 100 years.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    const UNITS: [(&str, u64); 8] = [
        ("y", 31_536_000_000),
        ("M", 2_592_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let whole = 0..text.len();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse().map_err(|_| UnitError::new("too long", whole.clone()))?;
        return limited(Duration::from_secs(seconds), whole);
    }
    let mut total: u64 = 0;
    let mut rest_units = UNITS.as_slice();
    let mut at = 0;
    while at < text.len() || at == 0 {
        let rest = text.get(at..).unwrap_or_default();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest.bytes().skip(digits).take_while(u8::is_ascii_alphabetic).count();
        let part = at..at + digits + letters;
        if digits == 0 {
            let end = text.len();
            return Err(UnitError::new(
                "expected a number and a unit",
                if at == end { whole } else { at..end },
            ));
        }
        let unit = rest.get(digits..digits + letters).unwrap_or_default();
        if unit.is_empty() {
            return Err(UnitError::new("the unit must follow the number directly", at..text.len()));
        }
        let Some(index) = rest_units.iter().position(|(name, _)| *name == unit) else {
            let known = UNITS.iter().any(|(name, _)| *name == unit);
            let problem = if known {
                "units must go from the largest to the smallest, each at most once"
            } else {
                "unknown unit"
            };
            return Err(UnitError::new(problem, at + digits..part.end));
        };
        let scale = rest_units.get(index).map_or(0, |(_, scale)| *scale);
        rest_units = rest_units.get(index + 1..).unwrap_or_default();
        total = rest
            .get(..digits)
            .and_then(|number| number.parse::<u64>().ok())
            .and_then(|number| number.checked_mul(scale))
            .and_then(|number| number.checked_add(total))
            .ok_or_else(|| UnitError::new("too long", part.clone()))?;
        at = part.end;
        if text.get(at..at + 1) == Some(" ") && at + 1 < text.len() {
            at += 1;
        }
    }
    limited(Duration::from_millis(total), whole)
}

fn limited(duration: Duration, range: Range<usize>) -> Result<Duration, UnitError> {
    if duration > LONGEST {
        return Err(UnitError::new("longer than 100 years", range));
    }
    Ok(duration)
}

/// Reads a size in bytes: `"512"`, `"4k"` (4096), `"16m"`, `"1g"`; letters in either case.
///
/// ```
/// assert_eq!(propylon_config::size("4k"), Ok(4096));
/// assert!(propylon_config::size("4kb").is_err());
/// ```
///
/// # Errors
/// When it is not of that form, or more than 2⁶³−1 bytes.
pub fn size(text: &str) -> Result<u64, UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(UnitError::new("expected a number and an optional unit", 0..text.len()));
    }
    let scale: u64 = match text.get(digits..).unwrap_or_default() {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return Err(UnitError::new("unknown unit", digits..text.len())),
    };
    text.get(..digits)
        .and_then(|number| number.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(scale))
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| UnitError::new("too large", 0..text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check =
            |text, expected| assert_eq!(duration(text).ok(), Some(Duration::from_millis(expected)), "{text}");
        check("0", 0);
        check("0s", 0);
        check("75", 75_000);
        check("300ms", 300);
        check("5s", 5000);
        check("1m", 60_000);
        check("1h30m", 5_400_000);
        check("1h 30m", 5_400_000);
        check("1d", 86_400_000);
        check("1w", 604_800_000);
        check("1M", 2_592_000_000);
        check("1y", 31_536_000_000);
        check("1y1M1w1d1h1m1s1ms", 34_822_861_001 - 1 + 1);
    }

    #[test]
    fn wrong_durations() {
        let check = |text, expected: Range<usize>| {
            assert_eq!(duration(text).map_err(|e| e.range()), Err(expected), "{text}")
        };
        check("", 0..0);
        check("5 s", 0..3);
        check("s", 0..1);
        check("-5s", 0..3);
        check("5x", 1..2);
        check("1m1h", 3..4);
        check("1s1s", 3..4);
        check("5s ", 2..3);
        check("5s  1ms", 3..7);
        check("1.5s", 0..4);
        check("99999999999999999999s", 0..21);
        check("99999999999999999999", 0..20);
        check("101y", 0..4);
        check("5sé", 2..4);
    }

    #[test]
    fn sizes() {
        let check = |text, expected| assert_eq!(size(text).ok(), Some(expected), "{text}");
        check("0", 0);
        check("512", 512);
        check("4k", 4096);
        check("4K", 4096);
        check("16m", 16 << 20);
        check("1G", 1 << 30);
    }

    #[test]
    fn wrong_sizes() {
        let check = |text, expected: Range<usize>| {
            assert_eq!(size(text).map_err(|e| e.range()), Err(expected), "{text}")
        };
        check("", 0..0);
        check("k", 0..1);
        check("10kb", 2..4);
        check("-1k", 0..3);
        check("4 k", 1..3);
        check("99999999999g", 0..12);
        check("99999999999999999999", 0..20);
    }
}
