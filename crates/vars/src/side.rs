//! Which variables requests have and which streams: many are of one of them alone. Asked when a configuration is read, never later.

use std::fmt;
use std::ops::Range;

use crate::definitions::Inner;
use crate::parse::{Piece, pieces};
use crate::scope::Scope;
use crate::{Map, TemplateError, TemplateErrorKind, names};

/// What a template is evaluated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Requests of HTTP.
    Http,
    /// Connections of TCP that are passed on.
    Stream,
}

/// For each side, a variable that a map is made from and that this side lacks.
pub(crate) type Lacking = [Option<Box<str>>; 2];

impl Side {
    const BOTH: [Self; 2] = [Self::Http, Self::Stream];

    fn of(self, lacking: &Lacking) -> Option<&str> {
        let [http, stream] = lacking;
        match self {
            Self::Http => http.as_deref(),
            Self::Stream => stream.as_deref(),
        }
    }
}

/// A variable that a side lacks, for people.
pub(crate) struct Misplaced<'a> {
    pub(crate) name: &'a str,
    pub(crate) map: Option<&'a str>,
    pub(crate) side: Side,
}

impl fmt::Display for Misplaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.side {
            Side::Http => "streams",
            Side::Stream => "HTTP requests",
        };
        match self.map {
            Some(map) => {
                write!(f, "`${map}` uses `${}`, which is available only for {of}", self.name)
            }
            None => write!(f, "`${}` is available only for {of}", self.name),
        }
    }
}

/// What `text`, which compiles, has that `side` lacks.
pub(crate) fn misplaced(inner: &Inner, text: &str, side: Side) -> Vec<TemplateError> {
    let mut errors = Vec::new();
    for (name, range) in variables(text) {
        if side == Side::Stream && names::side(&name) == Some(side) {
            continue; // its own, whatever HTTP calls so
        }
        let map = inner.scope.maps.get(&*name).and_then(|index| inner.maps.get(*index));
        let kind = match map {
            Some(map) => side.of(&map.lacking).map(|lacking| TemplateErrorKind::Misplaced {
                name: lacking.into(),
                map: Some(name),
                side,
            }),
            None => lacks(&inner.scope, side, &name).then_some(TemplateErrorKind::Misplaced {
                name,
                map: None,
                side,
            }),
        };
        errors.extend(kind.map(|kind| TemplateError::new(range, kind)));
    }
    errors
}

/// What each map has that one of the sides lacks, once there are no circles: a map learns from those that it names.
pub(crate) fn of_maps(inner: &mut Inner) {
    let mut named: Vec<Vec<(usize, bool)>> = Vec::new();
    for (map, lookup) in inner.sources.iter().zip(&mut inner.maps) {
        let mut others = Vec::new();
        for name in texts(map).flat_map(|text| variables(text).map(|(name, _)| name)) {
            match inner.scope.maps.get(&*name) {
                Some(index) => others.push((*index, names::side(&name) == Some(Side::Stream))),
                None => {
                    note(&mut lookup.lacking, |side| lacks(&inner.scope, side, &name).then(|| name.clone()))
                }
            }
        }
        named.push(others);
    }
    for _ in 0..inner.maps.len() {
        let known: Vec<Lacking> = inner.maps.iter().map(|map| map.lacking.clone()).collect();
        let mut changed = false;
        for (map, others) in inner.maps.iter_mut().zip(&named) {
            let before = map.lacking.clone();
            for (index, is_own) in others {
                let Some(other) = known.get(*index) else { continue };
                let asked = |side: &Side| !(*is_own && *side == Side::Stream);
                note(&mut map.lacking, |side| side.of(other).filter(|_| asked(&side)).map(Into::into));
            }
            changed |= map.lacking != before;
        }
        if !changed {
            break;
        }
    }
}

fn note(lacking: &mut Lacking, name: impl Fn(Side) -> Option<Box<str>>) {
    for (known, side) in lacking.iter_mut().zip(Side::BOTH) {
        if known.is_none() {
            *known = name(side);
        }
    }
}

fn texts(map: &Map) -> impl Iterator<Item = &str> {
    let values = map.values.iter().map(|(_, value)| &**value);
    values.chain(map.default.as_deref()).chain([&*map.key])
}

/// The names of variables in a text, in lower case.
fn variables(text: &str) -> impl Iterator<Item = (Box<str>, Range<usize>)> {
    pieces(text).filter_map(|piece| match piece {
        Ok((Piece::Name(name), range)) => Some((name.to_ascii_lowercase().into(), range)),
        _ => None,
    })
}

/// Whether `side` lacks the variable called `name`, which is no map.
fn lacks(scope: &Scope, side: Side, name: &str) -> bool {
    if scope.tokens.contains_key(name) {
        return side == Side::Stream;
    }
    !scope.names.contains(name) && names::side(name).is_some_and(|of| of != side)
}
