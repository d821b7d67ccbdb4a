#![doc = include_str!("../README.md")]

mod code;
mod fault;
mod frame;
mod head;
mod qpack;
mod request;
mod settings;
mod stream;
mod varint;
mod write;

pub use code::Code;
pub use fault::Fault;
pub use head::{Refused, RequestHead, trailers};
pub use request::{Event, RequestStream};
pub use settings::Settings;
pub use stream::{Opened, Said, UniStream};
pub use write::{Fields, LAST_STREAM, control, data, goaway, response};
