#![doc = include_str!("../README.md")]

mod api;
mod app;
mod error;
mod guard;
mod metrics;
mod page;
mod process;
mod reloads;
mod server;

pub use reloads::{Order, Orders};
pub use server::Admin;
