//! The layer.

use std::path::PathBuf;
use std::sync::Arc;

use http::response;
use http_body::Body;
use tower_layer::Layer;

use super::body::ResponseBody;
use super::service::ResponseBuffer;
use super::settings::Settings;
use super::shared::Report;
use super::way::{Way, way};

/// Reads responses as fast as they come, however slow the client: a [`ResponseBuffer`] around a service.
///
/// ```
/// use propylon_buffer::ResponseBufferLayer;
///
/// let layer = ResponseBufferLayer::new("/var/tmp").count(8).size(16 * 1024).max_temp_file_size(1 << 30);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct ResponseBufferLayer {
    pub(crate) settings: Arc<Settings>,
}

impl ResponseBufferLayer {
    /// Keeps 8 × 16 KiB of a response in memory, and what does not fit in an unlinked file in `directory`, of up to 1 GiB. It
    /// should be on a disk, not in memory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { settings: Arc::new(Settings::new(directory.into())) }
    }

    fn with(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }

    /// Whether responses are kept unless they say otherwise. Default yes (nginx: `proxy_buffering`).
    #[must_use]
    pub fn on(self, on: bool) -> Self {
        self.with(|settings| settings.on = on)
    }

    /// Whether a response's `X-Accel-Buffering: yes` and `no` are obeyed. Default yes (nginx: `proxy_ignore_headers`).
    #[must_use]
    pub fn accel(self, obeyed: bool) -> Self {
        self.with(|settings| settings.accel = obeyed)
    }

    /// How many buffers a response may have, at least 2. Default 8 (nginx: the first value of `proxy_buffers`).
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        self.with(|settings| settings.count = count.max(2))
    }

    /// How many bytes a buffer has. Default 16 KiB (nginx: the second value of `proxy_buffers`, 4 KiB or 8 KiB there).
    #[must_use]
    pub fn size(self, bytes: usize) -> Self {
        self.with(|settings| settings.size = bytes.max(1))
    }

    /// How much of them is set aside for what is on its way to the client, at most all but one. Default two buffers (nginx:
    /// `proxy_busy_buffers_size`). The connection to the client has to keep to it: see [`busy_bytes`](Self::busy_bytes).
    #[must_use]
    pub fn busy_size(self, bytes: impl Into<Option<usize>>) -> Self {
        self.with(|settings| settings.busy = bytes.into())
    }

    /// How large the file may become; then the upstream has to wait until the client has read all of it. 0: no file. Default
    /// 1 GiB (nginx: `proxy_max_temp_file_size`).
    #[must_use]
    pub fn max_temp_file_size(self, bytes: u64) -> Self {
        self.with(|settings| settings.max_file = bytes)
    }

    /// How much is written to the file at once, at least one buffer. Default 64 KiB (nginx: `proxy_temp_file_write_size`).
    #[must_use]
    pub fn temp_file_write_size(self, bytes: usize) -> Self {
        self.with(|settings| settings.piece = bytes)
    }

    /// How much of a response should wait at once in the connection to the client.
    #[must_use]
    pub fn busy_bytes(&self) -> usize {
        self.settings.busy()
    }

    /// How much the connection to the upstream should read at once: with that, a response takes no more memory than all its
    /// buffers, wherever its bytes are.
    #[must_use]
    pub fn read_bytes(&self) -> usize {
        self.settings.read()
    }

    /// Which way a response goes. `connect`: whether the request's method is CONNECT.
    #[must_use]
    pub fn way(&self, head: &response::Parts, connect: bool) -> Way {
        way(&self.settings, head, connect)
    }

    /// A body that goes this way. `report` hears what becomes of it.
    pub fn body<B: Body>(&self, way: Way, inner: B, report: Option<Report>) -> ResponseBody<B> {
        match way {
            Way::Kept => ResponseBody::kept(inner, Arc::clone(&self.settings), report),
            Way::AtOnce(_) => ResponseBody::at_once(inner),
        }
    }
}

impl<S> Layer<S> for ResponseBufferLayer {
    type Service = ResponseBuffer<S>;

    fn layer(&self, inner: S) -> ResponseBuffer<S> {
        ResponseBuffer { inner, layer: self.clone() }
    }
}
