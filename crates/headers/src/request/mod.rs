//! Fields on the way to an upstream.

mod fields;
mod layer;
mod service;

pub use self::layer::RequestHeadersLayer;
pub use self::service::RequestHeaders;
