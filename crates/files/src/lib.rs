//! A tower service that answers with files, as nginx does: entity tags, dates, ranges, types, index files, symbolic links
//! under control.
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
//! - [`ServeFiles`] is the service: a directory, its index files, 301 for a directory without its slash.
//! - [`Files`] is what is beneath, for those who map requests to names themselves: [`respond`](Files::respond) answers with
//!   one file, [`index`](Files::index) looks for an index file, [`first`](Files::first) for the first of several.
//! - Preconditions and ranges by RFC 9110: `ETag` in nginx's form, `Last-Modified`, `If-Match`, `If-None-Match`,
//!   [`If-Modified-Since`](IfModifiedSince), `If-Unmodified-Since`, `If-Range`; one range, or several as
//!   `multipart/byteranges`, up to [`max_ranges`](Files::max_ranges).
//! - [`Types`]: the types of nginx's `mime.types`, or others.
//! - [`precompressed`](Files::precompressed): `NAME.br`, `NAME.zst`, `NAME.gz` in the place of `NAME` for clients that take
//!   them.
//! - [`Symlinks`]: followed, refused, or followed only to what belongs to the link's owner, from a directory on. The path
//!   is opened step by step, so that nothing can be exchanged while it is looked at.
//! - [`Listing`]: a directory without an index file is listed, as a page, JSON, JSONP or XML.
//! - [`random_index`](ServeFiles::random_index): a directory is one of its files, another each time.
//! - Never leaves the root: a `..` or a NUL in what a request adds to it is 404 ([`climbs`] for those who use [`Files`]).
//!
//! ## What it does not
//! It compresses nothing itself and has no pages for errors: an error is a status without a body, with
//! the extension [`Failure`] that says why in nginx's words.
//!
//! It is not a layer around tower-http's `ServeDir`: that answers 416 to several ranges where nginx sends
//! `multipart/byteranges`, derives entity tags and types its own way, has no rule for symbolic links, and takes a trip to
//! the blocking pool for each step: opening, looking, and every read.
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
//! Differences, all on purpose, and all RFC 9110's: `Range` counts for GET alone (14.2); dates are ignored beside entity
//! tags (13.1.3, 13.1.4), and so are those that are none; a 405 has `Allow` (15.5.6); `Vary` is there wherever a compressed
//! file could have been chosen. A compressed file can be asked for in ranges. A path that climbs out of an `alias` without a
//! slash is 404. A list has a length, also for `HEAD`; names are cut and padded by characters whatever the charset, times of day are those
//! of the file's own season, links that are not followed are no files in it, and a directory with more names than
//! [`max_entries`](Listing::max_entries) is 500.
//!
//! ## Errors
//! The service has none. A body fails when its file cannot be read on, or became shorter: what was sent is not the whole.
//!
//! ## Cost
//! What the kernel has in memory is opened and read at once (`openat2` with `RESOLVE_CACHED`, `preadv2` with `RWF_NOWAIT`):
//! no other thread takes part. What it has not goes to tokio's blocking pool in one piece of work: open, look, decide, read the
//! beginning. A file of up to 64 KiB is then in memory; of a larger one at most 128 KiB are at a time, in buffers that are used again. Who
//! can have the kernel send files asks the body for [parts](Body::take_file) of them instead: then nothing is read at all. A response allocates
//! its fields and its buffer; types and settings are shared. A list is made on the blocking pool, whole, with a look at every file in it: some
//! 200 bytes of memory a name.

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
