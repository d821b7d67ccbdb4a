//! A tower layer that lets clients write files: WebDAV's `PUT`, `DELETE`, `MKCOL`, `COPY` and `MOVE` (RFC 4918), as in nginx.
//!
//! ## Example
//! ```
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use propylon_dav::{Dav, DavLayer, Verb};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let root = tempfile::tempdir()?;
//! let dav = Dav::new([Verb::Put, Verb::Move]).create_full_put_path(true);
//! // Whoever reads files is inside.
//! let service = DavLayer::new(root.path(), dav).layer(service_fn(|_: Request<Full<bytes::Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! }));
//!
//! let response = service.clone().oneshot(Request::put("/a/new.txt").body(Full::from("hello"))?).await?;
//! assert_eq!((response.status().as_u16(), &response.headers()["location"]), (201, &"/a/new.txt".parse()?));
//! let request = Request::builder().method("MOVE").uri("/a/new.txt").header("destination", "/old.txt");
//! assert_eq!(service.oneshot(request.body(Full::default())?).await?.status(), 204);
//! assert_eq!(std::fs::read(root.path().join("old.txt"))?, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - [`DavLayer`] is the layer, for the files of one directory; [`Dav::respond`] is the part beneath it, for applications that map requests to file
//!   names themselves.
//! - **PUT** writes to a hidden temporary file in the same directory and renames it when the upload is complete: an interrupted upload leaves nothing
//!   behind, and readers see either the old file or the new one. `Date` sets the file's modification time.
//! - **DELETE** removes a file, or a collection with everything in it; a trailing slash in the path means a collection.
//! - **MKCOL** creates a collection. **COPY** and **MOVE** go to a `Destination` on the same host and replace what exists there, unless `Overwrite`
//!   is `F`. A copy keeps the permissions and the modification time of its source; with `Depth: 0` a collection is copied without its contents.
//! - **Conditions** (RFC 9110 13.1) apply to the resource at the request's path, with entity tags that are derived from the file's time and size as
//!   in nginx; 412 if they do not hold. PUT evaluates them again after the upload, so that of two concurrent uploads the second gets the 412.
//! - **Never leaves the root**: a `..` or a NUL in a path is refused. All operations are relative to open directories, and symbolic links in
//!   collections are neither followed nor copied, so that concurrent changes cannot lead elsewhere. [`Links`] says whether links on the way to a file
//!   are followed. A collection is never copied or moved into itself or onto one of its parents, whatever links its name contains.
//!
//! ## What it does not
//! No `PROPFIND`, no `LOCK` and no properties: nginx has none. No `If` either, which concerns locks. No limit on the size of a body or on its time:
//! use layers around it. No access control: that is up to others.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `dav_methods` | [`Dav::new`] |
//! | `dav_access` | [`Dav::access`] |
//! | `create_full_put_path` | [`Dav::create_full_put_path`] |
//! | `min_delete_depth` | [`Dav::min_delete_depth`] |
//!
//! Differences: conditions are evaluated. A missing directory is a 409 (RFC 4918 9.7.1, 9.8.5), where nginx answers 500 or 404. `Depth: 0` is obeyed.
//! A copy that fails in the middle of a collection is an error, and so is a collection nested more than 128 levels deep. The port of a `Destination`
//! is ignored, but its host must match in full, not only in its beginning. nginx first writes bodies to `client_body_temp_path`.
//!
//! ## Errors
//! The service fails only with the errors of the request's body. Everything else is a response with a [`Failure`] in its extensions, which prints as
//! nginx logs it.
//!
//! ## Cost
//! A box, and some trips to tokio's blocking threads: for a body, one for each 128 KiB, which are collected in memory first, however small the pieces
//! in which they arrive. The remains of an interrupted upload are removed there too. A collection takes one or two file descriptors for each level,
//! and memory for its names.

mod ask;
mod change;
mod conditions;
mod dav;
mod failure;
mod fresh;
mod layer;
mod place;
mod put;
mod service;
mod tree;
mod verb;

pub use dav::{Dav, Target};
pub use failure::Failure;
pub use layer::DavLayer;
pub use place::Links;
pub use service::WebDav;
pub use verb::Verb;

/// The error of bodies.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
