//! The field `Range` (RFC 9110 section 14.1.2), read as nginx reads it. Pure.

use std::ops::Range;

/// What a `Range` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// These parts, in the order asked for; none is empty.
    Parts(Vec<Range<u64>>),
    /// Nothing that can be given in parts: the whole is sent.
    Ignored,
    /// 416.
    Unsatisfiable,
}

/// Reads the parts of `size` bytes that `value` asks for; more than `max` of them, or more bytes than there are in all, and
/// the whole is sent.
pub(crate) fn parse(value: &[u8], size: u64, max: usize) -> Ranges {
    let Some((unit, set)) = value.split_at_checked(6) else { return Ranges::Ignored };
    if max == 0 || set.is_empty() || !unit.eq_ignore_ascii_case(b"bytes=") {
        return Ranges::Ignored;
    }
    let (mut parts, mut total) = (Vec::new(), 0_u64);
    for spec in set.split(|&byte| byte == b',') {
        let Some(part) = read(spec, size) else { return Ranges::Unsatisfiable };
        if part.is_empty() {
            if part.start == 0 {
                return Ranges::Ignored;
            }
            continue;
        }
        if parts.len() == max {
            return Ranges::Ignored;
        }
        let Some(sum) = total.checked_add(part.end - part.start) else { return Ranges::Unsatisfiable };
        total = sum;
        parts.push(part);
    }
    if parts.is_empty() {
        return Ranges::Unsatisfiable;
    }
    if total > size {
        return Ranges::Ignored;
    }
    Ranges::Parts(parts)
}

/// One range; an empty one if it lies behind the end. Nothing if it is malformed.
fn read(spec: &[u8], size: u64) -> Option<Range<u64>> {
    let spec = spaces(spec);
    if let [b'-', suffix @ ..] = spec {
        let (length, rest) = number(suffix)?;
        return spaces(rest).is_empty().then(|| size.saturating_sub(length)..size);
    }
    let (start, rest) = number(spec)?;
    let [b'-', rest @ ..] = spaces(rest) else { return None };
    let rest = spaces(rest);
    if rest.is_empty() {
        return Some(start..size.max(start));
    }
    let (last, rest) = number(rest)?;
    let end = last.saturating_add(1).min(size);
    spaces(rest).is_empty().then(|| start..end.max(start))
}

fn spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte != b' ').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// The number at the beginning; nothing if there is none, or it is too large for a file's size.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(digits).filter(|(digits, _)| !digits.is_empty())?;
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|&n| n <= i64::MAX as u64)
    })?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_nginx_reads_them() {
        #[track_caller]
        fn check(value: &str, size: u64, max: usize, expected: &Ranges) {
            assert_eq!(parse(value.as_bytes(), size, max), *expected, "{value} of {size}, at most {max}");
        }
        fn parts(parts: &[(u64, u64)]) -> Ranges {
            Ranges::Parts(parts.iter().map(|&(start, end)| start..end).collect())
        }
        let (all, ignored, wrong) = (usize::MAX, Ranges::Ignored, Ranges::Unsatisfiable);
        check("bytes=0-0", 10, all, &parts(&[(0, 1)]));
        check("bytes=0-9", 10, all, &parts(&[(0, 10)]));
        check("bytes=5-", 10, all, &parts(&[(5, 10)]));
        check("bytes=5-99", 10, all, &parts(&[(5, 10)]));
        check("bytes=-3", 10, all, &parts(&[(7, 10)]));
        check("bytes=-99", 10, all, &parts(&[(0, 10)]));
        check("BYTES= 1 - 2 , 4 - ", 10, all, &parts(&[(1, 3), (4, 10)]));
        check("bytes=0-1,8-9", 10, all, &parts(&[(0, 2), (8, 10)]));
        check("bytes=8-9,0-1", 10, all, &parts(&[(8, 10), (0, 2)]));
        check("bytes=1-2,99-", 10, all, &parts(&[(1, 3)]));
        check("bytes=10-", 10, all, &wrong);
        check("bytes=10-20,30-", 10, all, &wrong);
        check("bytes=-0", 10, all, &wrong);
        check("bytes=5-4", 10, all, &wrong);
        check("bytes=0-0", 0, all, &ignored);
        check("bytes=-1", 0, all, &ignored);
        check("bytes=1-", 0, all, &wrong);
        check("bytes=0-8,0-8", 10, all, &ignored);
        check("bytes=0-4,5-9", 10, all, &parts(&[(0, 5), (5, 10)]));
        check("bytes=0-0", 10, 0, &ignored);
        check("bytes=0-0,2-2", 10, 1, &ignored);
        check("bytes=0-0,2-2", 10, 2, &parts(&[(0, 1), (2, 3)]));
        check("bytes=", 10, all, &ignored);
        check("lines=0-1", 10, all, &ignored);
        check("bytes", 10, all, &ignored);
        for malformed in ["x", "1", "1-x", "-", "-x", "1-2x", "1-2 3", "1--2", "1-2,", ",1-2", " "] {
            check(&format!("bytes={malformed}"), 10, all, &wrong);
        }
        check("bytes=9223372036854775807-", 10, all, &wrong);
        check("bytes=9223372036854775808-", 10, all, &wrong);
        check("bytes=0-99999999999999999999", 10, all, &wrong);
    }
}
