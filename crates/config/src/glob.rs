//! The names that a pattern of an `include` stands for.

use std::path::{Component, Path, PathBuf};

/// The existing paths that match a pattern of `*`, `?`, `[a-z]` and `[!a-z]`, as glob(3) has them; sorted.
#[must_use]
pub fn glob(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        match component {
            Component::Normal(name) => {
                let name = name.to_string_lossy();
                found = found.iter().flat_map(|directory| step(directory, &name)).collect();
            }
            other => found.iter_mut().for_each(|path| path.push(other)),
        }
    }
    found.retain(|path| path.exists());
    found
}

fn step(directory: &Path, name: &str) -> Vec<PathBuf> {
    if !name.contains(['*', '?', '[', '\\']) {
        return vec![directory.join(name)];
    }
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = std::fs::read_dir(here) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    // A dot at the beginning must be written.
    let mut names: Vec<String> = names
        .filter(|candidate| candidate.starts_with('.') == name.starts_with('.') && matches(name, candidate))
        .collect();
    names.sort_unstable();
    names.into_iter().map(|name| directory.join(name)).collect()
}

/// Whether a name matches a pattern of `*`, `?`, `[a-z]` and `[!a-z]`.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and how much of the name it takes so far.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            (Some(_), Some(&char)) => one(pattern.get(p..).unwrap_or_default(), char),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                n += 1;
            }
            (None, Some((after, taken))) if taken < name.len() => {
                star = Some((after, taken + 1));
                p = after;
                n = taken + 1;
            }
            (None, _) => return false,
        }
    }
}

/// How much of a pattern stands for this character at its beginning; `None`: it does not match.
fn one(pattern: &[char], char: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == char).then_some(2),
        ['[', rest @ ..] => set(rest, char),
        [plain, ..] => (*plain == char).then_some(1),
        [] => None,
    }
}

fn set(rest: &[char], char: char) -> Option<usize> {
    let negated = matches!(rest, ['!' | '^', ..]);
    let items = rest.get(usize::from(negated)..)?;
    // A `]` that comes first is one of the set.
    let close = items.iter().skip(1).position(|item| *item == ']');
    let Some(close) = close.map(|at| at + 1) else { return (char == '[').then_some(1) };
    let items = items.get(..close)?;
    let mut found = false;
    let mut at = 0;
    while let Some(first) = items.get(at) {
        match (items.get(at + 1), items.get(at + 2)) {
            (Some('-'), Some(last)) => {
                found |= (*first..=*last).contains(&char);
                at += 3;
            }
            _ => {
                found |= *first == char;
                at += 1;
            }
        }
    }
    (found != negated).then_some(1 + usize::from(negated) + close + 1)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let check =
            |pattern, name, expected| assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        check("*.conf", "a.conf", true);
        check("*.conf", ".conf", true);
        check("*.conf", "a.conf.bak", false);
        check("a*b*c", "axxbyyc", true);
        check("a*b*c", "axxbyy", false);
        check("?.conf", "a.conf", true);
        check("?.conf", "ab.conf", false);
        check("[a-c]x", "bx", true);
        check("[!a-c]x", "bx", false);
        check("[!a-c]x", "zx", true);
        check("[]x]", "]", true);
        check("[x", "[x", true);
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("**", "", true);
        check("", "a", false);
    }
}
