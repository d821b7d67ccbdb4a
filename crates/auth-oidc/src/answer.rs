//! What a browser is answered.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::Error;
use crate::login::PATIENCE;

/// What a browser is answered. Nobody may keep it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body: a page, or none, for whoever has better ones.
    pub body: &'static str,
    /// What went wrong, for the log: browsers are not told.
    pub why: Option<Error>,
}

impl Answer {
    fn new(status: StatusCode) -> Self {
        let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { status, headers: HeaderMap::from_iter([no_store]), body: "", why: None }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        let mut answer = Self::new(StatusCode::FOUND);
        match HeaderValue::from_str(to) {
            Ok(to) => drop(answer.headers.insert(LOCATION, to)),
            Err(_) => {
                return Self::error(Error::answer("the redirect URL", &"not a valid header field value"));
            }
        }
        answer
    }

    pub(crate) fn page(body: &'static str) -> Self {
        let mut answer = Self::new(StatusCode::OK);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        Self { body, ..answer }
    }

    pub(crate) fn error(why: Error) -> Self {
        Self::new(why.status()).because(Some(why))
    }

    pub(crate) fn because(self, why: Option<Error>) -> Self {
        Self { why, ..self }
    }

    pub(crate) fn cookie(mut self, cookie: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(cookie) {
            value.set_sensitive(true);
            self.headers.append(SET_COOKIE, value);
        }
        self
    }
}

/// How cookies are written: for this host alone, not for scripts, and not with what other sites ask for, but when they lead here.
pub(crate) struct Cookies {
    /// Whether browsers see https.
    pub(crate) secure: bool,
}

impl Cookies {
    /// For as long as the browser runs: how long a session lasts is known here.
    pub(crate) fn session(&self, name: &str, id: &str) -> String {
        self.write(name, id, "")
    }

    /// For as long as a login may take.
    pub(crate) fn login(&self, name: &str, browser: &str) -> String {
        self.write(name, browser, &format!("; Max-Age={}", PATIENCE.as_secs()))
    }

    pub(crate) fn gone(&self, name: &str) -> String {
        self.write(name, "", "; Max-Age=0")
    }

    fn write(&self, name: &str, value: &str, age: &str) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}")
    }
}
