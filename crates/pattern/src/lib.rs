//! nginx's regular expressions: PCRE syntax on bytes, matched by engines with bounded running time.
//!
//! ## Example
//!
//! ```
//! use bytes::Bytes;
//! use propylon_pattern::Pattern;
//!
//! let hidden = Pattern::new(r"/\.(?!well-known/)")?;
//! assert!(hidden.is_match(b"/.git/config"));
//! assert!(!hidden.is_match(b"/.well-known/acme-challenge/x"));
//!
//! let php = Pattern::caseless(r"^(?<script>.+\.php)(/.+)?$")?;
//! let captures = php.find(&Bytes::from_static(b"/INDEX.PHP/a")).ok_or("no match")?;
//! assert_eq!(captures.name("script").as_deref(), Some(&b"/INDEX.PHP"[..]));
//! assert_eq!(captures.get(2).as_deref(), Some(&b"/a"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What it does
//!
//! - Parses patterns as nginx's PCRE does without its UTF mode: bytes, ASCII classes, literal braces that are not quantifiers, a `$` that
//!   also matches before a final line feed.
//! - Matches with the crate `regex`, in time linear in the subject whatever the pattern. Patterns with lookaround, backreferences,
//!   atomic groups, possessive quantifiers, conditionals or `\K` (`(?!…)`, `(?<=…)`, `\1`, `(?>…)`, `a++`, `(?(1)…)`) are matched by
//!   `fancy-regex`, within a limit of steps; [`Pattern::goes_back`] tells which engine a pattern needs.
//! - Returns groups as slices of the subject, by number and by name.
//!
//! ## What it does not
//!
//! The crate does not replace text and does not know variables. Recursion, subroutine calls, branch reset, callouts and verbs are not
//! supported: a [`PatternError`] names them.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `~ regex` | [`Pattern::new`] |
//! | `~* regex` | [`Pattern::caseless`] |
//! | `$1`, `$name` | [`Captures::get`], [`Captures::name`] |
//!
//! Difference: a match that takes too many steps counts as no match and is logged as an error; nginx answers with 500.
//!
//! ## Errors
//!
//! [`PatternError`], when a pattern is compiled. Matching cannot fail.
//!
//! ## Cost
//!
//! A clone is a reference count or two. A match without groups does not allocate; with groups, it allocates one list of ranges.

mod engine;
mod error;
mod pattern;
mod translate;

pub use error::{PatternError, SyntaxError};
pub use pattern::{Captures, Pattern};
