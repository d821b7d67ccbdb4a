//! Facts recorded about one request/response exchange: append-only, no behaviour.
//!
//! A layer that works on a request learns things that others want to *report* but that no response can carry, because the exchange
//! may end in an error or an abort: which peers were tried, how long each took, how many bytes were transferred. The edge of a server
//! creates one [`Exchange`] for each request and puts a clone into the request's extensions; layers record into it; variables, logs,
//! metrics and `explain` read it. A layer that finds no `Exchange` works without recording anything.
//!
//! ## Example
//! ```
//! use std::sync::Arc;
//! use http::{HeaderMap, Method, StatusCode, Version};
//! use propylon_exchange::{Address, Connection, Exchange, Head};
//! use tokio::time::Instant;
//!
//! let connection = Arc::new(Connection::new(1, Address::unix(), Address::unix()));
//! let head = Head {
//!     method: Method::GET,
//!     target: "/".into(),
//!     version: Version::HTTP_11,
//!     headers: HeaderMap::new().into(),
//!     bytes: 18,
//! };
//! let exchange = Exchange::new(connection, 1, Instant::now(), head);
//!
//! // A leaf records a try; it is closed, and its time taken, when the handle drops.
//! let attempt = exchange.open_try("10.0.0.1:80".into());
//! attempt.connected();
//! attempt.head_received(StatusCode::OK);
//! attempt.received(1024);
//! drop(attempt);
//!
//! exchange.with_tries(|tries| {
//!     assert_eq!(tries[0].status, Some(StatusCode::OK));
//!     assert_eq!(tries[0].length, 1024);
//! });
//! ```
//!
//! ## What it does
//! - Keeps the client's request head as received, whatever is rewritten later.
//! - Opens a record first, fills it later, and closes it on `Drop`: a record that was begun is never lost.
//! - Each fact has one writer, and facts are only ever added.
//!
//! ## What it does not
//! The crate makes no decisions, formats nothing, and reads no clock other than tokio's (which tests can pause), and that as rarely
//! as [`clock::hold`] allows.
//!
//! ## nginx
//! The counterpart of the state that nginx keeps in `ngx_http_request_t` and `r->upstream_states` for its variables.
//!
//! ## Errors
//! None.
//!
//! ## Cost
//! One allocation per exchange (two more if the request is retried, and one if something is to be [kept](Keep)). A clone increments a
//! reference count. Recording a number (times, counts and statuses of the first attempt) is a store; anything else takes an
//! uncontended lock.

mod address;
pub mod clock;
mod connection;
mod exchange;
mod facts;
mod fields;
mod head;
mod keep;
mod late;
mod place;
mod trace;
mod tries;

pub use address::Address;
pub use connection::{ClientCertificate, Connection, ProxyProtocol, Refused, Tls};
pub use exchange::Exchange;
pub use facts::Count;
pub use fields::Fields;
pub use head::Head;
pub use keep::Keep;
pub use late::{End, ProxyHost};
pub use place::{Place, Uri};
pub use trace::Trace;
pub use tries::{Try, TryRecord};
