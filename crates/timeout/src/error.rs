use std::time::Duration;

/// What took too long, and the limit that it exceeded.
///
/// It comes inside a [`BoxError`](crate::BoxError), from the response future or from the response body:
///
/// ```
/// use std::time::Duration;
/// use propylon_timeout::{BoxError, Error};
///
/// let failed: BoxError = Error::HeadTimeout(Duration::from_secs(60)).into();
/// let gateway_timeout = failed.downcast_ref::<Error>().is_some();
/// assert!(gateway_timeout);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The inner service stopped taking the request: nothing of it was taken for this long.
    #[error("sending the request made no progress for {0:?}")]
    SendTimeout(Duration),
    /// The request was taken completely, and no response head came for this long.
    #[error("no response head came within {0:?}")]
    HeadTimeout(Duration),
    /// The response began, and no frame of its body came for this long.
    #[error("the response body made no progress for {0:?}")]
    ReadTimeout(Duration),
}
