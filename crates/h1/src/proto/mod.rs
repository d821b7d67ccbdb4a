//! The core: bytes to heads and body events, and back. No I/O, no clock, no task.

mod chunk;
mod decode;
mod encode;
mod encoder;
mod lines;
mod raw;
mod request;
mod response;
mod scan;
mod section;
mod trusted;
mod write;

pub use decode::{Decoder, Event};
pub(crate) use encode::encode_response_dated;
pub use encode::{
    CONTINUE, RequestToSend, ResponseToSend, Sent, encode_interim, encode_request, encode_response,
};
pub use encoder::Encoder;
pub use raw::RawFields;
pub(crate) use request::Judged;
pub use request::{RequestHead, RequestParser};
pub(crate) use response::is_interim;
pub use response::{ResponseHead, ResponseParser};

/// nginx's set, smaller than RFC 9110's token: every registered method is within.
fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'-' || byte == b'_'
}

/// RFC 9110 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
