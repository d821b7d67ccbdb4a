//! nginx's regular expressions: PCRE's syntax on bytes, by engines that are bounded.
//!
//! ## Example
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
//! - Reads patterns as nginx's PCRE does without its UTF mode: bytes, ASCII classes, a brace that repeats nothing, a `$`
//!   before the last line feed.
//! - Matches by the crate `regex`, whose time is linear in the subject whatever the pattern. A pattern that looks around,
//!   refers back, or keeps what it has taken (`(?!…)`, `(?<=…)`, `\1`, `(?>…)`, `a++`, `(?(1)…)`, `\K`) is matched by
//!   `fancy-regex`, within a limit of steps; [`Pattern::goes_back`] tells.
//! - Gives groups as slices of the subject, by number and by name.
//!
//! ## What it does not
//! It replaces nothing and knows no variables. Recursion, subroutine calls, branch reset, callouts and verbs are PCRE's alone:
//! a [`PatternError`] names them.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `~ regex` | [`Pattern::new`] |
//! | `~* regex` | [`Pattern::caseless`] |
//! | `$1`, `$name` | [`Captures::get`], [`Captures::name`] |
//!
//! A match that takes too many steps counts as none and is logged as an error; nginx answers 500.
//!
//! ## Errors
//! [`PatternError`], when a pattern is compiled. Matching cannot fail.
//!
//! ## Cost
//! A clone is a reference count or two. Without groups a match allocates nothing; with them, one list of ranges.

mod engine;
mod error;
mod pattern;
mod translate;

pub use error::{PatternError, SyntaxError};
pub use pattern::{Captures, Pattern};
