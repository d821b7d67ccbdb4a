//! How many requests of a key may be served at once.

mod future;
mod service;
mod zone;

pub use future::ConnectionLimitFuture;
pub use service::LimitConnections;
pub use zone::{
    ConnectionLimit, ConnectionVerdict, ConnectionZone, ConnectionsRefused, LONGEST_CONNECTION_KEY, Places,
    check_connections,
};
