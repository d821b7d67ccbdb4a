//! What the cookie is like.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::id::{Id, LENGTH};
use crate::{Version, cookies};

/// What the cookie is like.
///
/// ```
/// use std::time::Duration;
/// use propylon_userid::{Expires, Rules, SameSite};
///
/// let rules = Rules::new("uid")
///     .domain("example.com")
///     .expires(Expires::After(Duration::from_secs(365 * 24 * 3600)))
///     .secure()
///     .http_only()
///     .same_site(SameSite::Lax);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    name: Box<str>,
    domain: Option<Box<str>>,
    path: Box<str>,
    expires: Option<Expires>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
    mark: Option<u8>,
    pub(crate) p3p: Option<HeaderValue>,
    pub(crate) version: Version,
    service: Option<u32>,
}

/// Until when a browser keeps the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expires {
    /// Until the end of 2037.
    Max,
    /// For so long.
    After(Duration),
}

/// To which requests a browser adds the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// To those of the site's own pages.
    Strict,
    /// To links from elsewhere, too.
    Lax,
    /// To all.
    None,
}

/// What a client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    id: Id,
    /// As it stands in its cookie, which may differ in bits that do not count.
    text: Box<[u8]>,
    /// What follows it there.
    behind: Option<[u8; 2]>,
}

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    id: Id,
    text: Box<[u8]>,
}

impl Rules {
    /// A cookie of this name, for all paths, until the browser is closed.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            path: "/".into(),
            expires: None,
            secure: false,
            http_only: false,
            same_site: None,
            mark: None,
            p3p: None,
            version: Version::default(),
            service: None,
        }
    }

    /// Its `domain`.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<Box<str>>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Its `path`. Default: `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<Box<str>>) -> Self {
        self.path = path.into();
        self
    }

    /// Until when it is kept. Default: until the browser is closed.
    #[must_use]
    pub const fn expires(mut self, expires: Expires) -> Self {
        self.expires = Some(expires);
        self
    }

    /// The flag `secure`.
    #[must_use]
    pub const fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// The flag `httponly`.
    #[must_use]
    pub const fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// The attribute `samesite`.
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// A letter, a digit or `=` behind the id. A client whose cookie has another one gets it anew, with the same id: with other attributes, if
    /// these have changed.
    #[must_use]
    pub const fn mark(mut self, mark: u8) -> Self {
        self.mark = Some(mark);
        self
    }

    /// A field `P3P` beside the cookie.
    #[must_use]
    pub fn p3p(mut self, value: HeaderValue) -> Self {
        self.p3p = Some(value);
        self
    }

    /// How new ids are written. Default: [`Version::Two`].
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Who gives ids, where several servers do. Default: the server's address, and with [`Version::One`] nobody.
    #[must_use]
    pub const fn service(mut self, service: u32) -> Self {
        self.service = Some(service);
        self
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of whom new ids are.
    pub(crate) fn service_bytes(&self, local: [u8; 4]) -> [u8; 4] {
        match (self.version, self.service) {
            (Version::One, service) => service.unwrap_or_default().to_le_bytes(),
            (Version::Two, Some(service)) => service.to_be_bytes(),
            (Version::Two, None) => local,
        }
    }

    /// What the client has, by the lines of its `Cookie`.
    pub fn got<'h>(&self, lines: impl IntoIterator<Item = &'h [u8]>) -> Option<Got> {
        let value = cookies::find(lines, &self.name)?;
        let (text, rest) = value.split_at_checked(LENGTH)?;
        let behind = rest.first_chunk().copied();
        Some(Got { id: Id::parse(text)?, text: text.into(), behind })
    }

    /// What the client gets: nothing, if it `got` a cookie that is as it should be and nobody wants it `reset`.
    pub fn set(&self, got: Option<&Got>, reset: bool, fresh: impl FnOnce() -> Id) -> Option<Set> {
        let (id, text) = match got.filter(|_| !reset) {
            Some(got) if self.mark.is_none_or(|mark| got.behind == Some([mark, b'='])) => return None,
            Some(got) => (got.id, got.text.to_vec()),
            None => {
                let id = fresh();
                (id, id.text().into_bytes())
            }
        };
        Some(Set { id, text: text.into() })
    }

    /// The line of `Set-Cookie`; `now`: the time since 1970. Nothing if what the rules say cannot stand there.
    #[must_use]
    pub fn field(&self, set: &Set, now: Duration) -> Option<HeaderValue> {
        let mark = char::from(self.mark.unwrap_or(b'='));
        let mut line = format!("{}={}{mark}=", self.name, String::from_utf8_lossy(&set.text));
        match self.expires {
            Some(Expires::Max) => line.push_str("; expires=Thu, 31-Dec-37 23:55:55 GMT"),
            Some(Expires::After(time)) => {
                let seconds = i64::try_from(now.saturating_add(time).as_secs()).ok();
                let _ = write!(line, "; expires={}", date(seconds?)?); // a String takes everything
            }
            None => {}
        }
        if let Some(domain) = &self.domain {
            let _ = write!(line, "; domain={domain}");
        }
        let _ = write!(line, "; path={}", self.path);
        let same_site = self.same_site.map(|site| match site {
            SameSite::Strict => "; samesite=strict",
            SameSite::Lax => "; samesite=lax",
            SameSite::None => "; samesite=none",
        });
        let flags = [self.secure.then_some("; secure"), self.http_only.then_some("; httponly"), same_site];
        flags.into_iter().flatten().for_each(|flag| line.push_str(flag));
        HeaderValue::from_maybe_shared(Bytes::from(line)).ok()
    }
}

impl Got {
    /// The id.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }
}

impl Set {
    /// The id.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }
}

/// The date in the form that nginx has for cookies: two digits for the year, as long as two are enough.
fn date(seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC);
    let form = if time.year() > 2037 { "%a, %d-%b-%Y %H:%M:%S GMT" } else { "%a, %d-%b-%y %H:%M:%S GMT" };
    Some(time.strftime(form).to_string())
}
