use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use propylon_auth_jwt::{Token, value_at};
use serde_json::{Map, Value, json};

/// Somebody who has logged in.
pub struct Session {
    /// Whose it is: the issuer and the client.
    of: Box<str>,
    id_token: Token,
    access_token: Bytes,
    /// What else is known of the user, as text and as a tree.
    userinfo: Option<(Bytes, Map<String, Value>)>,
    /// The provider's name of it.
    sid: Option<Box<str>>,
    ends: SystemTime,
}

impl Session {
    pub(crate) fn new(
        of: impl Into<Box<str>>,
        id_token: Token,
        access_token: &str,
        ends: SystemTime,
    ) -> Self {
        let access_token = Bytes::copy_from_slice(access_token.as_bytes());
        Self { of: of.into(), id_token, access_token, userinfo: None, sid: None, ends }
    }

    pub(crate) fn with_userinfo(mut self, userinfo: Option<(Bytes, Map<String, Value>)>) -> Self {
        self.userinfo = userinfo;
        self
    }

    pub(crate) fn with_sid(mut self, sid: Option<Box<str>>) -> Self {
        self.sid = sid;
        self
    }

    /// Whether it is of this one, and lasts.
    pub(crate) fn is_of(&self, whose: &str, now: SystemTime) -> bool {
        *self.of == *whose && now < self.ends
    }

    /// The ID token.
    #[must_use]
    pub fn id_token(&self) -> &str {
        self.id_token.text()
    }

    /// The access token.
    #[must_use]
    pub const fn access_token(&self) -> &Bytes {
        &self.access_token
    }

    /// What else the provider says of the user, as JSON on one line.
    #[must_use]
    pub fn userinfo(&self) -> Option<&Bytes> {
        self.userinfo.as_ref().map(|(json, _)| json)
    }

    /// What the provider says of the user under this name, in the ID token or else beside it: texts as they are, numbers and truths as JSON
    /// has them, arrays as their elements with commas between them. An object has none, nor has `null`.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<Bytes> {
        let beside = || self.userinfo.as_ref().and_then(|(_, claims)| value_at(claims, &[name]));
        self.id_token.claim(&[name]).or_else(beside)
    }

    /// The provider's name of the session, by which it may end it.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// When it ends.
    #[must_use]
    pub const fn ends(&self) -> SystemTime {
        self.ends
    }

    /// All of it as a text, for a store that keeps texts. Whoever reads it can act as the user.
    #[must_use]
    pub fn to_text(&self) -> String {
        let ends = self.ends.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let userinfo = self.userinfo.as_ref().and_then(|(json, _)| std::str::from_utf8(json).ok());
        json!({
            "of": self.of, "id_token": self.id_token(), "access_token": String::from_utf8_lossy(&self.access_token),
            "userinfo": userinfo, "sid": self.sid, "ends": ends,
        })
        .to_string()
    }

    /// What such a text is of.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let all: Map<String, Value> = serde_json::from_slice(text).ok()?;
        let text = |name: &str| all.get(name).and_then(Value::as_str);
        let userinfo = match text("userinfo") {
            Some(json) => Some((Bytes::copy_from_slice(json.as_bytes()), serde_json::from_str(json).ok()?)),
            None => None,
        };
        let ends = UNIX_EPOCH.checked_add(Duration::from_secs(all.get("ends")?.as_u64()?))?;
        let id_token = Token::parse(text("id_token")?.as_bytes()).ok()?;
        let session = Self::new(text("of")?, id_token, text("access_token")?, ends);
        Some(session.with_userinfo(userinfo).with_sid(text("sid").map(Into::into)))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its tokens are nobody's business.
        f.debug_struct("Session").field("of", &self.of).field("ends", &self.ends).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use propylon_testkit::tokens::encode;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let claims = encode(r#"{"sub":"me","n":[1,"a"]}"#);
        let token = format!("{}.{claims}.c2ln", encode(r#"{"alg":"ES256"}"#));
        let ends = UNIX_EPOCH + Duration::from_secs(1000);
        let json = Bytes::from_static(br#"{"sub": "me", "n": 2, "email": "e"}"#);
        let userinfo = Some((json.clone(), serde_json::from_slice(&json).unwrap()));
        let session = Session::new("us", Token::parse(token.as_bytes()).unwrap(), "access", ends);
        let session = session.with_userinfo(userinfo).with_sid(Some("s".into()));
        for session in [Session::from_text(session.to_text().as_bytes()).unwrap(), session] {
            assert_eq!((session.id_token(), &**session.access_token()), (&*token, &b"access"[..]));
            assert_eq!((session.userinfo(), session.sid(), session.ends()), (Some(&json), Some("s"), ends));
            assert_eq!(session.claim("n").as_deref(), Some(&b"1,a"[..]), "the ID token comes first");
            assert_eq!(session.claim("email").as_deref(), Some(&b"e"[..]));
            assert_eq!(session.claim("none"), None);
            let second = Duration::from_secs(1);
            assert!(session.is_of("us", ends - second) && !session.is_of("us", ends));
            assert!(!session.is_of("them", ends - second));
        }
        for text in ["", "{}", "[]", r#"{"of":"us","ends":1,"access_token":"a","id_token":"x"}"#] {
            assert!(Session::from_text(text.as_bytes()).is_none(), "{text}");
        }
    }
}
