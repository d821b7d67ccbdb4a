//! The table `cookie`: what becomes of the cookies that upstreams set.

use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::nearest::nearest;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::rule::{self, Case, Rule, RuleMatch};

/// What becomes of the cookies that upstreams set.
#[derive(Clone, Debug, PartialEq)]
pub struct Cookies {
    /// The rules for `Domain`.
    pub domain: Vec<Rule>,
    /// The rules for `Path`.
    pub path: Vec<Rule>,
    /// Which cookies get which flags.
    pub flags: Vec<CookieRule>,
}

/// Which cookies get which flags.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieRule {
    /// The cookie's name; `None`: every cookie.
    pub name: Option<RuleMatch>,
    /// The flags.
    pub flags: CookieFlags,
}

/// The flags of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum CookieFlags {
    /// Always the same.
    Fixed(Vec<CookieFlag>),
    /// Known per request: see [`cookie_flags`].
    Template(Template),
}

/// A flag that a cookie gets or loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieFlag {
    /// `secure`
    Secure,
    /// `nosecure`
    NoSecure,
    /// `httponly`
    HttpOnly,
    /// `nohttponly`
    NoHttpOnly,
    /// `samesite=strict`
    SameSiteStrict,
    /// `samesite=lax`
    SameSiteLax,
    /// `samesite=none`
    SameSiteNone,
    /// `nosamesite`
    NoSameSite,
}

const FLAGS: [(&str, CookieFlag); 8] = [
    ("secure", CookieFlag::Secure),
    ("nosecure", CookieFlag::NoSecure),
    ("httponly", CookieFlag::HttpOnly),
    ("nohttponly", CookieFlag::NoHttpOnly),
    ("samesite=strict", CookieFlag::SameSiteStrict),
    ("samesite=lax", CookieFlag::SameSiteLax),
    ("samesite=none", CookieFlag::SameSiteNone),
    ("nosamesite", CookieFlag::NoSameSite),
];

pub(crate) const TABLE: Table = Table {
    name: "cookie",
    doc: "Rewrites cookies that upstreams set.",
    keys: &[
        Key {
            name: "domain",
            kind: Kind::List(&rule::PAIR),
            need: Need::Default("[]"),
            nginx: "proxy_cookie_domain",
            doc: "[\"from\", \"to\"] replaces a Domain that is `from`, ignoring case and a leading dot, with `to`. [\"~regex\", \"to\"] \
                  replaces a Domain that matches, ignoring case; `to` may use $1. Everything except the regexes is a template. The first \
                  rule that matches applies.",
        },
        Key {
            name: "path",
            kind: Kind::List(&rule::PAIR),
            need: Need::Default("[]"),
            nginx: "proxy_cookie_path",
            doc: "[\"from\", \"to\"] replaces `from` at the beginning of a Path with `to`. [\"~regex\", \"to\"], or [\"~*regex\", \"to\"] to \
                  ignore case, replaces a Path that matches; `to` may use $1.",
        },
        Key {
            name: "flags",
            kind: Kind::List(&rule::PAIR),
            need: Need::Default("[]"),
            nginx: "proxy_cookie_flags",
            doc: "[\"cookie\", \"flags\"]. The cookie is a name, \"~regex\" (ignoring case), or \"*\" for all. The flags are secure, \
                  httponly, samesite=strict, samesite=lax, samesite=none, and nosecure, nohttponly, nosamesite to remove them. The first \
                  entry that matches a cookie applies.",
        },
    ],
    unbuilt: &[],
};

impl Cookies {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            domain: scope
                .read("domain", |cx, value| rule::pairs(cx, value, Case::Ignored))
                .unwrap_or_default(),
            path: scope.read("path", |cx, value| rule::pairs(cx, value, Case::Tells)).unwrap_or_default(),
            flags: scope.read("flags", flags).unwrap_or_default(),
        }
    }
}

fn flags(cx: &mut Context, value: &Value<'_>) -> Option<Vec<CookieRule>> {
    let items = value.get_ref().as_array()?.iter();
    Some(items.filter_map(|item| rule(cx, item)).collect())
}

fn rule(cx: &mut Context, value: &Value<'_>) -> Option<CookieRule> {
    let [(name, span), (text, place)] = rule::two(cx, value)?;
    let name = match name {
        "*" => Some(None),
        _ => rule::matcher(cx, name, &span, Case::Ignored).map(Some),
    };
    let template = cx.template(text, &place)?;
    let flags = if template.as_static().is_none() {
        CookieFlags::Template(template)
    } else {
        match cookie_flags(text) {
            Ok(flags) => CookieFlags::Fixed(flags),
            Err(wrong) => {
                let at = text.find(wrong).unwrap_or_default();
                let place = cx.inside(&place, text, at..at + wrong.len());
                let known = FLAGS.map(|(word, _)| word);
                let help = nearest(wrong, known).map(|word| format!("did you mean \"{word}\"?"));
                cx.push(
                    Diagnostic::at(place, format!("unknown cookie flag `{wrong}`"))
                        .label(format!("expected one or more of {}", known.join(", ")))
                        .maybe_help(help),
                );
                return None;
            }
        }
    };
    Some(CookieRule { name: name?, flags })
}

/// Reads flags: words of the key `cookie.flags`, in any case.
///
/// # Errors
/// The first word that is none.
///
/// ```
/// use propylon_config::{CookieFlag, cookie_flags};
///
/// assert_eq!(cookie_flags("httponly Secure"), Ok(vec![CookieFlag::HttpOnly, CookieFlag::Secure]));
/// assert_eq!(cookie_flags("secure samesite"), Err("samesite"));
/// ```
pub fn cookie_flags(text: &str) -> Result<Vec<CookieFlag>, &str> {
    let flag =
        |word: &str| FLAGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, flag)| *flag);
    text.split_ascii_whitespace().map(|word| flag(word).ok_or(word)).collect()
}
