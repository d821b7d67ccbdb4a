//! Resolves names to addresses for a proxy: caches answers for their TTL, supports SRV records, serves stale answers while DNS is
//! down, and notifies of changes.
//!
//! [`hickory_proto`] encodes and decodes the DNS messages; this crate decides which server is asked what and when, and how long an
//! answer is valid.
//!
//! ## Example
//! ```
//! use std::time::Duration;
//! use propylon_resolver::{Question, Resolver};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let resolver = Resolver::builder().valid(Duration::from_secs(300)).ipv6(false).build()?;
//! assert_eq!(resolver.lookup("localhost").await?, ["127.0.0.1".parse::<std::net::IpAddr>()?]);
//!
//! let mut watch = resolver.watch(Question::host("localhost"));
//! let endpoints = watch.changed().await?; // now; the next call waits for a change
//! assert_eq!(endpoints.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **Queries** the given DNS servers or, if none is given, the operating system as every other program does. The servers are
//!   tried in turn: when one fails or does not answer within two seconds, the next one is asked as well, and after the last one the
//!   first again; a late answer still counts. Queries go over UDP, each from a different port, and over TCP if the answer does not
//!   fit. A and AAAA are queried in parallel. Names are used as given, without a search list or hosts file, as in nginx. CNAMEs are
//!   followed.
//! - **Partial answers**: if one address family resolves and the server failed for the other, the partial answer is used for five
//!   seconds; a complete older answer takes precedence over it.
//! - **Caches** an answer for its TTL, or for [`valid`](Builder::valid). Concurrent queries for the same name are merged into one,
//!   which continues when the callers go away. The number of cached names is bounded.
//! - **Serves stale answers while DNS is down**: when a query fails or takes longer than a second, the last good answer is used, for a
//!   day at most. A failed query is repeated after one second at the earliest. "There is no such name" is an answer, cached for 5 s.
//! - **Services**: [`Question::service`] queries SRV records and the addresses of their hosts, with priorities and weights.
//! - **Reports changes**: [`Watch::changed`] queries again when the answer expires (at most once a second), and returns
//!   when the answer differs; the order of addresses does not matter.
//!
//! ## What it does not
//! No DNSSEC, no DNS over TLS or HTTPS. The crate expresses no preference by the order of addresses: choosing among endpoints is up to
//! a load balancer. With the operating system as the source, "no such name" cannot be told from "no answer", so stale answers are used
//! in both cases.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `resolver` addresses, `valid=`, `ipv4=`, `ipv6=` | [`Builder::servers`], [`valid`](Builder::valid), [`ipv4`](Builder::ipv4), [`ipv6`](Builder::ipv6) |
//! | `resolver_timeout` | [`Builder::timeout`] |
//! | `server … resolve`, `service=` | [`Resolver::watch`], [`Question::service`] |
//!
//! Differences: nginx does not serve stale answers; without `resolver` it resolves nothing at run time.
//!
//! ## Errors
//! [`Error`] in nginx's words; [`Error::is_final`] distinguishes a negative answer from no answer. [`BuildError`] if a resolver cannot be
//! built.
//!
//! ## Cost
//! A cached answer: one lock, held for a hash lookup, and no allocation except the result's. A query: a task on the
//! builder's runtime, which ends after [`timeout`](Builder::timeout). A watch: one timer, no task. There are no other background tasks.

mod answer;
mod cache;
mod client;
mod dns;
mod error;
mod resolver;
mod source;
mod watch;
mod wire;

pub use answer::{Endpoint, Endpoints, Question};
pub use error::{BuildError, Error};
pub use resolver::{Builder, Resolver};
pub use watch::Watch;
