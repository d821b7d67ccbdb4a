//! A message head as it came: its exact bytes, and the views that comparisons need.

use std::collections::BTreeMap;

/// The bytes of a head, from the first of the start line to the empty line, both included.
#[derive(Clone, PartialEq, Eq)]
pub struct Head(pub Vec<u8>);

impl Head {
    /// The start line without its line end.
    pub fn start_line(&self) -> &[u8] {
        self.lines().next().unwrap_or_default()
    }

    /// The fields in order: the name in lower case, the value without the blanks around it.
    pub fn fields(&self) -> Vec<(String, Vec<u8>)> {
        let field = |line: &[u8]| {
            let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            (name, line.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec())
        };
        self.lines().skip(1).filter(|line| !line.is_empty()).map(field).collect()
    }

    /// The fields as a multiset: values by name, the order of equal names kept.
    pub fn by_name(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut map = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in self.fields() {
            map.entry(name).or_default().push(value);
        }
        map
    }

    /// The first value of the field `name` (lower case), as text.
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields()
            .into_iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| String::from_utf8_lossy(&v).into_owned())
    }

    /// Whether a field of this name (lower case) lists `token`.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        let has = |value: &[u8]| {
            value.split(|&b| b == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        };
        self.fields().iter().any(|(n, value)| n == name && has(value))
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}
