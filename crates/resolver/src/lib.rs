//! Names to addresses for a proxy: answers kept for their time to live, SRV records, old answers while DNS is down, and a
//! word when something changes.
//!
//! [`hickory_proto`] reads and writes DNS messages underneath; this crate decides who is asked what and when, and what is believed
//! how long.
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
//! - **Asks** the given DNS servers, or, if none is given, the operating system as every other program does. The servers are
//!   asked in turn; the next one as well when one fails or says nothing for two seconds, and again after that; a late
//!   answer counts too. UDP, each time from another port; TCP for what is too long for it. A and AAAA at once, names as they are: no
//!   search list, no hosts file, as nginx. Aliases are followed.
//! - **Half an answer** is used for five seconds, if one kind of address is there and the server failed for the other; a whole
//!   older answer stands in for it.
//! - **Remembers** an answer for its time to live, or for [`valid`](Builder::valid). Many who ask at once are one query, which
//!   goes on when they leave. A number of names is remembered, not more.
//! - **Goes on while DNS is down**: a query that fails or takes longer than a second gives the last good answer, for a day at
//!   most; a failed query is repeated after a second at the earliest. "There is no such name" is an answer, believed for 5 s.
//! - **Services**: [`Question::service`] asks for SRV records and their hosts' addresses, with priorities and weights.
//! - **Tells changes**: [`Watch::changed`] asks again when the answer expires (not more often than each second), and returns
//!   when it is another one; order does not matter.
//!
//! ## What it does not
//! No DNSSEC, no DNS over TLS or HTTPS. It never changes an order into a preference: choosing among endpoints is a
//! balancer's. With the operating system as the source, "no such name" can't be told from "no answer": old answers stand in
//! for both.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `resolver` addresses, `valid=`, `ipv4=`, `ipv6=` | [`Builder::servers`], [`valid`](Builder::valid), [`ipv4`](Builder::ipv4), [`ipv6`](Builder::ipv6) |
//! | `resolver_timeout` | [`Builder::timeout`] |
//! | `server … resolve`, `service=` | [`Resolver::watch`], [`Question::service`] |
//!
//! Differences: nginx gives no old answers; without `resolver` it resolves nothing at run time.
//!
//! ## Errors
//! [`Error`] in nginx's words; [`Error::is_final`] tells "no" from silence. [`BuildError`] for a resolver that cannot be.
//!
//! ## Cost
//! An answer from memory: one lock that is held for a hash look-up, no allocation but the result's. A query: a task on the
//! builder's runtime, which ends after [`timeout`](Builder::timeout). A watch: one timer, no task. No background task else.

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
