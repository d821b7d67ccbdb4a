use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use crate::rules::{Client, Rules};
use crate::users::{Refused, UserFile};

/// Who may come in: by address, by password, by both or by either.
///
/// ```
/// use propylon_access::{Access, Client, Rules, Verdict, Whom};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let access = Access::new(Rules::new().allow(Whom::Net("10.0.0.0/8".parse()?)).deny(Whom::All));
/// let verdict = access.check(Client::Ip("192.0.2.1".parse()?), None).await;
/// assert_eq!(verdict.status(), Some(http::StatusCode::FORBIDDEN));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Access {
    rules: Rules,
    any: bool,
}

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub struct Login {
    /// What a browser shows beside the question.
    pub realm: Bytes,
    /// Who may come in.
    pub users: Arc<UserFile>,
    /// The request's field `Authorization`.
    pub authorization: Option<HeaderValue>,
}

/// What was decided.
#[derive(Debug)]
pub enum Verdict {
    /// The client may come in.
    Allowed {
        /// Who it is, if it had to say so.
        user: Option<Bytes>,
    },
    /// Its address is not welcome: 403.
    Forbidden,
    /// It has to say who it is: 401 with this field `WWW-Authenticate`.
    Unauthorized {
        /// The field's value.
        challenge: Option<HeaderValue>,
        /// Why what it said, if anything, is not enough.
        why: Refused,
    },
    /// Nobody can be let in as things are: 403 if the file of users is missing, else 500.
    Failed(Refused),
}

impl Verdict {
    /// The status of the response; none: the request goes on.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Allowed { .. } => None,
            Self::Forbidden => Some(StatusCode::FORBIDDEN),
            Self::Unauthorized { .. } => Some(StatusCode::UNAUTHORIZED),
            Self::Failed(Refused::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Some(StatusCode::FORBIDDEN)
            }
            Self::Failed(_) => Some(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl Access {
    /// These rules; a client that none of them means may come in.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules, any: false }
    }

    /// Whether an address that is allowed or a password is enough (nginx: `satisfy any`). Default: both are needed.
    #[must_use]
    pub const fn satisfy_any(mut self, any: bool) -> Self {
        self.any = any;
        self
    }

    /// Decides about one request. `login`: how passwords are checked, if they are.
    pub async fn check(&self, client: Client, login: Option<Login>) -> Verdict {
        let address = self.rules.verdict(client);
        match (address, login, self.any) {
            (Some(false), _, false) | (Some(false), None, true) => Verdict::Forbidden,
            (Some(true), _, true) | (_, None, _) => Verdict::Allowed { user: None },
            (_, Some(login), _) => login.check().await,
        }
    }
}

impl Login {
    async fn check(self) -> Verdict {
        let Some((user, password)) = self.authorization.as_ref().and_then(credentials) else {
            return Verdict::Unauthorized { challenge: challenge(&self.realm), why: Refused::NoUser };
        };
        let (users, name) = (self.users, user.clone());
        // Hashes are slow on purpose, and the file may be on a disk.
        let checked = tokio::task::spawn_blocking(move || users.check(&name, &password)).await;
        match checked {
            Ok(Ok(())) => Verdict::Allowed { user: Some(user.into()) },
            Ok(Err(why @ (Refused::File { .. } | Refused::Hash { .. }))) => Verdict::Failed(why),
            Ok(Err(why)) => Verdict::Unauthorized { challenge: challenge(&self.realm), why },
            Err(_) => Verdict::Unauthorized { challenge: None, why: Refused::NoUser },
        }
    }
}

/// RFC 7617: the realm is a quoted string.
fn challenge(realm: &[u8]) -> Option<HeaderValue> {
    let mut value = b"Basic realm=\"".to_vec();
    for &byte in realm {
        if matches!(byte, b'"' | b'\\') {
            value.push(b'\\');
        }
        value.push(byte);
    }
    value.push(b'"');
    HeaderValue::from_maybe_shared(Bytes::from(value)).ok()
}

/// The name and the password of `Basic` credentials (RFC 7617).
fn credentials(authorization: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = authorization.as_bytes().split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut name = GeneralPurpose::new(&STANDARD, config).decode(encoded.trim_ascii()).ok()?;
    let colon = name.iter().position(|&byte| byte == b':').filter(|&at| at > 0)?;
    let password = name.split_off(colon + 1);
    name.pop();
    Some((name, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords() {
        #[track_caller]
        fn check(value: &'static str, expected: Option<(&str, &str)>) {
            let found = credentials(&HeaderValue::from_static(value));
            let expected = expected.map(|(name, word)| (name.as_bytes().to_vec(), word.as_bytes().to_vec()));
            assert_eq!(found, expected, "{value}");
        }
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", "open sesame")));
        check("basic  YTpiOmM", Some(("a", "b:c")));
        check("Basic YTo=", Some(("a", "")));
        check("Basic OmI=", None);
        check("Basic YWI=", None);
        check("Basic !", None);
        check("Bearer YTpi", None);
        check("Basic", None);
    }

    #[test]
    fn realms_are_quoted() {
        assert_eq!(
            challenge(b"Staff").as_ref().map(HeaderValue::as_bytes),
            Some(&b"Basic realm=\"Staff\""[..])
        );
        assert_eq!(
            challenge(b"a\"\\").as_ref().map(HeaderValue::as_bytes),
            Some(&br#"Basic realm="a\"\\""#[..])
        );
        assert_eq!(challenge(b"a\r\nb"), None);
    }
}
