//! The `Forwarded` field (RFC 7239) and the lists that are appended to: no tower, no I/O.

mod append;
mod element;
mod node;
mod parse;

pub use self::append::{append_forwarded, append_x_forwarded_for};
pub use self::element::Element;
pub use self::node::{Node, NodeName, NodePort};
pub use self::parse::MalformedForwarded;
