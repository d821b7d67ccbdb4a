//! HTTP/1.1, in two parts: a core that turns bytes into heads and body events and back and does no I/O, and
//! connections on tokio that drive it.

mod error;
mod fields;
mod framing;
mod limits;
mod marks;
pub mod proto;
mod received;
mod target;

pub use error::{BodyError, EncodeError, HeadError, HeadErrorKind};
pub use fields::{FieldOrder, HeaderCase, Reason, ReasonError};
pub use framing::{BodyKind, BodySize, ConnectionOptions};
pub use limits::Limits;
pub use marks::Marks;
pub use proto::{RequestHead, ResponseHead};
pub use received::{ReceivedRequest, ReceivedResponse};
pub use target::{Target, TargetForm};

pub mod client;
mod io;
pub mod server;
