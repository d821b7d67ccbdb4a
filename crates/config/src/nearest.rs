/// The candidate that `written` most likely meant: at most a third of its letters differ.
///
/// ```
/// assert_eq!(propylon_config::nearest("proxy_past", ["proxy_pass", "root"]), Some("proxy_pass"));
/// assert_eq!(propylon_config::nearest("gzip", ["proxy_pass", "root"]), None);
/// ```
pub fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (written.chars().count() / 3).clamp(1, 3);
    within(written, candidates, limit)
}

/// The candidate with the least distance, if that is at most `limit`.
pub(crate) fn within<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
    limit: usize,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two names: insert, remove, replace, or swap two neighbours; letter case is free.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|c| c.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, &from) in a.iter().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        let mut last = None;
        for (j, &to) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let diagonal = row.get(j).copied().unwrap_or(usize::MAX - 1);
            left = (above + 1).min(left + 1).min(diagonal + usize::from(from != to));
            if previous == Some(to) && last == Some(from) && from != to {
                let swapped = j.checked_sub(1).and_then(|j| before.get(j));
                left = left.min(swapped.map_or(usize::MAX, |d| d + 1));
            }
            next.push(left);
            last = Some(to);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(from);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let check = |a, b, expected| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("", "", 0);
        check("read", "read", 0);
        check("Read", "read", 0);
        check("raed", "read", 1);
        check("rea", "read", 1);
        check("reads", "read", 1);
        check("road", "read", 1);
        check("backnd", "backend", 1);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
    }

    #[test]
    fn nearest_is_near() {
        let keys = ["connect", "send", "read", "keepalive"];
        assert_eq!(nearest("conect", keys), Some("connect"));
        assert_eq!(nearest("keep_alive", keys), Some("keepalive"));
        assert_eq!(nearest("reda", keys), Some("read"));
        assert_eq!(nearest("zone", keys), None);
        assert_eq!(nearest("x", keys), None);
    }
}
