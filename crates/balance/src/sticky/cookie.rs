//! The cookie that names a peer.

use std::fmt::Write;
use std::time::Duration;

use http::HeaderValue;

/// A cookie that names the peer: a builder, whose setters are nginx's parameters of `sticky cookie`.
///
/// ```
/// use std::time::Duration;
/// use propylon_balance::{Cookie, SameSite};
///
/// let cookie = Cookie::new("srv").expires(Duration::from_secs(60)).path("/app").same_site(SameSite::Lax);
/// let field = cookie.field("a1", Duration::from_secs(1_000_000_000)).unwrap();
/// assert_eq!(field, "srv=a1; expires=Sun, 09-Sep-01 01:47:40 GMT; max-age=60; samesite=lax; path=/app");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: Box<str>,
    expires: Option<Expires>,
    domain: Box<str>,
    path: Box<str>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expires {
    After(Duration),
    Max,
}

/// To which requests from other sites a browser adds the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// None.
    Strict,
    /// Those that lead here.
    Lax,
    /// All.
    None,
}

impl SameSite {
    /// By its name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let all = [Self::Strict, Self::Lax, Self::None];
        all.into_iter().find(|one| one.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Lax => "lax",
            Self::None => "none",
        }
    }
}

impl Cookie {
    /// A cookie of this name, which lasts as long as the browser.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self {
            name: name.into(),
            expires: None,
            domain: Box::default(),
            path: Box::default(),
            secure: false,
            http_only: false,
            same_site: None,
        }
    }

    /// How long the browser keeps it. Default: until it is closed (nginx: `expires=`).
    #[must_use]
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires = Some(Expires::After(after));
        self
    }

    /// The browser keeps it as long as it can (nginx: `expires=max`).
    #[must_use]
    pub fn expires_never(mut self) -> Self {
        self.expires = Some(Expires::Max);
        self
    }

    /// For which hosts it is. Default, and if empty: the one that set it (nginx: `domain=`).
    #[must_use]
    pub fn domain(mut self, domain: impl Into<Box<str>>) -> Self {
        self.domain = domain.into();
        self
    }

    /// For which paths it is. Default, and if empty: that of the request (nginx: `path=`).
    #[must_use]
    pub fn path(mut self, path: impl Into<Box<str>>) -> Self {
        self.path = path.into();
        self
    }

    /// Whether it is sent over TLS only. Default no (nginx: `secure`).
    #[must_use]
    pub fn secure(mut self, on: bool) -> Self {
        self.secure = on;
        self
    }

    /// Whether scripts don't see it. Default no (nginx: `httponly`).
    #[must_use]
    pub fn http_only(mut self, on: bool) -> Self {
        self.http_only = on;
        self
    }

    /// To which requests from other sites it is added. Default: as browsers do (nginx: `samesite=`).
    #[must_use]
    pub fn same_site(mut self, which: impl Into<Option<SameSite>>) -> Self {
        self.same_site = which.into();
        self
    }

    /// What the client's cookie of this name says, in its lines of `Cookie`: the first one, in whatever case.
    #[must_use]
    pub fn find<'h>(&self, lines: impl IntoIterator<Item = &'h [u8]>) -> Option<&'h [u8]> {
        let mut cookies = lines.into_iter().flat_map(|line| line.split(|&byte| byte == b';'));
        cookies.find_map(|cookie| {
            let cookie = cookie.trim_ascii_start();
            let (name, rest) = cookie.split_at_checked(self.name.len())?;
            let rest = rest.trim_ascii_start().strip_prefix(b"=")?;
            name.eq_ignore_ascii_case(self.name.as_bytes()).then(|| rest.trim_ascii_start())
        })
    }

    /// The field `Set-Cookie` with which a client comes back to `peer`; `now` is the time since the Unix epoch. `None` if a
    /// part of it cannot stand in a field.
    #[must_use]
    pub fn field(&self, peer: &str, now: Duration) -> Option<HeaderValue> {
        let mut text = format!("{}={peer}", self.name);
        // Writing to a String cannot fail.
        let _ = match self.expires {
            None => Ok(()),
            Some(Expires::Max) => {
                write!(text, "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age={}", 10 * 365 * DAY)
            }
            Some(Expires::After(after)) => {
                write!(
                    text,
                    "; expires={}; max-age={}",
                    date(now.as_secs().saturating_add(after.as_secs())),
                    after.as_secs()
                )
            }
        };
        let same_site = self.same_site.map(SameSite::as_str).unwrap_or_default();
        for (name, value) in
            [("domain", &*self.domain), ("httponly", ""), ("secure", ""), ("samesite", same_site)]
                .into_iter()
                .chain([("path", &*self.path)])
        {
            let on = match name {
                "httponly" => self.http_only,
                "secure" => self.secure,
                _ => !value.is_empty(),
            };
            if on {
                let equals = if value.is_empty() { "" } else { "=" };
                let _ = write!(text, "; {name}{equals}{value}");
            }
        }
        HeaderValue::try_from(text).ok()
    }
}

const DAY: u64 = 24 * 60 * 60;

/// A second since the Unix epoch as nginx writes it in cookies.
fn date(second: u64) -> String {
    const WEEK: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // What is later has more digits than a date should.
    let second = second.min(253_402_300_799);
    let (days, time) = (second / DAY, second % DAY);
    // Years begin in March: then leap days are last (Howard Hinnant's "chrono-compatible date algorithms").
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = (march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let name = |names: &[&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    let year = if year > 2037 { format!("{year}") } else { format!("{:02}", year % 100) };
    format!(
        "{}, {day:02}-{}-{year} {:02}:{:02}:{:02} GMT",
        name(&WEEK, days % 7),
        name(&MONTHS, month),
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (second, expected) in [
            (0, "Thu, 01-Jan-70 00:00:00 GMT"),
            (951_782_400, "Tue, 29-Feb-00 00:00:00 GMT"),
            (951_868_799, "Tue, 29-Feb-00 23:59:59 GMT"),
            (951_868_800, "Wed, 01-Mar-00 00:00:00 GMT"),
            (1_361_782_204, "Mon, 25-Feb-13 08:50:04 GMT"),
            (1_798_761_600, "Fri, 01-Jan-27 00:00:00 GMT"),
            (2_145_916_555, "Thu, 31-Dec-37 23:55:55 GMT"),
            (2_145_916_800, "Fri, 01-Jan-2038 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01-Mar-2100 00:00:00 GMT"),
            (u64::MAX, "Fri, 31-Dec-9999 23:59:59 GMT"),
        ] {
            assert_eq!(date(second), expected, "{second}");
        }
    }

    #[test]
    fn fields() {
        let check = |cookie: Cookie, expected: &str| {
            assert_eq!(cookie.field("x", Duration::ZERO).unwrap(), expected);
        };
        let cookie = || Cookie::new("c");
        check(cookie(), "c=x");
        check(cookie().domain("").path("").same_site(None), "c=x");
        check(
            cookie().domain("d").path("/p").secure(true).http_only(true).same_site(SameSite::None),
            "c=x; domain=d; httponly; secure; samesite=none; path=/p",
        );
        check(cookie().expires_never(), "c=x; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000");
        check(cookie().expires(Duration::ZERO), "c=x; expires=Thu, 01-Jan-70 00:00:00 GMT; max-age=0");
        assert_eq!(cookie().domain("a\r\nb: c").field("x", Duration::ZERO), None);
    }

    #[test]
    fn what_the_client_says() {
        let check = |lines: &[&'static str], expected: Option<&str>| {
            let cookie = Cookie::new("srv");
            let found = cookie.find(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(found, expected.map(str::as_bytes), "{lines:?}");
        };
        check(&["srv=a"], Some("a"));
        check(&["x=1; srv=a; srv=b"], Some("a"));
        check(&["x=1", "SRV=a"], Some("a"));
        check(&["srv = a"], Some("a"));
        check(&["srvx=a; xsrv=b; srv"], None);
        check(&["srv="], Some(""));
        check(&[], None);
    }
}
