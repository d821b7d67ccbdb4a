//! A tower service that serves files as nginx does: entity tags, dates, ranges, media types, index files, control of symbolic links.
//!
//! ## Example
//! ```
//! use http::Request;
//! use propylon_files::ServeFiles;
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = tempfile::tempdir()?;
//! std::fs::create_dir(root.path().join("a"))?;
//! std::fs::write(root.path().join("a/index.html"), "<h1>Hello</h1>")?;
//!
//! let files = ServeFiles::new(root.path()).index(["index.html"]);
//! let response = files.clone().oneshot(Request::get("/a/").body(())?).await?;
//! assert_eq!(response.headers()["content-type"], "text/html");
//! let response = files.oneshot(Request::get("/a").body(())?).await?;
//! assert_eq!((response.status().as_u16(), &response.headers()["location"]), (301, &"/a/".parse()?));
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`ServeFiles`] is the service: a directory, its index files, and a 301 for a directory without its trailing slash.
//! - [`Files`] is the part beneath it, for applications that map requests to file names themselves: [`respond`](Files::respond) answers with
//!   one file, [`index`](Files::index) looks for an index file, [`first`](Files::first) for the first existing file of several.
//! - Preconditions and ranges as in RFC 9110: `ETag` in nginx's format, `Last-Modified`, `If-Match`, `If-None-Match`,
//!   [`If-Modified-Since`](IfModifiedSince), `If-Unmodified-Since`, `If-Range`; one range, or several as `multipart/byteranges`, up to
//!   [`max_ranges`](Files::max_ranges).
//! - [`Types`]: the media types of nginx's `mime.types`, or others.
//! - [`precompressed`](Files::precompressed): `NAME.br`, `NAME.zst` or `NAME.gz` instead of `NAME` for clients that accept them.
//! - [`Symlinks`]: followed, refused, or followed only if link and target have the same owner, optionally from a given directory on. The path
//!   is opened component by component, so that nothing can be swapped during the check.
//! - [`Listing`]: lists a directory without an index file, as HTML, JSON, JSONP or XML.
//! - [`random_index`](ServeFiles::random_index): a request for a directory gets one of its files, picked at random.
//! - Never leaves the root: a `..` or a NUL in the part of a path that comes from the request is a 404 ([`climbs`] for users of [`Files`]).
//!
//! ## What it does not
//! The service does not compress, and has no error pages: an error is a status without a body, with the extension [`Failure`], which gives the
//! reason in nginx's words.
//!
//! The service is not a layer around tower-http's `ServeDir`, because that answers 416 to several ranges where nginx sends
//! `multipart/byteranges`, derives entity tags and media types differently, has no rules for symbolic links, and goes to the blocking pool for
//! each step: opening, metadata, and every read.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `root`, `index` | [`ServeFiles`], or [`Files::index`] |
//! | `try_files` | [`Files::first`] |
//! | `types`, `default_type` | [`Types`] |
//! | `etag`, `if_modified_since`, `max_ranges` | [`Files::etag`], [`Files::if_modified_since`], [`Files::max_ranges`] |
//! | `disable_symlinks` | [`Files::symlinks`] |
//! | `autoindex`, `autoindex_format`, `autoindex_exact_size`, `autoindex_localtime` | [`Listing`] |
//! | `random_index` | [`ServeFiles::random_index`], [`Files::random`] |
//! | `gzip_static` | [`Files::precompressed`] |
//! | `open() … failed (2: …)` in the error log | [`Failure`]'s text |
//!
//! All differences are deliberate. Following RFC 9110: `Range` applies to GET only (14.2); dates are ignored if there are entity tags (13.1.3,
//! 13.1.4), and so are invalid dates; a 405 has `Allow` (15.5.6); `Vary` is sent wherever a precompressed file could have been chosen. Besides,
//! ranges of a precompressed file can be requested. A path that climbs out of an `alias` without a trailing slash is a 404. A directory listing
//! has a length, also for `HEAD`; names are truncated and padded by characters in any charset; times of day use the offset from UTC in force at
//! the file's time; links that are not followed are not listed as files; and a directory with more names than
//! [`max_entries`](Listing::max_entries) is a 500.
//!
//! ## Errors
//! The service itself never fails. A body fails if its file cannot be read further or has become shorter: the response is then incomplete.
//!
//! ## Cost
//! Data in the page cache is opened and read without blocking (`openat2` with `RESOLVE_CACHED`, `preadv2` with `RWF_NOWAIT`), without involving
//! another thread. Otherwise one job on tokio's blocking pool does everything: open, check metadata, decide, read the beginning. A file of up
//! to 64 KiB is then in memory; of a larger file at most 128 KiB are in memory at a time, in buffers that are reused. A server that can use
//! `sendfile` takes parts of the file from the body instead ([`Body::take_file`]), and nothing is read at all. A response allocates its fields
//! and its buffer; types and settings are shared. A directory listing is built in full on the blocking pool, with a look at every file: about
//! 200 bytes of memory per name.

mod body;
mod coding;
mod conditions;
mod failure;
mod files;
mod job;
mod list;
mod listing;
mod look;
mod open;
mod random;
mod ranges;
mod serve;
mod types;

pub use body::Body;
pub use coding::Coding;
pub use conditions::IfModifiedSince;
pub use failure::Failure;
pub use files::{Files, Target};
pub use listing::{ListFormat, Listing};
pub use look::{Candidate, First, Index};
pub use open::{Symlinks, climbs};
pub use serve::ServeFiles;
pub use types::{COMMON, Types};
