//! nginx.conf to Propylon's TOML: comments and order kept, a verdict for every line.
//!
//! ## Example
//! ```
//! let text = "
//!     events { }
//!     http {
//!         server {
//!             listen 8080;
//!             location / { proxy_pass http://127.0.0.1:8001; } # the application
//!         }
//!     }
//! ";
//! let converted = propylon_nginx_conf::convert(text, "nginx.conf").unwrap();
//! assert!(converted.toml().contains("proxy_pass = \"http://127.0.0.1:8001\""));
//! assert!(converted.refused().next().is_none());
//! let config = converted.load().unwrap().config;
//! assert_eq!(config.servers[0].locations.len(), 1);
//! ```
//!
//! ## What it does
//! - [`convert`] and [`import`] read an nginx.conf as nginx does: its grammar, its includes, its contexts, its checks of
//!   arguments and of duplicates, its words for what is wrong.
//! - Every directive has a [`Verdict`]: exact, different (and what is), refused (why, and what to do). None vanishes.
//! - The result is TOML with the comments and the order of the original, and with what nginx does without a directive where
//!   Propylon's own default is another.
//! - [`Converted::load`] reads that TOML; what is wrong with it is told at the lines of the nginx.conf.
//! - [`reference`](fn@reference) is the page that lists all directives, made from the table that converts them.
//!
//! ## What it does not
//! It starts nothing and opens nothing but the files of the configuration. Names are not resolved, except in `listen`, as
//! nginx does. Paths are kept: relative ones are against the prefix, those of certificates are made absolute against the
//! configuration's directory, as nginx has it.
//!
//! ## nginx
//! All of it. `docs/nginx.md` has every directive with its verdict.
//!
//! ## Errors
//! [`Problem`]s, with nginx's words and places.
//!
//! ## Cost
//! Run once for each load: linear in the size of the file.

mod args;
#[cfg(test)]
mod built;
mod context;
mod convert;
mod converted;
mod document;
mod frame;
mod lexer;
mod parser;
mod place;
mod quote;
mod reference;
mod row;
mod rows;
mod split;
mod tree;
mod verdict;

pub use crate::converted::{Converted, convert, globals, import};
pub use crate::place::{Place, Problem};
pub use crate::reference::reference;
pub use crate::verdict::{Line, Verdict};
