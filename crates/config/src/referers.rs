//! `valid_referers`: which pages requests may come from.

use std::ops::Range;

use crate::key::{Key, Kind, Need};
use crate::pattern;
use crate::reader::{Context, Scope};
use crate::server_name::{self, ServerName};
use crate::source::Spanned;

/// Which pages requests may come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Referers {
    /// Whether a request may come without the field.
    pub none: bool,
    /// Whether it may come with one that is no URL: that somebody has made unreadable.
    pub blocked: bool,
    /// Whether the names of the server are valid.
    pub server_names: bool,
    /// The hosts, and how the paths there begin.
    pub hosts: Vec<(ServerName, Box<str>)>,
    /// Regexes for what follows the scheme, whatever the case of letters.
    pub patterns: Vec<Spanned<Box<str>>>,
}

pub(crate) const KEY: Key = Key {
    name: "valid_referers",
    kind: Kind::List(&Kind::Text {
        hint: "\"none\", \"blocked\", \"server_names\", a host such as \"*.example.com\", with or without a path, or \"~regex\"",
    }),
    need: Need::Default("[]"),
    nginx: "valid_referers",
    doc: "Valid values of the Referer field; `$invalid_referer` is empty for these and \"1\" for others. \"none\" (no \
          Referer), \"blocked\" (a Referer that is not a URL), \"server_names\", hosts as in `name`, optionally with the \
          beginning of a path, or \"~regex\", matched against what follows `http://`. Empty list: any Referer is valid.",
};

/// Reads the key of a level; `None`: every page is valid.
pub(crate) fn read(scope: &mut Scope<'_>) -> Option<Referers> {
    let mut referers = Referers::default();
    let items = scope.list(KEY.name, |cx, text, span| referers.add(cx, text, span))?;
    (!items.is_empty()).then_some(referers)
}

impl Referers {
    fn add(&mut self, cx: &mut Context, text: &str, span: Range<usize>) -> Option<()> {
        match text {
            "none" => self.none = true,
            "blocked" => self.blocked = true,
            "server_names" => self.server_names = true,
            _ => {
                if let Some(regex) = text.strip_prefix('~') {
                    pattern::check(cx, text, &span, 1, true);
                    self.patterns.push(Spanned::new(regex.into(), cx.span(span)));
                    return Some(());
                }
                let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
                let name = server_name::read(cx, host, span)?;
                self.hosts.push((name.value, path.into()));
            }
        }
        Some(())
    }
}
