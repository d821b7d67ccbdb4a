//! Leaf service: one upstream peer over HTTP/1.1, with a keepalive pool.

mod attempt;
mod body;
mod client;
mod connect;
mod error;
mod established;
mod future;
mod head;
mod http1;
mod idle;
mod open;
mod outgoing;
mod peer;
mod pool;
mod round_robin;
mod target;
mod task;
mod transport;
mod wire;

pub use body::Body;
pub use client::Client;
pub use error::{AttemptClass, BoxError, Error, HeadFault};
pub use established::{Established, Sending};
pub use future::ResponseFuture;
pub use peer::{Peer, PeerAddress};
pub use pool::{Keepalive, Pool};
pub use round_robin::{Peers, Rotation, RoundRobin};
pub use target::Target;
pub use transport::{HttpVersion, Transport};
