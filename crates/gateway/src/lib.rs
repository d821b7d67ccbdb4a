//! The gateway: listeners, virtual hosts, location routing, and the stack of layers of every location.
//!
//! This crate combines the layer crates into a reverse proxy and holds none of their logic. From a checked
//! [`Config`](propylon_config::Config) it builds one stack of layers per location and one router per worker, and serves connections.
//! The `propylon` binary is a thin shell around it; a platform can have its own binary instead.
//!
//! ## Example
//! ```
//! use propylon_gateway::{Gateway, Start, log::Sinks};
//! use std::io::{Read, Write};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
//! let config = format!(r#"
//!     [runtime]
//!     workers = 1
//!     [[server]]
//!     listen = ["{free}"]
//!     access_log = {{ path = "off" }}
//!     return = [200, "hello $arg_name"]
//! "#);
//! let config = propylon_config::parse(&config, "example.toml")?.config;
//! let gateway = Gateway::start(config, Start::new(Sinks::spawn(propylon_gateway::report_trouble)?)).await?;
//!
//! let mut client = std::net::TcpStream::connect(free)?;
//! client.write_all(b"GET /?name=you HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.ends_with("hello you"));
//!
//! gateway.drain(std::time::Duration::from_secs(1)).await;
//! # Ok(()) }
//! ```
//!
//! ## What it does
//! - [`Gateway`]: start, reload without a dropped request, reopen logs, drain, stop.
//! - [`Given`]: sockets from systemd, or from a previous gateway; with [`Gateway::sockets`] a new process takes over without losing a
//!   connection.
//! - [`explain()`]: which server and location answer a request, with each setting and the line that it came from.
//! - [`routing`]: nginx's rules for paths, hosts, locations and the URI of `proxy_pass`, as pure functions.
//!
//! ## What it does not
//! The gateway reads no configuration files (`config` does), handles no arguments and no signals (the binary does), and spawns
//! nothing on the caller's runtime except one task for names that must be resolved again.
//!
//! ## nginx
//! `http`, `server`, `location`, `listen`, `server_name`, `return`, `internal`, `proxy_pass`, `X-Accel-Redirect`; phases as in nginx.
//!
//! ## Errors
//! [`StartError`] if the gateway cannot start or a configuration cannot take effect; the current configuration then stays in force.
//! Requests never fail with an error: they get a status, and the error log has a line with the reason.
//!
//! ## Cost
//! One thread and one tokio runtime per worker; a connection never changes workers. A request through a proxy route passes three
//! seams of [`propylon_stack`]; `bench/` measures it against nginx.

mod acme;
mod api;
mod caches;
mod client;
mod dispatch;
mod edge;
mod error;
mod error_log;
mod explain;
mod failures;
mod gateway;
mod geoips;
mod given;
mod handshake;
mod health;
pub mod insight;
mod keyvals;
mod layers;
mod listener;
mod names;
mod oidc;
mod page;
mod phases;
mod proxy_protocol;
mod proxy_status;
mod redirects;
mod reroute;
mod rescue;
mod retired;
mod rewrite;
mod route;
mod router;
pub mod routing;
mod runtime;
mod secrets;
mod start;
mod stream;
mod tally;
mod tls;
mod token;
mod traces;
mod upstreams;
mod worker;
mod zones;

pub use api::{Answering, Api, Question};
pub use error::{BuildError, StartError};
pub use explain::{ExplainError, Explanation, explain};
pub use failures::AcceptFailures;
pub use gateway::{Gateway, report_trouble};
pub use given::Given;
pub use retired::Retired;
pub use start::Start;
pub use token::shows;

/// Where logs go: what a caller of [`Gateway::start`] needs to share the gateway's logs.
pub mod log {
    pub use propylon_access_log::{Buffering, OpenError, Sink, Sinks, Target};

    pub use crate::error_log::{ErrorLogs, NOTICE, current};
}
