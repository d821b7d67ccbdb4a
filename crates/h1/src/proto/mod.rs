//! The sans-I/O core: parsers, decoder, encoders.

mod decode;
mod encode;
mod raw;
mod request;
mod response;

pub use decode::{Decoder, Event};
pub use encode::{
    Encoder, RequestToSend, ResponseToSend, Sent, encode_interim, encode_request, encode_response,
};
pub use raw::RawFields;
pub use request::{RequestHead, RequestParser};
pub use response::{ResponseHead, ResponseParser};
