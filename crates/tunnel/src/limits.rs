use std::time::Duration;

/// How long a tunnel may stand still. `None` is off.
///
/// ```
/// use std::time::Duration;
/// use propylon_tunnel::Limits;
///
/// let limits = Limits::new().read(Duration::from_secs(60)).send(Duration::from_secs(60));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest time without a byte in either direction, while the upstream is waited for (or the client, once the upstream
    /// has said its last). nginx: `proxy_read_timeout`.
    pub read: Option<Duration>,
    /// The longest time that the upstream may take nothing of what there is for it. nginx: `proxy_send_timeout`.
    pub send: Option<Duration>,
    /// The longest time that the client may take nothing of what there is for it. nginx: `send_timeout`.
    pub client_send: Option<Duration>,
    /// The longest time without a byte in either direction, whoever is waited for. nginx: `proxy_timeout` of the stream module.
    pub idle: Option<Duration>,
}

impl Limits {
    /// No limits.
    #[must_use]
    pub const fn new() -> Self {
        Self { read: None, send: None, client_send: None, idle: None }
    }

    /// Sets the field [`read`](Self#structfield.read).
    #[must_use]
    pub fn read(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.read = limit.into();
        self
    }

    /// Sets the field [`send`](Self#structfield.send).
    #[must_use]
    pub fn send(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.send = limit.into();
        self
    }

    /// Sets the field [`client_send`](Self#structfield.client_send).
    #[must_use]
    pub fn client_send(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.client_send = limit.into();
        self
    }

    /// Sets the field [`idle`](Self#structfield.idle).
    #[must_use]
    pub fn idle(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle = limit.into();
        self
    }
}
