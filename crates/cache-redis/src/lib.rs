#![doc = include_str!("../README.md")]

mod connection;
mod error;
mod redis;
mod resp;
mod server;

pub use self::{
    error::{Error, Refusal},
    redis::{Redis, Secured, Stream},
    server::{Server, UrlError},
};
