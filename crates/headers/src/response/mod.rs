//! Fields on the way to the client.

mod fields;
mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::ResponseHeadersLayer;
pub use self::service::ResponseHeaders;
