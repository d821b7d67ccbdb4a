//! Interim responses, sent before the final one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Extensions, HeaderMap, StatusCode};

use super::handle::Shared;
use crate::proto::encode_interim;

/// How many interim responses a request may have.
const MOST: u32 = 8;

/// Sends interim (1xx) responses to one request. It never blocks; a clone sends to the same request.
#[derive(Clone)]
pub struct Interim(Way);

#[derive(Clone)]
enum Way {
    /// A connection of this crate.
    Connection {
        shared: Arc<Shared>,
        number: u64,
    },
    Other(Arc<dyn SendInterim>),
}

/// Sends interim responses to one request of another protocol.
pub trait SendInterim: Send + Sync {
    /// Sends an interim response without waiting.
    ///
    /// # Errors
    ///
    /// Nothing is sent then.
    fn send_interim(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), InterimRefused>;
}

/// Why an interim response was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InterimRefused {
    /// Not a 1xx, or 101, which is final.
    #[error("not an interim status")]
    Status,
    /// The final head has been written.
    #[error("the final response has begun")]
    Late,
    /// There were eight already.
    #[error("too many interim responses")]
    TooMany,
}

impl Interim {
    pub(super) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self(Way::Connection { shared, number })
    }

    /// Interim responses to a request that did not come by this crate's connection.
    #[must_use]
    pub fn by(way: Arc<dyn SendInterim>) -> Self {
        Self(Way::Other(way))
    }

    /// Sends an interim response, at once or with what is sent next. At most eight for one request.
    ///
    /// # Errors
    ///
    /// Nothing is sent then: see [`InterimRefused`].
    pub fn send(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), InterimRefused> {
        let (shared, number) = match &self.0 {
            Way::Connection { shared, number } => (shared, *number),
            Way::Other(way) => return way.send_interim(status, headers),
        };
        shared.say(|said| {
            if shared.open.load(Ordering::Acquire) != number {
                return Err(InterimRefused::Late);
            }
            if said.number != number {
                said.number = number;
                said.count = 0;
                said.bytes.clear();
            }
            if said.count >= MOST {
                return Err(InterimRefused::TooMany);
            }
            encode_interim(status, headers, &Extensions::new(), &mut said.bytes)
                .map_err(|_| InterimRefused::Status)?;
            said.count += 1;
            Ok(())
        })
    }
}

impl fmt::Debug for Interim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interim").finish_non_exhaustive()
    }
}
