use bytes::Bytes;
use foldhash::{HashMap, HashMapExt, HashSet};

use super::{Captures, Escape, LocationMatch, Pattern, escape, prefix_tree::PrefixTree};

/// A location as configured: what it matches, the number it is known by, and the locations inside it.
#[derive(Debug, Clone)]
pub struct Location {
    index: usize,
    matches: LocationMatch,
    passes: bool,
    inner: Vec<Self>,
}

impl Location {
    /// `index` is what [`Locations::find`] answers with.
    pub fn new(index: usize, matches: LocationMatch) -> Self {
        Self { index, matches, passes: false, inner: Vec::new() }
    }

    /// The location passes requests to an upstream (`proxy_pass`, `fastcgi_pass`): if its path ends in `/`, the path
    /// without it is redirected to it.
    #[must_use]
    pub fn passes(mut self) -> Self {
        self.passes = true;
        self
    }

    /// The locations written inside this one.
    #[must_use]
    pub fn nesting(mut self, inner: Vec<Self>) -> Self {
        self.inner = inner;
        self
    }
}

/// The locations of one server.
///
/// A path is looked up among the exact ones by hash, then among the prefixes by a tree, then the regexes are tried in
/// order, unless the longest prefix is `^~`. Inside the longest prefix the locations nested there are searched first,
/// regexes included; inside a regex that matches, the regexes nested there. The number of exact and prefix locations
/// does not matter to the cost.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::{Found, Location, LocationMatch, Locations};
///
/// let locations = Locations::build(vec![
///     Location::new(0, LocationMatch::parse("/")?),
///     Location::new(1, LocationMatch::parse("/api/")?).passes(),
///     Location::new(2, LocationMatch::parse(r"~ \.php$")?),
/// ])?;
/// let find = |path: &'static str| locations.find(&Bytes::from(path));
/// assert!(matches!(find("/index.html"), Some(Found::Location { index: 0, .. })));
/// assert!(matches!(find("/api/x.php"), Some(Found::Location { index: 2, .. })));
/// assert!(matches!(find("/api"), Some(Found::Redirect { index: 1, location }) if location == "/api/"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Locations {
    top: Level,
    named: HashMap<Box<str>, usize>,
}

impl Locations {
    /// Prepares the search.
    ///
    /// # Errors
    ///
    /// What nginx refuses in a configuration: see [`LocationError`].
    pub fn build(locations: Vec<Location>) -> Result<Self, LocationError> {
        let mut named = HashMap::new();
        let mut located = Vec::with_capacity(locations.len());
        for location in locations {
            match &location.matches {
                LocationMatch::Named(name) => {
                    refuse_inner(&location)?;
                    // nginx takes the first of two equal names, and says nothing.
                    named.entry(name.clone()).or_insert(location.index);
                }
                _ => located.push(location),
            }
        }
        Ok(Self { top: Level::build(located)?, named })
    }

    /// The location for a path as [`Path::decoded`](super::Path::decoded) gives it; `None` if none matches.
    pub fn find(&self, path: &Bytes) -> Option<Found> {
        let mut search = Search { path, node: None, captures: None };
        let step = search.level(&self.top);
        let Search { node, captures, .. } = search;
        let node = node?;
        Some(match step {
            Step::Redirect => Found::Redirect { index: node.index, location: node.escaped.clone() },
            Step::Found | Step::Prefix | Step::Nothing => Found::Location { index: node.index, captures },
        })
    }

    /// The location of that name, with its `@`.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.named.get(name).copied()
    }
}

/// What a path leads to.
#[derive(Debug, Clone)]
pub enum Found {
    /// A location.
    Location {
        /// The number of the location.
        index: usize,
        /// The groups of the regex that led here, if one did.
        captures: Option<Captures>,
    },
    /// The path lacks the final `/` of a location that passes: 301 to it. See [`redirect_to`](super::redirect_to).
    Redirect {
        /// The number of the location, whose settings (headers, logs) hold for the answer.
        index: usize,
        /// The location's path, escaped for `Location`.
        location: Bytes,
    },
}

/// Why locations cannot be used together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Two exact ones, or two prefixes, of the same path on one level.
    #[error("duplicate location {0:?}")]
    Duplicate(Box<str>),
    /// A nested path that does not begin with the path around it.
    #[error("location {inner:?} is outside location {outer:?}")]
    Outside {
        /// The nested one.
        inner: Box<str>,
        /// The one around it.
        outer: Box<str>,
    },
    /// A location inside an exact or a named one.
    #[error("location {inner:?} cannot be inside the exact or named location {outer:?}")]
    Inside {
        /// The nested one.
        inner: Box<str>,
        /// The one around it.
        outer: Box<str>,
    },
    /// A named location that is not on the server's level.
    #[error("named location {0:?} can be on the server level only")]
    NamedInside(Box<str>),
}

/// The locations written side by side.
#[derive(Debug)]
struct Level {
    nodes: Vec<Node>,
    /// By whole path: exact locations, and paths that only lack the slash of a location that passes.
    whole: HashMap<Box<[u8]>, Whole>,
    prefixes: PrefixTree<usize>,
    regexes: Vec<(Pattern, usize)>,
}

#[derive(Debug)]
struct Node {
    index: usize,
    escaped: Bytes,
    /// `^~`.
    no_regex: bool,
    inner: Option<Level>,
}

#[derive(Debug, Clone, Copy)]
enum Whole {
    Exact(usize),
    Slashless(usize),
}

impl Level {
    fn build(locations: Vec<Location>) -> Result<Self, LocationError> {
        let slashless = slashless_paths(&locations)?;
        let mut level = Self {
            nodes: Vec::with_capacity(locations.len()),
            whole: HashMap::new(),
            prefixes: PrefixTree::new(),
            regexes: Vec::new(),
        };
        for (at, location) in locations.into_iter().enumerate() {
            match &location.matches {
                LocationMatch::Exact(path) => {
                    level.whole.insert(path.as_bytes().into(), Whole::Exact(at));
                }
                LocationMatch::Prefix(path) | LocationMatch::PrefixNoRegex(path) => {
                    level.prefixes.insert(path.as_bytes(), at);
                }
                LocationMatch::Regex(pattern) => level.regexes.push((pattern.clone(), at)),
                LocationMatch::Named(name) => return Err(LocationError::NamedInside(name.clone())),
            }
            level.nodes.push(Node::build(location)?);
        }
        for (path, at) in slashless {
            level.whole.entry(path).or_insert(Whole::Slashless(at));
        }
        Ok(level)
    }
}

impl Node {
    fn build(location: Location) -> Result<Self, LocationError> {
        refuse_inner(&location)?;
        let mut inner = location.inner;
        if matches!(location.matches, LocationMatch::Regex(_)) {
            // nginx takes such a path if it begins with the regex's text, and never finds it.
            inner.retain(|inner| matches!(inner.matches, LocationMatch::Regex(_)));
        }
        let inner = if inner.is_empty() { None } else { Some(Level::build(inner)?) };
        Ok(Self {
            index: location.index,
            escaped: escape(location.matches.text().as_bytes(), Escape::Uri).into_owned().into(),
            no_regex: matches!(location.matches, LocationMatch::PrefixNoRegex(_)),
            inner,
        })
    }
}

/// Refuses duplicates, and lists the paths to redirect: those without the final slash of a location that passes, unless
/// a location has that very path. Of `= /a/` and `/a/` the exact one answers.
fn slashless_paths(locations: &[Location]) -> Result<HashMap<Box<[u8]>, usize>, LocationError> {
    let mut exact = HashSet::default();
    let mut prefixes = HashSet::default();
    for location in locations {
        let new = match &location.matches {
            LocationMatch::Exact(path) => exact.insert(&**path),
            LocationMatch::Prefix(path) | LocationMatch::PrefixNoRegex(path) => prefixes.insert(&**path),
            LocationMatch::Regex(_) | LocationMatch::Named(_) => true,
        };
        if !new {
            return Err(LocationError::Duplicate(location.matches.text().into()));
        }
    }
    let mut redirects: HashMap<Box<[u8]>, usize> = HashMap::new();
    let passing: HashSet<&str> = locations
        .iter()
        .filter(|location| location.passes && location.matches.takes_uri_part())
        .map(|location| location.matches.text())
        .collect();
    for (at, location) in locations.iter().enumerate() {
        let path = location.matches.text();
        let Some(slashless) = path.strip_suffix('/').filter(|_| passing.contains(path)) else { continue };
        if slashless.is_empty() {
            continue; // no path is empty
        }
        match &location.matches {
            _ if exact.contains(slashless) || prefixes.contains(slashless) => {}
            LocationMatch::Exact(_) => {
                redirects.insert(slashless.as_bytes().into(), at);
            }
            LocationMatch::Prefix(_) | LocationMatch::PrefixNoRegex(_) => {
                redirects.entry(slashless.as_bytes().into()).or_insert(at);
            }
            LocationMatch::Regex(_) | LocationMatch::Named(_) => {}
        }
    }
    Ok(redirects)
}

/// nginx's rules about what may stand inside what. Inside a regex location it compares with the regex's text, so only
/// regexes fit there.
fn refuse_inner(outer: &Location) -> Result<(), LocationError> {
    let closed = matches!(outer.matches, LocationMatch::Exact(_) | LocationMatch::Named(_));
    for inner in &outer.inner {
        let names = || (Box::from(inner.matches.text()), Box::from(outer.matches.text()));
        if closed {
            let (inner, outer) = names();
            return Err(LocationError::Inside { inner, outer });
        }
        if let LocationMatch::Named(name) = &inner.matches {
            return Err(LocationError::NamedInside(name.clone()));
        }
        if inner.matches.takes_uri_part() && !inner.matches.text().starts_with(outer.matches.text()) {
            let (inner, outer) = names();
            return Err(LocationError::Outside { inner, outer });
        }
    }
    Ok(())
}

/// How far a level got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    /// A prefix, which a regex of an outer level may still overrule.
    Prefix,
    Redirect,
    Found,
}

struct Search<'a> {
    path: &'a Bytes,
    node: Option<&'a Node>,
    captures: Option<Captures>,
}

impl<'a> Search<'a> {
    fn level(&mut self, level: &'a Level) -> Step {
        let mut no_regex = false;
        let mut step = self.fixed(level);
        if let (Step::Prefix, Some(node)) = (step, self.node) {
            no_regex = node.no_regex;
            step = node.inner.as_ref().map_or(Step::Nothing, |inner| self.level(inner));
        }
        if no_regex || matches!(step, Step::Found | Step::Redirect) {
            return step;
        }
        for (pattern, at) in &level.regexes {
            let Some(captures) = pattern.find(self.path) else { continue };
            self.node = level.nodes.get(*at);
            self.captures = Some(captures);
            if let Some(inner) = self.node.and_then(|node| node.inner.as_ref()) {
                self.level(inner);
            }
            return Step::Found;
        }
        step
    }

    fn fixed(&mut self, level: &'a Level) -> Step {
        let (at, step) = match level.whole.get(&**self.path) {
            Some(Whole::Exact(at)) => (*at, Step::Found),
            Some(Whole::Slashless(at)) => (*at, Step::Redirect),
            None => match level.prefixes.longest(self.path) {
                Some(at) => (at, Step::Prefix),
                None => return Step::Nothing,
            },
        };
        self.node = level.nodes.get(at);
        step
    }
}

#[cfg(test)]
mod tests;
