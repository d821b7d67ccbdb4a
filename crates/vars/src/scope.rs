//! Which names a template may use, and what they stand for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::TemplateErrorKind;
use crate::built_in::BuiltIn;
use crate::names::{self, Kind};
use crate::side::Side;
use crate::token::TokenPath;
use crate::variable::{Sides, Variable};

/// The names that a configuration defines.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Maps by name, with their place in the list of maps.
    pub(crate) maps: HashMap<Box<str>, usize>,
    /// Named captures and other names that get their value while a request runs.
    pub(crate) names: BTreeSet<Box<str>>,
    /// What requests' tokens say, by name.
    pub(crate) tokens: BTreeMap<Box<str>, TokenPath>,
}

impl Scope {
    /// What `name`, in lower case, stands for.
    pub(crate) fn resolve(&self, name: &str) -> Result<Variable, TemplateErrorKind> {
        self.find(name)?.ok_or_else(|| TemplateErrorKind::Unknown {
            name: name.into(),
            nearest: names::nearest(name, self.defined()),
        })
    }

    /// The same, if there is such a name. What the configuration defines comes before the families of names; what streams have of
    /// themselves stays theirs: HTTP may define the name for its requests.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Variable>, TemplateErrorKind> {
        Ok(match (self.find_defined(name), names::side(name)) {
            (Some(http), Some(Side::Stream)) => Some(match Self::find_built_in(name)? {
                Some(stream) => Variable::OfSides(Box::new(Sides { http, stream })),
                None => http,
            }),
            (Some(defined), _) => Some(defined),
            (None, _) => Self::find_built_in(name)?,
        })
    }

    fn find_defined(&self, name: &str) -> Option<Variable> {
        if let Some(index) = self.maps.get(name) {
            return Some(Variable::Map(*index));
        }
        if let Some((part, path)) = self.tokens.get(name) {
            return Some(Variable::Token(*part, path.clone()));
        }
        self.names.contains(name).then(|| {
            let family = names::family(name).and_then(|(kind, rest)| match kind {
                Kind::Family(family) => family.member(rest),
                _ => None,
            });
            match family {
                Some(other) => Variable::NamedOr(name.into(), Box::new(other)),
                None => Variable::Named(name.into()),
            }
        })
    }

    fn find_built_in(name: &str) -> Result<Option<Variable>, TemplateErrorKind> {
        Ok(match names::single(name).map(|kind| (kind, "")).or_else(|| names::family(name)) {
            Some((Kind::Single(BuiltIn::Constant(constant)), _)) => {
                Some(Variable::Constant(constant.value()))
            }
            Some((Kind::Single(variable), _)) => Some(Variable::BuiltIn(variable)),
            Some((Kind::Family(family), rest)) => family.member(rest),
            Some((Kind::Never, _)) => return Err(TemplateErrorKind::Never { name: name.into() }),
            Some((Kind::NotBuilt, _)) => return Err(TemplateErrorKind::NotBuilt { name: name.into() }),
            None => None,
        })
    }

    /// The names that the configuration defines.
    pub(crate) fn defined(&self) -> impl Iterator<Item = &str> {
        self.maps.keys().chain(&self.names).chain(self.tokens.keys()).map(|name| &**name)
    }
}
