#![doc = include_str!("../README.md")]

mod body;
mod certificates;
mod challenges;
mod clock;
mod error;
mod event;
mod future;
mod http;
mod keeper;
mod kept;
mod layer;
mod order;
pub mod schedule;
mod service;
mod settings;
mod store;
mod stored;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use body::ResponseBody;
pub use certificates::Certificates;
pub use challenges::{ACME_TLS, Challenges, WELL_KNOWN};
pub use error::Error;
pub use event::Event;
pub use future::ResponseFuture;
pub use keeper::{Builder, Keeper};
pub use kept::Status;
pub use layer::Http01Layer;
pub use service::{ANSWER_TYPE, Http01};
pub use settings::{Challenge, KeyKind, LETS_ENCRYPT, Settings, Wanted};

use clock::now;

/// What signs and encrypts.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
