//! Fields on the way to the client.

mod expires;
mod fields;
mod future;
mod layer;
mod service;

pub use self::expires::Expires;
pub use self::fields::is_success;
pub use self::future::ResponseFuture;
pub use self::layer::ResponseHeadersLayer;
pub use self::service::ResponseHeaders;
