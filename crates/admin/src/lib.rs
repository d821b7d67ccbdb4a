#![doc = include_str!("../README.md")]

mod api;
mod app;
mod error;
mod guard;
mod metrics;
mod nginx;
mod page;
mod process;
mod reloads;
mod server;

pub use nginx::NginxApi;
pub use reloads::{Order, Orders};
pub use server::Admin;
