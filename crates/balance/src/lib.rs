//! Chooses the peer of an upstream for each request: every method of nginx, in its exact sequence where there is one, with
//! its passive health, limits on requests at the same time, a queue, and slow starts.
//!
//! A [`Group`] is what all workers share: the peers, their marks and counts. A [`Balancer`] is one worker's: whose turn it
//! is. [`Balance`] is the tower service: it picks, and sends to that peer as the [`Dispatch`] does.
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
//! - **Chooses** by [`Method`]: smooth weighted round robin, least connections, hashes of an address or a key, a consistent
//!   hash with nginx's points, by chance, the better of two, the quickest. What a method cannot decide, the turn decides.
//!   With one worker the sequences are nginx's.
//! - **Watches** (nginx's passive health): [`max_fails`](Server::max_fails) failures within
//!   [`fail_timeout`](Server::fail_timeout) make a peer unavailable for as long; then one request tries it. What is a failure
//!   [`Dispatch::outcome`] says; as in nginx, a response that breaks off is none, and a status is one only where the request
//!   goes to another peer because of it ([`Outcome::Open`]). The only peer of a group is never unavailable.
//!   [`HealthCheck`] probes peers, each in its own rhythm and by whatever means the caller has; [`Group::set_healthy`] takes a
//!   verdict. New peers of a [mandatory](GroupBuilder::mandatory) group get nothing before their first probe.
//! - **Keeps within limits**: [`max_conns`](Server::max_conns) is exact over all workers; with a
//!   [queue](GroupBuilder::queue) requests wait for a place, the first come first, on whatever worker.
//! - **Starts slowly**: the share of a peer that has come back grows in a line over [`slow_start`](Server::slow_start).
//! - **Backups** serve when none of the others can. A request that carries [`Tried`] goes to each peer once.
//! - **Brings clients back**: a [`StickyLayer`] around it binds requests to the peer that they had, [by a cookie](ByCookie),
//!   [by a route](ByRoute) that they name, or by [what peers say](Learning). A peer that drains takes these only; one that cannot
//!   serve (gone, down, unavailable, full, tried already) is replaced as the method says.
//! - **Changes**: [`Group::set`] replaces the servers; what is known of those that stay is kept.
//! - **Tells**: an [observer](GroupBuilder::observer) hears of peers that become unavailable and available.
//!
//! ## What it does not
//! It sends nothing again (a retry layer around it does, with [`Tried`]) and resolves no names; what a probe is, it does not know.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `server` … `weight` `max_conns` `max_fails` `fail_timeout` `slow_start` `backup` `down` `drain` `route` | [`Server`] |
//! | `least_conn` `ip_hash` `hash` `random` `least_time` | [`Method`] |
//! | `queue` | [`GroupBuilder::queue`] |
//! | `sticky cookie`, `route`, `learn` | [`StickyLayer`], [`ByCookie`], [`ByRoute`], [`Learning`] |
//! | `health_check` | [`HealthCheck`] |
//! | `zone` | a [`Group`] always is |
//!
//! Differences: times are counted in milliseconds, not in seconds. The turn is each worker's own, as in nginx without `zone`.
//!
//! ## Errors
//! [`Error`]: no live peers, the queue is full, the wait in it was too long. The services' errors pass as they are.
//!
//! ## Cost
//! A pick takes one lock that is one worker's, and touches shared memory only with atomic operations on the chosen peer: no
//! lock between workers. It looks at each peer once (hashes and chance look at the chosen ones only), and allocates nothing but
//! for methods that measure (once). `cargo bench -p propylon-balance` tells how long that takes.

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
