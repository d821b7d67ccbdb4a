//! From what was written to what is used: checks all, and reports all that is wrong.

use propylon_exchange::Keep;

use crate::code::Code;
use crate::definitions::Inner;
use crate::lookup::{Lookup, Patterns, Proxies};
use crate::map::Kind;
use crate::networks::Networks;
use crate::parse::is_name;
use crate::scope::Scope;
use crate::shares::Shares;
use crate::side::{self, Lacking};
use crate::table::Table;
use crate::token::{TokenPart, TokenPath};
use crate::variable::Variable;
use crate::{
    Context, DefinitionError, DefinitionErrorKind, DefinitionErrors, Definitions, Map, Place, names,
};

/// Collects maps and further names, and makes [`Definitions`] of them.
///
/// ```
/// use propylon_vars::{Definitions, Map};
///
/// let errors = Definitions::builder()
///     .map(Map::new("pool", "$hots").default("main"))
///     .map(Map::new("uri", "$host"))
///     .build()
///     .unwrap_err();
/// let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
/// assert_eq!(errors, ["unknown variable `$hots`", "`$uri` is a built-in variable"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    maps: Vec<Map>,
    names: Vec<Box<str>>,
    tokens: Vec<(Box<str>, TokenPath)>,
}

impl Builder {
    /// Adds a map.
    #[must_use]
    pub fn map(mut self, map: Map) -> Self {
        self.maps.push(map);
        self
    }

    /// Adds a name whose value is set while a request runs: a named group of a regular expression. Several expressions
    /// may have the same. Until it is set it has no value.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into().into());
        self
    }

    /// Adds a name for what the request's token says: the value in this part of it that these names lead to.
    #[must_use]
    pub fn token_value<'a>(
        mut self,
        name: impl Into<String>,
        part: TokenPart,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let path = path.into_iter().map(Into::into).collect();
        self.tokens.push((name.into().into(), (part, path)));
        self
    }

    /// Checks and compiles all.
    ///
    /// # Errors
    /// All that is wrong, in the order in which it was given; circles of maps last.
    pub fn build(self) -> Result<Definitions, DefinitionErrors> {
        let Self { maps: sources, names, tokens } = self;
        let mut errors = Vec::new();
        let patterns: Vec<Patterns> = sources.iter().map(|map| patterns(map, &mut errors)).collect();
        let scope = declare(&sources, &patterns, &names, tokens, &mut errors);
        let maps: Vec<Lookup> =
            sources.iter().zip(patterns).map(|(map, each)| compile(map, each, &scope, &mut errors)).collect();
        let place = |error: &DefinitionError| sources.iter().position(|map| *map.name == *error.definition());
        errors.sort_by_key(|error| place(error).unwrap_or(sources.len()));
        errors.extend(circles(&sources, &maps));
        if !errors.is_empty() {
            return Err(DefinitionErrors::new(errors));
        }
        let mut inner = Inner { id: fastrand::u64(..), scope, maps, sources };
        keep(&mut inner);
        side::of_maps(&mut inner);
        Ok(Definitions::new(inner))
    }
}

type Errors = Vec<DefinitionError>;

/// The patterns of a map.
fn patterns(map: &Map, errors: &mut Errors) -> Patterns {
    let (mut table, mut networks, mut shares) = (Table::default(), Networks::default(), Shares::default());
    let mut fault = |n: usize, kind: DefinitionErrorKind| {
        let length = map.values.get(n).map_or(0, |(pattern, _)| pattern.len());
        errors.push(DefinitionError::new(&map.name, Place::Pattern(n), 0..length, kind));
    };
    for (n, (pattern, _)) in map.values.iter().enumerate() {
        let added = match &map.kind {
            Kind::Texts => table.add(pattern, map.hostnames, n),
            Kind::Networks => networks.add(pattern, n),
            Kind::Shares => shares.add(pattern, n),
            Kind::Asked(_) => Ok(()), // has none
        };
        if let Err(kind) = added {
            fault(n, kind);
        }
    }
    if let Err(n) = networks.finish() {
        let pattern = map.values.get(n).map(|(pattern, _)| pattern.clone()).unwrap_or_default();
        fault(n, DefinitionErrorKind::Overlap(pattern));
    }
    let proxies = || Proxies { networks: map.proxies.clone(), recursive: map.proxy_recursive };
    match &map.kind {
        Kind::Texts => Patterns::Texts(table),
        Kind::Networks => Patterns::Networks(networks, proxies()),
        Kind::Shares => Patterns::Shares(shares),
        Kind::Asked(values) => Patterns::Asked(values.clone(), proxies()),
    }
}

/// The names that templates may use: maps, further names, and the named groups of the maps' own expressions.
fn declare(
    sources: &[Map],
    patterns: &[Patterns],
    names: &[Box<str>],
    tokens: Vec<(Box<str>, TokenPath)>,
    errors: &mut Errors,
) -> Scope {
    let mut scope = Scope::default();
    for (n, map) in sources.iter().enumerate() {
        let name = map.name.to_ascii_lowercase();
        let taken = scope.maps.contains_key(&*name);
        if let Some(kind) = fault(&name, taken) {
            errors.push(DefinitionError::new(&map.name, Place::Name, 0..map.name.len(), kind));
        }
        scope.maps.entry(name.into()).or_insert(n);
    }
    for (name, path) in tokens {
        let lower = name.to_ascii_lowercase();
        match fault(&lower, scope.maps.contains_key(&*lower) || scope.tokens.contains_key(&*lower)) {
            Some(kind) => errors.push(DefinitionError::new(&name, Place::Name, 0..name.len(), kind)),
            None => {
                scope.tokens.insert(lower.into(), path);
            }
        }
    }
    for name in names {
        let lower = name.to_ascii_lowercase();
        match fault(&lower, scope.maps.contains_key(&*lower) || scope.tokens.contains_key(&*lower)) {
            Some(kind) => errors.push(DefinitionError::new(name, Place::Name, 0..name.len(), kind)),
            None => {
                scope.names.insert(lower.into());
            }
        }
    }
    for (map, patterns) in sources.iter().zip(patterns) {
        let Patterns::Texts(table) = patterns else { continue };
        for (value, name) in table.names() {
            let taken = scope.maps.contains_key(name) || scope.tokens.contains_key(name);
            let Some(kind) = fault(name, taken) else {
                scope.names.insert(name.into());
                continue;
            };
            let pattern = map.values.get(value).map_or("", |(pattern, _)| pattern);
            errors.push(DefinitionError::new(&map.name, Place::Pattern(value), 0..pattern.len(), kind));
        }
    }
    scope
}

/// Why nothing can be defined under this name, in lower case.
fn fault(name: &str, taken: bool) -> Option<DefinitionErrorKind> {
    if !is_name(name) {
        Some(DefinitionErrorKind::InvalidName(name.into()))
    } else if names::is_reserved(name) {
        Some(DefinitionErrorKind::BuiltIn(name.into()))
    } else {
        taken.then(|| DefinitionErrorKind::Duplicate(name.into()))
    }
}

fn compile(map: &Map, patterns: Patterns, scope: &Scope, errors: &mut Errors) -> Lookup {
    let mut compile = |text: &str, place: Place| {
        let mut faults = Vec::new();
        let code = Code::compile(text, Context::Request, scope, &mut faults);
        errors.extend(faults.into_iter().map(|fault| {
            let kind = DefinitionErrorKind::Template(fault.kind().clone());
            DefinitionError::new(&map.name, place, fault.range(), kind)
        }));
        code
    };
    let key = compile(&map.key, Place::Key);
    let default = compile(map.default.as_deref().unwrap_or_default(), Place::Default);
    let values = map.values.iter().enumerate();
    let values = values.map(|(n, (_, template))| compile(template, Place::Value(n))).collect();
    let (hostnames, volatile) = (map.hostnames, map.volatile);
    let (keep, lacking) = (Keep::default(), Lacking::default());
    Lookup { key, patterns, values, default, hostnames, volatile, keep, lacking }
}

/// The maps that a map's templates name.
fn needed(map: &Lookup) -> impl Iterator<Item = usize> {
    map.codes().flat_map(Code::variables).filter_map(Variable::map)
}

/// Maps that need their own value, each circle once.
fn circles(sources: &[Map], maps: &[Lookup]) -> Errors {
    let name = |index: usize| sources.get(index).map_or("", |map| &*map.name);
    let mut errors = Vec::new();
    let mut done = vec![false; maps.len()];
    // The way from a first map to the present one, each with what it still has to visit.
    let mut way: Vec<(usize, Vec<usize>)> = Vec::new();
    for first in 0..maps.len() {
        let mut next = Some(first);
        loop {
            if let Some(index) = next.filter(|index| !done.get(*index).copied().unwrap_or(true)) {
                if let Some(start) = way.iter().position(|(before, _)| *before == index) {
                    let round = way.iter().skip(start).map(|(on, _)| *on).chain([index]);
                    let round = DefinitionErrorKind::Cycle(round.map(|on| name(on).into()).collect());
                    errors.push(DefinitionError::new(name(index), Place::Name, 0..name(index).len(), round));
                } else {
                    let needed = maps.get(index).map(|map| needed(map).collect()).unwrap_or_default();
                    way.push((index, needed));
                }
            }
            let Some((last, needed)) = way.last_mut() else { break };
            next = needed.pop();
            if next.is_none() {
                if let Some(done) = done.get_mut(*last) {
                    *done = true;
                }
                way.pop();
            }
        }
    }
    errors
}

/// What each map needs kept, once there are no circles: a map learns from those that it names.
fn keep(inner: &mut Inner) {
    // Each round carries the facts one map further; the longest way is as long as there are maps.
    for _ in 0..inner.maps.len() {
        let kept: Vec<Keep> = inner
            .maps
            .iter()
            .map(|map| map.codes().fold(Keep::default(), |keep, code| keep.and(inner.keep(code))))
            .collect();
        let mut changed = false;
        for (map, keep) in inner.maps.iter_mut().zip(kept) {
            changed |= std::mem::replace(&mut map.keep, keep) != keep;
        }
        if !changed {
            break;
        }
    }
}
