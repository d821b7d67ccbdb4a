//! A tower layer by which clients write files: `PUT`, `DELETE`, `MKCOL`, `COPY` and `MOVE` of WebDAV (RFC 4918), as nginx has them.
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
//! - [`DavLayer`] is the layer, for files in one directory; [`Dav::respond`] is what is beneath, for those who map requests to names
//!   themselves.
//! - **PUT** writes to a file beside its place that nobody sees, and puts it there when all of it has come: an upload that is cut leaves
//!   nothing, and readers see the old file or the new one. `Date` becomes the file's time.
//! - **DELETE** removes a file, or a collection with all that is in it; the slash at the end of its path says which is meant.
//! - **MKCOL** makes a collection. **COPY** and **MOVE** go to a `Destination` of the same host, in the place of what is there unless
//!   `Overwrite` is `F`; a copy has the rights and the time of what it is of, and of a collection with `Depth: 0` only itself.
//! - **Conditions** (RFC 9110 13.1) are of what the path of the request names, with the tags that nginx makes of a file's time and size: 412 where
//!   they do not hold. PUT asks once more when all has come, so that of two who begin at once the second one is told.
//! - **Never leaves the root**: a `..` or a NUL in a path is refused. All is done in directories that are open, and links in collections are
//!   neither followed nor copied, so that nothing that happens meanwhile leads elsewhere. [`Links`] says whether those on the way are followed;
//!   a collection is never copied or moved into itself or onto what it is in, by whatever links it is named.
//!
//! ## What it does not
//! No `PROPFIND`, no `LOCK`, no properties: nginx has none; no `If`, which is of locks. No limit of a body, and none of time: layers around it
//! do that. Who may write is for others to decide.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `dav_methods` | [`Dav::new`] |
//! | `dav_access` | [`Dav::access`] |
//! | `create_full_put_path` | [`Dav::create_full_put_path`] |
//! | `min_delete_depth` | [`Dav::min_delete_depth`] |
//!
//! Differences: conditions are looked at; a directory that is missing is a 409 (RFC 4918 9.7.1, 9.8.5), of nginx a 500 or 404; `Depth: 0` is obeyed; a copy that fails
//! in the middle of a collection is an error, and so is a collection that is more than 128 deep. The port of a `Destination` does not count, but
//! a host that only begins with the name of the right one is another. nginx puts bodies into `client_body_temp_path` first.
//!
//! ## Errors
//! Those of a request's body, from the service. All else is a response with a [`Failure`] in its extensions, which prints as nginx logs it.
//!
//! ## Cost
//! A box, and some trips to tokio's blocking threads: of a body one for each 128 KiB, which are copied to memory meanwhile, however small the
//! pieces are that they come in. What is left of an upload is removed there too. A collection takes one or two descriptors for each level, and what
//! its names take in memory.

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
