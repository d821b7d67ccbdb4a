//! Which server and which location a request is for, and what its request line to the upstream is: pure functions of
//! bytes, as nginx (1.22 to 1.31) decides them.
//!
//! A request goes through once: [`Head::parse`] reads the request-target and `Host` into a [`Path`] and a [`Host`];
//! [`ServerNames`] finds the virtual server; [`Locations`] the location; [`request_target`] writes the URI for the
//! upstream. Everything downstream (access rules, cache key, `$uri`, `$request_uri`) reads the same [`Path`], so that
//! no two parts of the gateway can disagree about what was asked for.
//!
//! ```
//! use bytes::Bytes;
//! use http::Version;
//! use propylon_gateway::routing::{Found, Head, Location, LocationMatch, Locations, Slashes, UriPart, request_target};
//!
//! let head = Head::parse(
//!     Version::HTTP_11,
//!     b"GET",
//!     Bytes::from_static(b"/name/../name//te%20st?a=1"),
//!     [Bytes::from_static(b"Example.com:8080")],
//!     Slashes::Merge,
//! )?;
//! assert_eq!(head.host.as_ref().map(|host| &host.name()[..]), Some(&b"example.com"[..]));
//!
//! let matches = LocationMatch::parse("/name/")?;
//! let prefix = matches.prefix_len();
//! let locations = Locations::build(vec![Location::new(0, matches).passes()])?;
//! assert!(matches!(locations.find(head.path.decoded()), Some(Found::Location { index: 0, .. })));
//!
//! let upstream = request_target(&head.path, prefix, UriPart::Static(b"/remote/"));
//! assert_eq!(upstream, "/remote/te%20st?a=1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod escape;
mod head;
mod host;
mod location;
mod location_match;
mod names;
mod path;
mod prefix_tree;
mod proxy_target;
mod target;
mod upstream_uri;

pub use escape::{Escape, escape, redirect_to};
pub use head::{Head, HeadError};
pub use host::{Host, HostError, request_host};
pub use location::{Found, Location, LocationError, Locations};
pub use location_match::{LocationMatch, MatchError};
pub use names::{Added, NameError, Named, ServerNames, ServerNamesBuilder};
pub use path::{Path, PathError, Slashes};
pub use propylon_config::Scheme;
pub use propylon_pattern::{Captures, Pattern, PatternError};
pub use proxy_target::{Address, ProxyTarget, ProxyTargetError};
pub use target::{Target, TargetError};
pub use upstream_uri::{UriPart, request_target};
