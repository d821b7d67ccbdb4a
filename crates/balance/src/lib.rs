//! Chooses the peer of an upstream for each request: every method of nginx, with nginx's exact sequence where a method has one,
//! its passive health checks, limits on concurrent requests, a queue, and slow start.
//!
//! A [`Group`] is shared by all workers: the peers, their health and their counters. A [`Balancer`] belongs to one worker and
//! keeps its position in the rotation. [`Balance`] is the tower service: it picks a peer and sends the request to it by means of
//! the [`Dispatch`].
//!
//! ## Example
//! ```
//! use std::convert::Infallible;
//! use http::{Request, Response};
//! use propylon_balance::{Balance, Balancer, Dispatch, Error, Group, Method, Server};
//! use std::future::{Ready, ready};
//! use tower::{Service, ServiceExt};
//!
//! #[derive(Clone)]
//! struct ByName;
//!
//! impl Dispatch<&'static str, String> for ByName {
//!     type Future = Ready<Result<Response<String>, Error>>;
//!     type Body = String;
//!     type Error = Error;
//!
//!     fn send(&self, peer: &&'static str, _: Request<String>) -> Self::Future {
//!         ready(Ok(Response::new(format!("I am {peer}")))) // here, to connect to it
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let group = Group::new("backend");
//! group.set([Server::new("a", "a").weight(2), Server::new("b", "b")]);
//! let mut service = Balance::new(Balancer::new(group, Method::RoundRobin)?, ByName);
//! for expected in ["I am a", "I am b", "I am a"] {
//!     let response = service.ready().await?.call(Request::new(String::new())).await?;
//!     assert_eq!(response.into_body().finish(), expected);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ## What it does
//! - **Balances** by [`Method`]: smooth weighted round robin, least connections, hash of the client address or of a key,
//!   consistent hash with nginx's points, random, random with two choices, least time. Round robin breaks ties. With one worker
//!   the sequences are nginx's.
//! - **Passive health checks**, as in nginx: after [`max_fails`](Server::max_fails) failures within
//!   [`fail_timeout`](Server::fail_timeout) a peer is unavailable for that time; then one request tries it. [`Dispatch::outcome`]
//!   defines what a failure is. As in nginx, a response that breaks off is not a failure, and a status is one only if it makes the
//!   request go to another peer ([`Outcome::Open`]). The only peer of a group is never unavailable.
//! - **Active health checks**: [`HealthCheck`] probes each peer at its own pace, by whatever means the caller provides;
//!   [`Group::set_healthy`] records the verdict. New peers of a [mandatory](GroupBuilder::mandatory) group get no requests until
//!   they have been found healthy.
//! - **Limits**: [`max_conns`](Server::max_conns) is exact across all workers. With a [queue](GroupBuilder::queue), requests wait
//!   for a free slot, first come first served, whichever worker they are on.
//! - **Slow start**: the share of a recovered peer grows linearly over [`slow_start`](Server::slow_start).
//! - **Backup peers** serve when none of the others can. A request that carries [`Tried`] goes to each peer at most once.
//! - **Sticky sessions**: a [`StickyLayer`] around the service binds requests to the peer that they had before, [by a
//!   cookie](ByCookie), [by a route](ByRoute) named in the request, or [by what peers send](Learning). A draining peer gets only
//!   bound requests. If the bound peer cannot serve (gone, down, unavailable, full, already tried), the method picks another.
//! - **Live changes**: [`Group::set`] replaces the servers; the state of those that remain is kept.
//! - **Notifications**: an [observer](GroupBuilder::observer) is called when a peer becomes unavailable or available.
//!
//! ## What it does not
//! The service does not retry requests (a retry layer around it does, with [`Tried`]), does not resolve names, and does not define
//! what a probe is.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `server` … `weight` `max_conns` `max_fails` `fail_timeout` `slow_start` `backup` `down` `drain` `route` | [`Server`] |
//! | `least_conn` `ip_hash` `hash` `random` `least_time` | [`Method`] |
//! | `queue` | [`GroupBuilder::queue`] |
//! | `sticky cookie`, `route`, `learn` | [`StickyLayer`], [`ByCookie`], [`ByRoute`], [`Learning`] |
//! | `health_check` | [`HealthCheck`] |
//! | `zone` | a [`Group`] is always shared |
//!
//! Differences: times are counted in milliseconds, not in seconds. Each worker has its own rotation, as in nginx without `zone`.
//!
//! ## Errors
//! [`Error`]: no live peers, the queue is full, or the wait in the queue was too long. Errors of the peers' services are passed on
//! unchanged.
//!
//! ## Cost
//! A pick takes one lock that belongs to the worker, and touches shared memory only with atomic operations on the chosen peer:
//! there is no lock between workers. It looks at each peer once (hash and random methods look only at the chosen ones) and
//! allocates nothing; methods that measure times allocate once. `cargo bench -p propylon-balance` measures it.

mod balancer;
mod body;
mod error;
mod future;
mod group;
mod health;
mod load;
mod method;
mod pick;
mod queue;
mod ring;
mod server;
mod service;
mod slot;
mod standing;
mod state;
mod sticky;
mod weighted;

pub use balancer::{Balancer, Picked, Tried};
pub use body::ResponseBody;
pub use error::{BuildError, Error};
pub use future::ResponseFuture;
pub use group::{Change, Group, GroupBuilder, Peer, Peers};
pub use health::HealthCheck;
pub use method::{Better, Method};
pub use pick::Key;
pub use server::Server;
pub use service::{Balance, Dispatch, Outcome};
pub use standing::Standing;
pub use state::History;
pub use sticky::{
    Binding, ByCookie, ByRoute, Cookie, Learner, Learning, Memory, SameSite, ServedBy, Session, Sessions,
    Sticky, StickyFuture, StickyLayer, Wanted,
};
