#![doc = include_str!("../README.md")]

mod content;
mod database;
mod error;
mod path;
mod value;

pub use content::Content;
pub use database::Database;
pub use error::Error;
pub use path::DataPath;
