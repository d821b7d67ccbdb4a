//! What a cookie is protected by.

/// Which flags a cookie gets and which it loses; all others stay as they are.
///
/// ```
/// use propylon_cookie::{Flags, SameSite};
///
/// let strict = Flags::new().secure().http_only().same_site(SameSite::Strict);
/// let open = Flags::new().no_secure().no_http_only().no_same_site();
/// # let _ = (strict, open);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub(crate) secure: Option<bool>,
    pub(crate) http_only: Option<bool>,
    pub(crate) same_site: Option<Option<SameSite>>,
}

/// Which requests from other sites a cookie goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// None.
    Strict,
    /// Those that a user makes by following a link.
    Lax,
    /// All; browsers ask for `Secure` besides.
    None,
}

impl Flags {
    /// All flags stay as they are.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `Secure`: the cookie goes over TLS alone.
    #[must_use]
    pub const fn secure(mut self) -> Self {
        self.secure = Some(true);
        self
    }

    /// Removes `Secure`.
    #[must_use]
    pub const fn no_secure(mut self) -> Self {
        self.secure = Some(false);
        self
    }

    /// `HttpOnly`: scripts do not see the cookie.
    #[must_use]
    pub const fn http_only(mut self) -> Self {
        self.http_only = Some(true);
        self
    }

    /// Removes `HttpOnly`.
    #[must_use]
    pub const fn no_http_only(mut self) -> Self {
        self.http_only = Some(false);
        self
    }

    /// `SameSite` with this value.
    #[must_use]
    pub const fn same_site(mut self, value: SameSite) -> Self {
        self.same_site = Some(Some(value));
        self
    }

    /// Removes `SameSite`.
    #[must_use]
    pub const fn no_same_site(mut self) -> Self {
        self.same_site = Some(None);
        self
    }
}

impl SameSite {
    pub(crate) const fn attribute(self) -> &'static str {
        match self {
            Self::Strict => "SameSite=Strict",
            Self::Lax => "SameSite=Lax",
            Self::None => "SameSite=None",
        }
    }
}
