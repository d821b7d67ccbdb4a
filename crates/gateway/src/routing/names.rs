use bytes::Bytes;
use foldhash::{HashMap, HashSet};

use super::{Captures, Pattern, PatternError};

/// The names of all servers on one listener: which server a host means.
///
/// nginx's order: the exact name, the longest `*.example.com` (or `.example.com`), the longest `www.example.*`, the
/// first regex, and the default server for the rest. Exact names and wildcards are hashed by label, so their number
/// does not matter; regexes are tried in turn.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::ServerNames;
///
/// let mut builder = ServerNames::builder();
/// builder.add(0, "example.com")?;
/// builder.add(1, "*.example.com")?;
/// builder.add(2, r"~^(?<shop>\w+)\.shops\.net$")?;
/// let names = builder.build();
///
/// let found = |host: &'static str| names.find(&Bytes::from(host));
/// assert_eq!(found("a.b.example.com").map(|named| named.server), Some(1));
/// assert!(found("example.org").is_none()); // the default server
///
/// let captures = found("ann.shops.net").and_then(|named| named.captures).ok_or("no captures")?;
/// assert_eq!(captures.name("shop").as_deref(), Some(&b"ann"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct ServerNames {
    exact: HashMap<Box<[u8]>, usize>,
    /// `*.example.com`, by labels from the right.
    leading: Labels,
    /// `www.example.*`, by labels from the left.
    trailing: Labels,
    regexes: Vec<(Pattern, usize)>,
}

impl ServerNames {
    /// Names are added in the order of the servers.
    pub fn builder() -> ServerNamesBuilder {
        ServerNamesBuilder::default()
    }

    /// The server of a host as [`Host::name`](super::Host::name) gives it: lower case, without port and final dot.
    /// The empty host means a request without one. `None`: the default server.
    pub fn find(&self, host: &Bytes) -> Option<Named> {
        let server = |server| Named { server, captures: None };
        if let Some(&exact) = self.exact.get(&**host) {
            return Some(server(exact));
        }
        if host.is_empty() {
            return None;
        }
        let labels = |byte: &u8| *byte == b'.';
        self.leading
            .longest(host.rsplit(labels))
            .or_else(|| self.trailing.longest(host.split(labels)))
            .map(server)
            .or_else(|| self.find_regex(host))
    }

    /// Whether some name is a regex.
    pub(crate) fn has_regexes(&self) -> bool {
        !self.regexes.is_empty()
    }

    fn find_regex(&self, host: &Bytes) -> Option<Named> {
        self.regexes.iter().find_map(|(pattern, server)| {
            let captures = pattern.find(host)?;
            Some(Named { server: *server, captures: Some(captures) })
        })
    }
}

/// A server found by name.
#[derive(Debug, Clone)]
pub struct Named {
    /// The number given to [`ServerNamesBuilder::add`].
    pub server: usize,
    /// The groups of the regex that matched, if it was one.
    pub captures: Option<Captures>,
}

/// Collects the names of a listener's servers.
#[derive(Debug, Default)]
pub struct ServerNamesBuilder {
    names: ServerNames,
    /// Exact names, and `example.com` of every `.example.com`.
    taken: HashSet<Box<[u8]>>,
}

impl ServerNamesBuilder {
    /// Adds a name: exact, `*.example.com`, `.example.com`, `www.example.*` or `~regex`. A server without names adds
    /// the empty one, and so is found by requests without a host.
    ///
    /// A name that is taken is not added, which nginx reports as a warning: [`Added::Conflict`]. `.example.com` after
    /// `example.com` is taken as a whole.
    ///
    /// # Errors
    ///
    /// A wildcard in another place, or a regex that does not compile.
    pub fn add(&mut self, server: usize, name: &str) -> Result<Added, NameError> {
        if let Some(pattern) = name.strip_prefix('~') {
            self.add_regex(server, pattern)?;
            return Ok(Added::New);
        }
        let name = name.to_ascii_lowercase();
        let invalid = || NameError::Name(name.as_str().into());
        if name.contains("..") || name.contains('\0') {
            return Err(invalid());
        }
        let stars = name.matches('*').count();
        let added = if stars == 0 && name.len() > 1 && name.starts_with('.') {
            let bare = name.trim_start_matches('.');
            if !self.taken.insert(bare.as_bytes().into()) {
                return Ok(Added::Conflict);
            }
            self.names.leading.insert(bare.rsplit('.'), server, Bare::Included)
        } else if let Some(suffix) = name.strip_prefix("*.").filter(|rest| stars == 1 && !rest.is_empty()) {
            self.names.leading.insert(suffix.rsplit('.'), server, Bare::Excluded)
        } else if let Some(prefix) =
            name.strip_suffix(".*").filter(|rest| stars == 1 && !rest.is_empty() && !rest.starts_with('.'))
        {
            self.names.trailing.insert(prefix.split('.'), server, Bare::Excluded)
        } else if stars == 0 && name != "." {
            let new = self.taken.insert(name.as_bytes().into());
            if new {
                self.names.exact.insert(name.as_bytes().into(), server);
            }
            new
        } else {
            return Err(invalid());
        };
        Ok(if added { Added::New } else { Added::Conflict })
    }

    /// Hosts are lower case, so nginx ignores case for a pattern that has an upper-case letter.
    fn add_regex(&mut self, server: usize, pattern: &str) -> Result<(), NameError> {
        if pattern.is_empty() {
            return Err(NameError::Name("~".into()));
        }
        let caseless = pattern.bytes().any(|byte| byte.is_ascii_uppercase());
        let pattern = if caseless { Pattern::caseless(pattern) } else { Pattern::new(pattern) }?;
        self.names.regexes.push((pattern, server));
        Ok(())
    }

    /// The lookup.
    pub fn build(self) -> ServerNames {
        self.names
    }
}

/// Whether a name was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Added {
    /// It was.
    New,
    /// An earlier name is the same: this one is ignored, and worth a warning.
    Conflict,
}

/// Why a server name cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Dots or asterisks where no name has them.
    #[error("invalid server name or wildcard {0:?}")]
    Name(Box<str>),
    /// A regex that does not compile.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// Whether the name without the wildcard's label matches too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bare {
    Included,
    Excluded,
}

/// A tree of labels.
#[derive(Debug, Default)]
struct Labels {
    server: Option<(usize, Bare)>,
    below: HashMap<Box<[u8]>, Self>,
}

impl Labels {
    /// False if the place is taken.
    fn insert<'a>(&mut self, labels: impl Iterator<Item = &'a str>, server: usize, bare: Bare) -> bool {
        let mut at = self;
        for label in labels {
            at = at.below.entry(label.as_bytes().into()).or_default();
        }
        let free = at.server.is_none();
        at.server.get_or_insert((server, bare));
        free
    }

    /// The deepest server whose labels begin these, with at least one label to spare unless it is [`Bare::Included`].
    fn longest<'a>(&self, labels: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
        if self.below.is_empty() {
            return None;
        }
        let mut labels = labels.peekable();
        let mut at = self;
        let mut found = None;
        while let Some(below) = labels.next().and_then(|label| at.below.get(label)) {
            at = below;
            let spare = labels.peek().is_some();
            if let Some((server, _)) = at.server.filter(|&(_, bare)| spare || bare == Bare::Included) {
                found = Some(server);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(names: &[&str]) -> (ServerNames, Vec<Added>) {
        let mut builder = ServerNames::builder();
        let added =
            names.iter().enumerate().map(|(server, name)| builder.add(server, name).unwrap()).collect();
        (builder.build(), added)
    }

    #[track_caller]
    fn check(names: &[&str], hosts: &[(&'static str, Option<&str>)]) {
        let (lookup, _) = build(names);
        for &(host, expected) in hosts {
            let found = lookup.find(&Bytes::from(host)).map(|named| names[named.server]);
            assert_eq!(found, expected, "{host} among {names:?}");
        }
    }

    #[test]
    fn order_of_kinds() {
        check(
            &["~^www", "www.example.*", "*.example.com", "www.example.com", "*.com", "~org$"],
            &[
                ("www.example.com", Some("www.example.com")),
                ("ftp.example.com", Some("*.example.com")),
                ("a.b.example.com", Some("*.example.com")),
                ("example.com", Some("*.com")),
                ("com", None),
                ("www.example.org", Some("www.example.*")),
                ("www.example.co.uk", Some("www.example.*")),
                ("www.example", Some("~^www")),
                ("www.org", Some("~^www")),
                ("ftp.org", Some("~org$")),
                ("", None),
            ],
        );
    }

    #[test]
    fn longest_wildcard_wins_and_falls_back() {
        check(
            &["*.c", "*.a.b.c", ".b.c", "www.*", "www.x.y.*"],
            &[
                ("b.c", Some(".b.c")),
                ("z.b.c", Some(".b.c")),
                ("a.b.c", Some(".b.c")),
                ("z.a.b.c", Some("*.a.b.c")),
                ("q.c", Some("*.c")),
                ("c", None),
                (".c", Some("*.c")),
                ("www.x", Some("www.*")),
                ("www.x.y", Some("www.*")),
                ("www.x.y.z", Some("www.x.y.*")),
                ("www", None),
            ],
        );
    }

    #[test]
    fn a_missing_host_means_the_empty_name() {
        check(&["a", "", "~.*"], &[("", Some("")), ("b", Some("~.*"))]);
        check(&["a", "*.b", "~.*"], &[("", None)]);
    }

    #[test]
    fn case_of_names_and_patterns() {
        check(
            &["EXAMPLE.Com", "*.Example.ORG", "~^Shop"],
            &[
                ("example.com", Some("EXAMPLE.Com")),
                ("a.example.org", Some("*.Example.ORG")),
                ("shop.net", Some("~^Shop")),
            ],
        );
    }

    #[test]
    fn literals_and_addresses_are_names() {
        check(
            &["[::1]", "127.0.0.1", "a_b"],
            &[("[::1]", Some("[::1]")), ("127.0.0.1", Some("127.0.0.1")), ("a_b", Some("a_b"))],
        );
    }

    #[track_caller]
    fn check_conflicts(names: &[&str], conflicts: &[bool]) {
        let (_, added) = build(names);
        let found: Vec<_> = added.iter().map(|&added| added == Added::Conflict).collect();
        assert_eq!(found, conflicts, "{names:?}");
    }

    #[test]
    fn conflicts() {
        check_conflicts(&["a", "A", "", ""], &[false, true, false, true]);
        check_conflicts(&["a.b", ".a.b", "*.a.b"], &[false, true, false]);
        check_conflicts(&[".a.b", "a.b", "*.a.b"], &[false, true, true]);
        check_conflicts(&["*.a.b", "*.a.b", ".a.b"], &[false, true, true]);
        check_conflicts(&["a.*", "a.*", "a.b.*"], &[false, true, false]);
        check_conflicts(&["~a", "~a"], &[false, false]);
    }

    #[test]
    fn a_conflict_is_ignored() {
        let (names, _) = build(&["a.b", ".a.b"]);
        assert_eq!(names.find(&Bytes::from("x.a.b")).map(|named| named.server), None);
        let (names, _) = build(&[".a.b", "a.b"]);
        assert_eq!(names.find(&Bytes::from("a.b")).map(|named| named.server), Some(0));
    }

    #[test]
    fn invalid_names() {
        let mut builder = ServerNames::builder();
        for name in [
            "*", "*.", ".", "a*", "*a.b", "a.*.b", "*.*", "*.a.*", "a..b", "..a", "*..a", "a.b*", ".a.*",
            "~", "~(",
        ] {
            assert!(builder.add(0, name).is_err(), "{name}");
        }
    }
}
