//! `buffer`: configuration to layers, for requests and for responses.

mod noted;
mod request;
mod response;

use std::path::PathBuf;

use propylon_config::Runtime;

pub(crate) use request::{BufferLayer, Keeper, Lost, Whole};
pub(crate) use response::{Keeping, read_bytes};

/// Where temporary files are made.
fn directory(runtime: &Runtime) -> PathBuf {
    runtime.temp_path.clone().unwrap_or_else(std::env::temp_dir)
}
