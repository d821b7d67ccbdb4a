//! Converts an nginx.conf to Propylon's TOML: keeps comments and order, and gives a verdict for every line.
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
//! - [`convert`] and [`import`] read an nginx.conf as nginx does: the same grammar, includes and contexts, the same checks of
//!   arguments and duplicates, the same error messages.
//! - Every directive has a [`Verdict`]: exact, different (and how), refused (why, and what to do instead). None is dropped silently.
//! - The result is TOML with the comments and the order of the original. Where Propylon's default differs from what nginx does
//!   without a directive, nginx's behaviour is written out.
//! - [`Converted::load`] loads that TOML; errors in it are reported at the lines of the nginx.conf.
//! - [`reference`](fn@reference) generates the page that lists all directives from the table that converts them.
//!
//! ## What it does not
//! The crate starts nothing, and opens no files but those of the configuration. It resolves no names except in `listen`, as
//! nginx does. Paths are kept: relative ones are relative to the prefix, while those of certificates are made absolute against the
//! directory of the configuration, as in nginx.
//!
//! ## nginx
//! All of it. `docs/nginx.md` has every directive with its verdict.
//!
//! ## Errors
//! [`Problem`]s, with nginx's messages and positions.
//!
//! ## Cost
//! Once for each load: linear in the size of the file.

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
