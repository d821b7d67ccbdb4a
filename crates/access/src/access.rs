use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::password::BASE64;
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
    /// Held while a password is checked: how many are at once. The slow hashes would otherwise take every thread of the
    /// blocking pool, and with it the files of everybody else.
    pub turns: Arc<Semaphore>,
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

    /// Why the client may not come in; none: it may.
    #[must_use]
    pub fn why(self) -> Option<Refused> {
        match self {
            Self::Allowed { .. } => None,
            Self::Forbidden => Some(Refused::Address),
            Self::Unauthorized { why, .. } | Self::Failed(why) => Some(why),
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

    /// Whether one of the rules lets a client with this address in, or keeps it out; none: no rule means it.
    #[must_use]
    pub fn address(&self, client: Client) -> Option<bool> {
        self.rules.verdict(client)
    }

    /// Decides about one request. `login`: how passwords are checked, if they are.
    pub async fn check(&self, client: Client, login: Option<Login>) -> Verdict {
        self.decide(self.address(client), login).await
    }

    /// The same, where it is known already what the rules say of the client's [address](Self::address).
    pub async fn decide(&self, address: Option<bool>, login: Option<Login>) -> Verdict {
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
        let Ok(turn) = self.turns.acquire_owned().await else {
            return Verdict::Failed(Refused::Unfinished);
        };
        // Hashes are slow on purpose, and the file may be on a disk. Nothing stops one that has begun, so it keeps its turn.
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            users.check(&name, &password)
        });
        match finished(checked).await {
            Ok(()) => Verdict::Allowed { user: Some(user.into()) },
            Err(why @ (Refused::File { .. } | Refused::Hash { .. } | Refused::Unfinished)) => {
                Verdict::Failed(why)
            }
            Err(why) => Verdict::Unauthorized { challenge: challenge(&self.realm), why },
        }
    }
}

/// A check that panics decides nothing.
async fn finished(check: JoinHandle<Result<(), Refused>>) -> Result<(), Refused> {
    check.await.unwrap_or(Err(Refused::Unfinished))
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
    let mut name = BASE64.decode(encoded.trim_ascii()).ok()?;
    let colon = name.iter().position(|&byte| byte == b':').filter(|&at| at > 0)?;
    let password = name.split_off(colon + 1);
    name.pop();
    Some((name, password))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]
mod tests {
    use std::future::Future;
    use std::task::{Context, Waker};

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

    fn login(file: &std::path::Path, turns: &Arc<Semaphore>) -> Login {
        Login {
            realm: Bytes::from_static(b"r"),
            users: Arc::new(UserFile::new(file)),
            turns: turns.clone(),
            authorization: Some(HeaderValue::from_static("Basic YTpvbmU=")),
        }
    }

    #[tokio::test]
    async fn passwords_are_checked_in_turn() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a:{PLAIN}one\n").unwrap();
        let turns = Arc::new(Semaphore::new(0));
        let mut check = Box::pin(login(file.path(), &turns).check());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(check.as_mut().poll(&mut cx).is_pending(), "there is no turn");
        let mut no_user = login(file.path(), &turns);
        no_user.authorization = None;
        assert_eq!(no_user.check().await.status(), Some(StatusCode::UNAUTHORIZED), "nothing is checked");
        turns.add_permits(1);
        assert_eq!(check.await.status(), None);
        assert_eq!(turns.available_permits(), 1, "it is given back");
    }

    #[tokio::test]
    async fn a_check_that_panics_decides_nothing() {
        let check = tokio::task::spawn_blocking(|| std::panic::resume_unwind(Box::new(())));
        let found = finished(check).await.unwrap_err();
        assert!(matches!(found, Refused::Unfinished));
        assert_eq!(Verdict::Failed(found).status(), Some(StatusCode::INTERNAL_SERVER_ERROR));
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
