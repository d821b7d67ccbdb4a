use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};

/// What an answer says.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use propylon_auth_request::Verdict;
///
/// let verdict = |status| Verdict::of(status, &HeaderMap::new());
/// assert_eq!(verdict(StatusCode::NO_CONTENT), Verdict::Allowed);
/// assert_eq!(verdict(StatusCode::FORBIDDEN), Verdict::Forbidden);
/// assert_eq!(verdict(StatusCode::FOUND).status(), Some(StatusCode::INTERNAL_SERVER_ERROR));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request may come in: 2xx.
    Allowed,
    /// Its client has to say who it is: 401.
    Unauthorized {
        /// How it is asked: every `WWW-Authenticate`.
        challenges: Vec<HeaderValue>,
    },
    /// It may not: 403.
    Forbidden,
    /// The answer is none to the question, so nobody is let in: 500.
    Unexpected(StatusCode),
}

impl Verdict {
    /// The verdict of an answer with this status and these fields.
    #[must_use]
    pub fn of(status: StatusCode, fields: &HeaderMap) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => {
                Self::Unauthorized { challenges: fields.get_all(WWW_AUTHENTICATE).iter().cloned().collect() }
            }
            StatusCode::FORBIDDEN => Self::Forbidden,
            status if status.is_success() => Self::Allowed,
            status => Self::Unexpected(status),
        }
    }

    /// The status of the response; none: the request goes on.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Allowed => None,
            Self::Unauthorized { .. } => Some(StatusCode::UNAUTHORIZED),
            Self::Forbidden => Some(StatusCode::FORBIDDEN),
            Self::Unexpected(_) => Some(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}
