#![doc = include_str!("../README.md")]

pub mod policy;
pub mod store;

/// The error of the service and of bodies: one of this crate's, or one from inside.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
