//! A cookie in the lines of `Cookie`. Pure.

/// The value of the first cookie of that name, in whatever case; blanks around the `=` are not of it.
pub(crate) fn find<'h>(lines: impl IntoIterator<Item = &'h [u8]>, name: &str) -> Option<&'h [u8]> {
    let pairs = lines.into_iter().flat_map(|line| line.split(|byte| *byte == b';'));
    pairs.map(without_blanks).find_map(|pair| {
        let (found, rest) = pair.split_at_checked(name.len())?;
        let value = found.eq_ignore_ascii_case(name.as_bytes()).then(|| without_blanks(rest))?;
        Some(without_blanks(value.strip_prefix(b"=")?))
    })
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| **byte == b' ').count();
    text.get(blanks..).unwrap_or_default()
}
