//! Fields with names that are not sound, dropped where requests come in.

mod layer;
mod service;

pub use self::layer::SanitizeLayer;
pub use self::service::Sanitize;
