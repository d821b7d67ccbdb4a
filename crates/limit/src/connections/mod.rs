//! How many requests of a key may be served at once.

mod future;
mod layer;
mod service;
mod zone;

pub use future::ConnectionLimitFuture;
pub use layer::ConnectionLimitLayer;
pub use service::LimitConnections;
pub use zone::{
    ConnectionLimit, ConnectionVerdict, ConnectionZone, ConnectionsRefused, Places, check_connections,
};
