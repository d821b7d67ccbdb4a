//! The client's own address, where a trusted proxy says it.

mod address;
mod layer;
mod service;

pub(crate) use self::address::parse_port;
pub use self::address::{real_address, real_address_forwarded};
pub use self::layer::RealIpLayer;
pub use self::service::{ConnectionAddr, RealIp};
