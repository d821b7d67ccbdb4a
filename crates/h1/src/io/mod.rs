//! What both sides share: recycled buffers, the bytes that came, the bytes that are to go.

mod begun;
mod buffers;
mod file;
mod input;
mod output;

pub(crate) use begun::{Begun, Stop, begin};
pub(crate) use buffers::START;
pub use file::{FilePart, SendFile};
pub(crate) use input::{Input, Readable};
pub(crate) use output::{ENOUGH, Output};
