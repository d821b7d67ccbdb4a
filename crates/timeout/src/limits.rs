use std::time::Duration;

/// How long one exchange may stand still, on its way out and on its way back.
///
/// As a **request extension** it replaces the limits of the layer, both of them, for this one request. As a **response
/// extension** the layer puts it on a response that turns the connection into a tunnel (101, or 2xx to CONNECT): from
/// there on, whoever joins the two streams keeps the time.
///
/// A limit has the resolution of tokio's timer, a millisecond. `None` is off; a limit of zero is a limit, not "off".
///
/// ```
/// use std::time::Duration;
/// use propylon_timeout::Limits;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Limits::new().read(Duration::from_secs(600)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest time between two takings from the request: the inner service holds the head, or a frame of the
    /// body, and has not come back for the next frame. It does not run while the client keeps the body waiting.
    /// nginx: `proxy_send_timeout`.
    pub send: Option<Duration>,
    /// The longest wait for the response head, counted from the moment when the inner service has taken all of the
    /// request; then the longest wait for each frame of the response body, counted while its consumer waits.
    /// nginx: `proxy_read_timeout`.
    pub read: Option<Duration>,
}

impl Limits {
    /// No limits.
    #[must_use]
    pub const fn new() -> Self {
        Self { send: None, read: None }
    }

    /// Sets the field [`send`](Self#structfield.send).
    #[must_use]
    pub fn send(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.send = limit.into();
        self
    }

    /// Sets the field [`read`](Self#structfield.read).
    #[must_use]
    pub fn read(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.read = limit.into();
        self
    }

    /// How long one may look away and still not come late for any of the limits; `None` if there is none.
    pub(crate) fn shortest(self) -> Option<Duration> {
        self.send.into_iter().chain(self.read).min()
    }
}
