//! The layer.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use tower_layer::Layer;

use super::fill::fill;
use super::service::RequestBuffer;
use crate::error::{BoxError, Error};
use crate::replay::Replay;

/// When a request goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// When its body is there as a whole (nginx: `proxy_request_buffering on`).
    #[default]
    Whole,
    /// At once; the body is passed on as it comes (nginx: `proxy_request_buffering off`).
    Stream,
    /// At once where the body says how long it is, else when it is there as a whole: for upstreams that have to be told before (nginx:
    /// `uwsgi_request_buffering off`).
    StreamAnnounced,
}

impl Mode {
    /// Whether such a body is read before the request goes on.
    pub(crate) fn is_whole(self, body: &impl Body) -> bool {
        match self {
            Self::Whole => true,
            Self::Stream => false,
            Self::StreamAnnounced => body.size_hint().exact().is_none(),
        }
    }
}

/// Keeps request bodies, so that they can be sent again: a [`RequestBuffer`] around a service.
///
/// ```
/// use propylon_buffer::RequestBufferLayer;
///
/// let layer = RequestBufferLayer::new("/var/tmp").memory(16 * 1024).max_size(1024 * 1024);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct RequestBufferLayer {
    pub(crate) settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) memory: usize,
    pub(crate) in_file_only: bool,
    pub(crate) max_size: Option<u64>,
    pub(crate) directory: PathBuf,
}

impl RequestBufferLayer {
    /// Bodies of up to 16 KiB are kept in memory, larger ones in unlinked files in `directory`. It should be on a disk, not in
    /// memory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            settings: Arc::new(Settings {
                mode: Mode::Whole,
                memory: 16 * 1024,
                in_file_only: false,
                max_size: None,
                directory: directory.into(),
            }),
        }
    }

    /// When a request goes on. Default [`Mode::Whole`] (nginx: `proxy_request_buffering`).
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        Arc::make_mut(&mut self.settings).mode = mode;
        self
    }

    /// How many bytes of a body are kept in memory; one that is larger is in a file as a whole. Default 16 KiB (nginx:
    /// `client_body_buffer_size`).
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.settings).memory = bytes;
        self
    }

    /// Whether each body is kept in a file, however small. Default no (nginx: `client_body_in_file_only clean`).
    #[must_use]
    pub fn in_file_only(mut self, on: bool) -> Self {
        Arc::make_mut(&mut self.settings).in_file_only = on;
        self
    }

    /// How large a body may be: one that announces more is refused before it is read, one that does not when it gets larger.
    /// Default: any size (nginx: `client_max_body_size`, 1 MiB there).
    #[must_use]
    pub fn max_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        Arc::make_mut(&mut self.settings).max_size = bytes.into();
        self
    }
}

impl RequestBufferLayer {
    /// Reads all of a body, as the layer does in [`Mode::Whole`], for those who want nothing but that.
    ///
    /// ```
    /// use http_body_util::Full;
    /// use propylon_buffer::RequestBufferLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), propylon_buffer::BoxError> {
    /// let layer = RequestBufferLayer::new("/var/tmp").max_size(5);
    /// let body = layer.read(Full::from("hello")).await?;
    /// assert_eq!(body.as_bytes().map(|bytes| &bytes[..]), Some(&b"hello"[..]));
    /// assert!(layer.read(Full::from("hello, you")).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The body is too large, its own error, or there is no room for it.
    pub async fn read<B>(&self, body: B) -> Result<Replay, BoxError>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        self.settings.admit(&body)?;
        fill(body, Arc::clone(&self.settings)).await
    }
}

impl Settings {
    /// Whether a body is not larger than it may be, as far as it says so.
    pub(crate) fn admit(&self, body: &impl Body) -> Result<(), Error> {
        let size = body.size_hint().lower();
        match self.max_size {
            Some(limit) if size > limit => Err(Error::TooLarge { size, limit }),
            _ => Ok(()),
        }
    }
}

impl<S> Layer<S> for RequestBufferLayer {
    type Service = RequestBuffer<S>;

    fn layer(&self, inner: S) -> RequestBuffer<S> {
        RequestBuffer { inner, settings: Arc::clone(&self.settings) }
    }
}
