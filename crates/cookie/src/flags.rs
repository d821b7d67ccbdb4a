//! What a cookie is protected by.

use crate::line::Name;

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

impl Flags {
    /// What is wanted of each flag, as it is written.
    pub(crate) fn wanted(self) -> Wanted {
        Wanted([
            (Name::SECURE, self.secure.map(|on| on.then_some("Secure")), true),
            (Name::HTTP_ONLY, self.http_only.map(|on| on.then_some("HttpOnly")), true),
            (Name::SAME_SITE, self.same_site.map(|site| site.map(SameSite::attribute)), true),
        ])
    }
}

/// What is wanted of each flag, and whether it has not been met yet.
pub(crate) struct Wanted([(Name, Option<Option<&'static str>>, bool); 3]);

impl Wanted {
    /// A flag of this name is met: what it is to be, or that it is not to be there; `None`: as it is.
    pub(crate) fn of(&mut self, name: Name) -> Option<Option<&'static str>> {
        let (_, wanted, missing) = self.0.iter_mut().find(|(is, ..)| *is == name)?;
        *missing = false;
        *wanted
    }

    /// Those that are to be there and were not met.
    pub(crate) fn missing(self) -> impl Iterator<Item = &'static str> {
        self.0.into_iter().filter(|(.., missing)| *missing).filter_map(|(_, wanted, _)| wanted?)
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
