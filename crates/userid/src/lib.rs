#![doc = include_str!("../README.md")]

mod cookies;
mod future;
mod id;
mod issuer;
mod layer;
mod rules;
mod service;
mod visitor;

pub use future::ResponseFuture;
pub use id::Id;
pub use issuer::{Issuer, Version};
pub use layer::UserIdLayer;
pub use rules::{Expires, Got, Rules, SameSite, Set};
pub use service::UserId;
pub use visitor::Visitor;
